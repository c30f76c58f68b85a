"""Where a token lands on the stored map of the gallery.

The map is UMAP of the gallery's tokens, fitted offline (`python -m training atlas`). UMAP places a new token where
what it loses is least: near the token's nearest clips, for which it draws lots a hundred times over, and away from
all others. Here the same loss is computed on a grid over the map, without lots: a hundredth of the time, and no import
and compilation of many seconds (`python -m tests.bench.place` compares the two).
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from umap import UMAP

    from .search import Neighbours

NEIGHBOURS = 15
# UMAP's own: two clips at distance d on the map belong together by 1 / (1 + A d^2B), which follows from its usual
# `min_dist` of 0.1, and for each neighbour that draws, so many clips push.
A, B = 1.5769434603, 0.8950608779
NEGATIVES = 5
NEAREST = 1e-3  # of the share by which a clip does not belong there: what keeps its logarithm finite
MARGIN = 0.1  # of the map's sides: what all clips push away may lie outside of them
GRID = 128  # places each way
STRIDE = 4  # every fourth is looked at first, then all around the best of them
SAMPLE = 4000  # clips that stand for all others
STEPS = 40  # of halving


class Atlas:
    """The map of a gallery."""

    def __init__(self, coordinates: np.ndarray) -> None:
        """`coordinates` [N, 2] of the clips."""
        self._coordinates = coordinates.astype(np.float64)
        low, high = self._coordinates.min(axis=0), self._coordinates.max(axis=0)
        room = MARGIN * (high - low)
        self._x, self._y = np.linspace(low - room, high + room, GRID).T
        count = len(coordinates)
        some = np.arange(count) if count <= SAMPLE else np.random.default_rng(0).choice(count, SAMPLE, replace=False)
        push = np.zeros((GRID, GRID))
        for clip in self._coordinates[some]:
            push -= np.log(np.maximum(1 - 1 / (1 + self._spread(clip[None])[..., 0]), NEAREST))
        self._push = NEGATIVES * push / len(some)  # at each place, for a neighbour of weight 1

    def place(self, neighbours: "Neighbours") -> tuple[float, float]:
        """The nearest of a token's neighbours among the clips -> (x, y) in the map's units."""
        weights = weighted(1 - neighbours.scores[:NEIGHBOURS].astype(np.float64))
        clips = self._coordinates[neighbours.ids[:NEIGHBOURS]]
        column, row = self._best(clips, weights, *(range(0, GRID, STRIDE),) * 2)
        around = (range(max(0, at - STRIDE), min(GRID, at + STRIDE + 1)) for at in (column, row))
        column, row = self._best(clips, weights, *around)
        return float(self._x[column]), float(self._y[row])

    def _best(self, clips: np.ndarray, weights: np.ndarray, columns: range, rows: range) -> tuple[int, int]:
        """Where among these places of the grid the loss is least."""
        at = np.ix_(columns, rows)
        loss = np.log1p(self._spread(clips, columns, rows)) @ weights + weights.sum() * self._push[at]
        column, row = np.unravel_index(loss.argmin(), loss.shape)
        return columns[column], rows[row]

    def _spread(self, clips: np.ndarray, columns: range = range(GRID), rows: range = range(GRID)) -> np.ndarray:
        """A d^2B from each of these places to each of `clips` [K, 2]: [columns, rows, K]."""
        x, y = (axis[of, None] - clips[:, i] for i, (axis, of) in enumerate(((self._x, columns), (self._y, rows))))
        return A * (np.square(x)[:, None] + np.square(y)[None]) ** B


def weighted(distances: np.ndarray) -> np.ndarray:
    """How much a token belongs to its neighbours at these distances [K], the nearest first: in (0, 1], as in UMAP.

    The scale of the distances is chosen so that the others than the nearest belong to it as much as log2 K would.
    """
    distances, low, high = np.maximum(distances, 0.0), 0.0, math.inf
    scale, wanted = max(float(distances.mean()), 1e-9), math.log2(len(distances))
    for _ in range(STEPS):
        low, high = (scale, high) if np.exp(-distances[1:] / scale).sum() < wanted else (low, scale)
        scale = 2 * scale if math.isinf(high) else (low + high) / 2
    weights = np.exp(-distances / scale)
    return weights / weights[0]


def centres(groups: np.ndarray, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The clip in the middle of each group, and in which order groups are named where room is short.

    Args:
        groups: number of each clip's group, int [N], each of 0 to C - 1 at least once.
        coordinates: [N, 2].

    Returns:
        Rows of the clips that lie nearest to their group's mean, int [C]; groups, the largest first and of
        those of one size the loneliest, int [C].
    """
    sizes = np.bincount(groups)
    means = np.stack([np.bincount(groups, axis) / sizes for axis in coordinates.T], axis=1)
    away = np.linalg.norm(coordinates - means[groups], axis=1)
    nearest = np.lexsort((away, groups))
    rows = nearest[np.concatenate([[0], np.cumsum(sizes)[:-1]])]
    places = coordinates[rows]
    # A single group has no neighbour: its distance is infinite.
    lonely = cKDTree(places).query(places, k=2)[0][:, 1]
    return rows, np.lexsort((np.arange(len(sizes)), -lonely, -sizes))


def fit(tokens: np.ndarray, seed: int = 0) -> np.ndarray:
    """UMAP of gallery tokens [N, D] -> float32 [N, 2], cosine metric, deterministic. Takes half a minute.

    Fewer than four clips have no neighbourhoods to keep: they are put on a line.
    """
    if len(tokens) < 4:
        return np.stack([np.arange(len(tokens)), np.zeros(len(tokens))], axis=1).astype(np.float32)
    return fitted(tokens, seed).embedding_.astype(np.float32)


def fitted(tokens: np.ndarray, seed: int = 0) -> "UMAP":
    """UMAP itself, fitted to four tokens [N, D] or more."""
    import umap  # seconds to import, tens of seconds to compile: never on the request path

    reducer = umap.UMAP(n_neighbors=min(NEIGHBOURS, len(tokens) - 1), metric="cosine", random_state=seed, n_jobs=1)
    return reducer.fit(tokens)
