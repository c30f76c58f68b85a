"""The map of a gallery: UMAP of its clips' tokens, fitted offline (`python -m training atlas`).

Where a new token lands on it is another matter (`landscape.py`).
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from umap import UMAP

FEWEST = 4  # fewer clips have no neighbourhoods to keep
NEIGHBOURS = 15
MANY = 10_000  # clips, beyond which UMAP takes fewer rounds of its own accord


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
    """UMAP of gallery tokens [N, D] -> float32 [N, 2], cosine metric, deterministic. A hundred clips take seconds,
    ten thousand two minutes.

    Fewer than four clips are put on a line.
    """
    if len(tokens) < FEWEST:
        return np.stack([np.arange(len(tokens)), np.zeros(len(tokens))], axis=1).astype(np.float32)
    return fitted(tokens, seed).embedding_.astype(np.float32)


def fitted(tokens: np.ndarray, seed: int = 0) -> "UMAP":
    """UMAP itself, fitted to four tokens [N, D] or more.

    Up to `MANY` clips go UMAP's way of 500 rounds in steps a tenth as long. They settle, and so does a new point: where
    `transform` puts it depends a fifth as much on its lots, in the median (`python -m tests.bench.place`).
    """
    import umap  # seconds to import, tens of seconds to compile: never on the request path

    near = min(NEIGHBOURS, len(tokens) - 1)
    steps = {"n_epochs": 5000, "learning_rate": 0.1} if len(tokens) <= MANY else {}
    return umap.UMAP(n_neighbors=near, metric="cosine", random_state=seed, n_jobs=1, **steps).fit(tokens)
