"""The map of a gallery."""

import numpy as np
import pytest

from soundclip_demo import atlas

TOKENS = np.random.default_rng(0).normal(size=(9, 64)).astype(np.float32)


def test_the_middle_clip_stands_for_its_group() -> None:
    groups = np.array([1, 0, 1, 1, 2])
    places = np.array([[0, 0], [10, 0], [2, 0], [1.2, 0], [11, 0]], np.float32)
    rows, order = atlas.centres(groups, places)
    assert rows.tolist() == [1, 3, 4]
    assert order[0] == 1  # the largest


def test_of_groups_of_one_size_the_loneliest_is_named_first() -> None:
    places = np.array([[0, 0], [1, 0], [9, 0], [30, 0]], np.float32)
    _, order = atlas.centres(np.arange(4), places)
    assert order.tolist() == [3, 2, 0, 1]


def test_a_single_group_has_a_middle() -> None:
    rows, order = atlas.centres(np.zeros(3, int), np.array([[0, 0], [1, 0], [2, 0]], np.float32))
    assert (rows.tolist(), order.tolist()) == ([1], [0])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_few_clips_stand_apart_on_a_line(size: int) -> None:
    placed = atlas.fit(TOKENS[:size])
    assert placed.shape == (size, 2)
    assert placed.dtype == np.float32
    assert len({tuple(point) for point in placed.tolist()}) == size


@pytest.mark.parametrize("size", [4, 9])
def test_maps_of_small_galleries_are_finite_and_repeatable(size: int) -> None:
    placed = atlas.fit(TOKENS[:size])
    assert placed.shape == (size, 2)
    assert np.isfinite(placed).all()
    np.testing.assert_array_equal(placed, atlas.fit(TOKENS[:size]))


def test_alike_clips_are_neighbours_on_the_map() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(2, 1, 64))
    tokens = (centres + 0.1 * random.normal(size=(2, 20, 64))).reshape(40, 64).astype(np.float32)
    placed = atlas.fit(tokens)
    nearest = np.linalg.norm(placed[:, None] - placed[None], axis=2).argsort(axis=1)[:, 1]
    np.testing.assert_array_equal(nearest // 20, np.arange(40) // 20)
