"""Places on the map."""

import math

import numpy as np
import pytest

from soundclip_demo import atlas
from soundclip_demo.atlas import Atlas, weighted
from soundclip_demo.search import Neighbours

RANDOM = np.random.default_rng(0)
CLUSTERS = np.array([[0, 0], [12, 5], [3, 14]])
CLIPS = (CLUSTERS[:, None] + RANDOM.normal(0, 0.7, (3, 20, 2))).reshape(-1, 2).astype(np.float32)  # 20 of each


def neighbours(rows: list[int], scores: list[float] | np.ndarray) -> Neighbours:
    return Neighbours(np.array(rows), np.array(scores, np.float32), 0.1, 0.2)


def loss(place: np.ndarray, found: Neighbours) -> float:
    """UMAP's cross-entropy of a new token at a place, written out."""
    joined = 1 / (1 + atlas.A * ((place - CLIPS) ** 2).sum(1) ** atlas.B)
    weights = weighted(1 - found.scores.astype(float))
    pushed = -np.log(np.maximum(1 - joined, atlas.NEAREST)).mean()
    return float(-weights @ np.log(joined[found.ids]) + atlas.NEGATIVES * weights.sum() * pushed)


def test_nowhere_on_the_map_would_less_be_lost() -> None:
    low, high = CLIPS.min(0), CLIPS.max(0)
    for seed in range(8):
        random = np.random.default_rng(seed)
        found = neighbours(random.permutation(60)[:15].tolist(), -np.sort(-random.uniform(0, 1, 15)))
        placed = np.array(Atlas(CLIPS).place(found))
        others = random.uniform(low, high, (2000, 2))
        least = min(loss(place, found) for place in others)
        assert loss(placed, found) <= least + 0.02 * abs(least)


def test_a_token_lands_among_the_clips_that_it_is_like() -> None:
    found = neighbours(list(range(20, 35)), np.linspace(0.9, 0.6, 15))
    assert np.linalg.norm(np.subtract(Atlas(CLIPS).place(found), CLUSTERS[1])) < 2


def test_a_token_that_is_like_two_kinds_lands_with_one_of_them_and_not_between() -> None:
    found = neighbours([*range(8), *range(20, 27)], [0.8] * 15)
    away = np.linalg.norm(CLUSTERS - Atlas(CLIPS).place(found), axis=1)
    assert away.min() < 2
    assert away.argmin() == 0  # eight of fifteen


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_clips_have_places_too(count: int) -> None:
    line = np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)
    x, y = Atlas(line).place(neighbours(list(range(count)), [0.5] * count))
    assert -1 <= x <= count and y == 0


def test_of_very_many_clips_some_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = neighbours(list(range(15)), np.linspace(0.9, 0.6, 15))
    whole = Atlas(CLIPS).place(found)
    monkeypatch.setattr(atlas, "SAMPLE", 40)
    assert np.linalg.norm(np.subtract(Atlas(CLIPS).place(found), whole)) < 1


def test_neighbours_belong_by_their_distance_whatever_its_scale() -> None:
    distances = np.sort(RANDOM.uniform(0.1, 0.6, 15))
    weights = weighted(distances)
    assert weights[0] == 1 and (np.diff(weights) < 0).all()
    assert (weights[1:] * np.exp(-distances[0] / scale_of(distances))).sum() == pytest.approx(math.log2(15), abs=1e-4)
    np.testing.assert_allclose(weighted(7 * distances), weights, rtol=1e-4)


def scale_of(distances: np.ndarray) -> float:
    """From two weights back to the scale that made them."""
    weights = weighted(distances)
    return float((distances[-1] - distances[0]) / -np.log(weights[-1]))


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
