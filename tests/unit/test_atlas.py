"""Places on the map."""

import numpy as np

from soundclip_demo import atlas


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
