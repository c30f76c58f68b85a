"""The map in tiles: every clip in one of each level, at most so many of each, and the same ones when zooming in."""

import numpy as np
import pytest

from soundclip_demo import tiles
from soundclip_demo.tiles import CELLS, DEEPEST, MOST, WHOLE, Tiles, is_tile


def places(count: int, seed: int = 0) -> np.ndarray:
    """Clusters, as a map has, wider than high."""
    random = np.random.default_rng(seed)
    middles = random.normal(0, (8, 3), (20, 2))
    return (middles[random.integers(0, 20, count)] + random.normal(0, 0.3, (count, 2))).astype(np.float32)


def of_level(level: int) -> list[tuple[int, int, int]]:
    return [(level, column, row) for column in range(2**level) for row in range(2**level)]


def test_few_clips_are_all_there() -> None:
    cut = Tiles(places(200))
    assert cut.clips(*WHOLE).tolist() == list(range(200))
    for level in (1, 2, 5):
        assert sorted(np.concatenate([cut.clips(*tile) for tile in of_level(level)]).tolist()) == list(range(200))


def test_a_tile_holds_what_lies_in_its_square() -> None:
    at = places(500)
    cut = Tiles(at)
    for level, column, row in of_level(3):
        size = cut.side / 2**3
        low = cut.corner + np.array([column, row]) * size
        inside = ((at >= low) & (at < low + size)).all(axis=1)
        assert set(np.flatnonzero(inside)) <= set(cut.clips(level, column, row).tolist())
        assert cut.count(level, column, row) == len(cut.clips(level, column, row))
    assert sum(cut.count(*tile) for tile in of_level(3)) == 500


def test_of_many_clips_some_stand_for_all_and_stay_when_zooming_in() -> None:
    at = places(5 * MOST)
    cut = Tiles(at)
    whole = cut.clips(*WHOLE)
    assert len(set(whole.tolist())) == MOST
    assert cut.clips(*WHOLE).tolist() == whole.tolist() == Tiles(at).clips(*WHOLE).tolist()
    np.testing.assert_allclose(at[whole].mean(0), at.mean(0), atol=0.5)  # a fair lot
    for level in range(5):
        for _, column, row in of_level(level):
            smaller = [cut.clips(level + 1, 2 * column + i, 2 * row + j) for i in (0, 1) for j in (0, 1)]
            assert set(cut.clips(level, column, row).tolist()) <= set(np.concatenate(smaller).tolist())
            assert all(len(rows) <= MOST for rows in smaller)


def test_density_counts_every_clip() -> None:
    at = places(700)
    cut = Tiles(at)
    edges = [low + cut.side * np.linspace(0, 1, CELLS + 1) for low in cut.corner]
    counted = np.histogram2d(at[:, 1], at[:, 0], (edges[1], edges[0]))[0]
    assert cut.density.sum() == 700
    assert np.abs(cut.density - counted).sum() <= 10  # clips on an edge, by rounding


@pytest.mark.parametrize("count", [1, 2, MOST + 1])
def test_clips_may_lie_on_one_spot(count: int) -> None:
    cut = Tiles(np.ones((count, 2), np.float32))
    assert cut.count(DEEPEST, 0, 0) == count
    assert len(cut.clips(DEEPEST, 0, 0)) == min(count, MOST)
    assert cut.count(1, 1, 1) == 0
    assert cut.clips(1, 1, 1).tolist() == []


def test_every_deepest_tile_has_its_place() -> None:
    assert tiles.DEEPEST < tiles.BITS
    last = 2**DEEPEST - 1
    cut = Tiles(np.array([[0, 0], [1, 1], [1, 0]], np.float32))
    assert cut.clips(DEEPEST, 0, 0).tolist() == [0]
    assert cut.clips(DEEPEST, last, last).tolist() == [1]
    assert cut.clips(DEEPEST, last, 0).tolist() == [2]


def test_what_is_no_tile() -> None:
    assert is_tile([0, 0, 0])
    assert is_tile((DEEPEST, 2**DEEPEST - 1, 0))
    outside = ([0, 1, 0], [1, 0, 2], [-1, 0, 0], [1, -1, 0], [DEEPEST + 1, 0, 0])
    for anything in (*outside, None, 3, "000", [0, 0], [0, 0, 0, 0], [0.0, 0, 0], [True, 0, 0], ["1", 0, 0], {}):
        assert not is_tile(anything)
