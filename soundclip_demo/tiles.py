"""The map in tiles: how densely the clips lie, and for each tile a few of them that stand for all of it.

The square around all clips is tile (0, 0, 0). Halved both ways it is four tiles of the next level, and so on: tile
(level, column, row) counts columns from the left and rows from below. Of a tile at most `MOST` clips are told of, drawn
by one lot that each clip has for good: a clip that is drawn for a tile is drawn for the smaller one that holds it, too,
so that zooming in adds dots and takes none away.
"""

import numpy as np

MOST = 3000  # clips of a tile
WHOLE = (0, 0, 0)
DEEPEST = 10  # level; its tiles are 1/1024 of the map wide
CELLS = 128  # of the grid of densities, each way
BITS = 16  # of a place on one axis


class Tiles:
    """Cuts a map into tiles; a tile of half a million clips takes a few milliseconds, a small one none.

    Attributes:
        corner: [2], the lower left one of the whole, in the map's units.
        side: length of the whole's sides.
        density: int [CELLS, CELLS], clips in each cell of a grid over the whole; rows from below.
    """

    def __init__(self, coordinates: np.ndarray) -> None:
        """`coordinates` [N, 2]."""
        self.corner = coordinates.min(axis=0)
        self.side = float((coordinates.max(axis=0) - self.corner).max()) or 1.0
        places = ((coordinates - self.corner) / self.side * 2**BITS).astype(np.int64).clip(0, 2**BITS - 1).T
        column, row = places * CELLS >> BITS
        self.density = np.bincount(row * CELLS + column, minlength=CELLS**2).reshape(CELLS, CELLS)
        # Sorted along a curve that runs through each tile in one go, a tile's clips are a range.
        codes = _interleaved(*places)
        self._rows = np.argsort(codes, kind="stable")
        self._codes = codes[self._rows]
        self._lots = np.random.default_rng(0).permutation(len(codes)).astype(np.int32)

    def clips(self, level: int, column: int, row: int) -> np.ndarray:
        """Rows of the clips that stand for a tile, ascending: all of it, or `MOST`."""
        first, last = self._range(level, column, row)
        drawn = slice(None)
        if last - first > MOST:
            drawn = np.argpartition(self._lots[first:last], MOST)[:MOST]
        return np.sort(self._rows[first:last][drawn])

    def count(self, level: int, column: int, row: int) -> int:
        """How many clips lie in a tile."""
        first, last = self._range(level, column, row)
        return last - first

    def _range(self, level: int, column: int, row: int) -> tuple[int, int]:
        code, below = _interleaved(column, row), 2 * (BITS - level)
        first, last = np.searchsorted(self._codes, [code << below, (code + 1) << below])
        return int(first), int(last)


def is_tile(place: object) -> bool:
    """Whether it is [level, column, row] of a tile."""
    whole = isinstance(place, list | tuple) and [type(number) for number in place] == [int] * 3
    return whole and 0 <= place[0] <= DEEPEST and all(0 <= number < 2 ** place[0] for number in place[1:])


def _interleaved(column, row):
    """The bits of both numbers in turn: one number, or an array of them."""
    return _spread(column) | _spread(row) << 1


def _spread(number):
    """16 bits with a zero before each."""
    for by, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        number = (number | number << by) & mask
    return number
