"""Where a token lands on the stored map of the gallery: where UMAP's own loss for one new point is least.

UMAP's `transform` starts a new point among its nearest clips and then moves it a little, thousands of times: towards
one of them, as often as it is near, and each time away from five clips drawn by lot. On average that walks downhill
in a loss, which is here added up for every cell of a grid. The lowest cell is where UMAP mostly ends, without its
lots, and without its import and compile time of many seconds (`python -m tests.bench.place` compares the two).

Source: McInnes, Healy and Melville 2018, "UMAP: Uniform Manifold Approximation and Projection", section 4 and
appendix C; umap-learn 0.5, `UMAP.transform`.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .atlas import FEWEST, NEIGHBOURS

if TYPE_CHECKING:
    from .search import Neighbours

PITCH, CELLS = 0.1, 256  # of the grid, in map units: UMAP's `min_dist`, below which its loss is smooth; and at most
MARGIN = 0.04  # of a side: how far beyond the outermost clips a token may land, still in the page's view
A, B = 1.5769, 0.8951  # a pair r apart is close to the degree 1 / (1 + A r^2B): UMAP's fit to its `min_dist` of 0.1
LOTS = 5  # clips that push for one that pulls: UMAP's `negative_sample_rate`
SOFTENED = 0.001  # added to a push's squared distance, as in UMAP


class Landscape:
    """The loss over the map whose clips lie at `coordinates` [N, 2], in the atlas's units."""

    def __init__(self, coordinates: np.ndarray) -> None:
        self._coordinates = coordinates
        low, high = coordinates.min(axis=0), coordinates.max(axis=0)
        room = MARGIN * (high - low)
        self._corner = low - room
        sides = high - low + 2 * room
        self._pitch = max(PITCH, float(sides.max()) / (CELLS - 1))
        self._shape = np.ceil(sides / self._pitch).astype(int) + 1
        self._cells = np.rint((coordinates - self._corner) / self._pitch).astype(np.int16)
        x, y = (self._pitch * np.arange(1 - size, size) for size in self._shape)
        distances = np.hypot(x[:, None], y)  # of any cell to any other
        pull = np.log1p(A * distances ** (2 * B)).astype(np.float32)
        self._pulls = sliding_window_view(pull, tuple(self._shape))
        self._push = self._pushes(_push(distances)).astype(np.float32)

    def place(self, neighbours: "Neighbours") -> tuple[float, float]:
        """(x, y) for the nearest of a token's neighbours among the clips, in the atlas's units."""
        clips = len(self._coordinates)
        if clips < FEWEST:
            x, y = self._coordinates[neighbours.ids[0]]
            return float(x), float(y)
        near = min(NEIGHBOURS, clips - 1)
        weights = nearness(1 - neighbours.scores[:near])
        rows, columns = (self._shape - 1 - self._cells[neighbours.ids[:near]]).T
        loss = np.tensordot(weights, self._pulls[rows, columns], 1) + weights.sum() * self._push
        row, column = divmod(int(loss.argmin()), loss.shape[1])
        finer = row + _lowest(loss[:, column], row), column + _lowest(loss[row], column)
        x, y = self._corner + self._pitch * np.array(finer)
        return float(x), float(y)

    def _pushes(self, push: np.ndarray) -> np.ndarray:
        """Of all clips together, as strong as `LOTS` of them in the mean, for each cell: one convolution, however many
        clips there are."""
        counts = np.zeros(self._shape)
        np.add.at(counts, tuple(self._cells.T), LOTS / len(self._cells))
        # What wraps around, because the circle is no longer than the kernel, lands outside the cells that are kept.
        spread = np.fft.irfft2(np.fft.rfft2(counts, push.shape) * np.fft.rfft2(push), push.shape)
        return spread[self._shape[0] - 1 :, self._shape[1] - 1 :]


def nearness(distances: np.ndarray) -> np.ndarray:
    """How strongly each neighbour pulls, float32 [k] up to 1 for the nearest, from cosine distances [k], nearest first.

    They fall exponentially, so steeply that those of all but the first add up to log2 k (UMAP's "smooth" k).
    """
    distances = np.maximum(distances.astype(np.float64), 1e-6)
    others, wanted = distances[1:], math.log(math.log2(len(distances)))
    # Newton's method on the logarithm of the sum, which is convex and almost a line, from a slope of zero.
    steep = (math.log(len(others)) - wanted) / others.mean()
    for _ in range(4):
        parts = np.exp(-steep * others)
        total = parts.sum()
        steep += (math.log(total) - wanted) * total / (parts @ others)
    return np.exp(-steep * (distances - distances[0])).astype(np.float32)


def _push(distances: np.ndarray) -> np.ndarray:
    """The loss with which one clip pushes, at each of `distances`: the push, added up from far away."""
    r = np.linspace(0, distances.max(), 20_000)
    push = 2 * B * r / ((SOFTENED + r**2) * (1 + A * r ** (2 * B)))
    passed = np.concatenate([[0], np.cumsum((push[1:] + push[:-1]) / 2 * np.diff(r))])
    return np.interp(distances, r, passed[-1] - passed)


def _lowest(loss: np.ndarray, at: int) -> float:
    """How far from the lowest cell of a line the lowest point lies, in cells: that of a parabola through three."""
    if not 0 < at < len(loss) - 1:
        return 0.0
    before, lowest, after = map(float, loss[at - 1 : at + 2])
    bend = before - 2 * lowest + after
    return (before - after) / (2 * bend) if bend > 0 else 0.0
