"""Where a token lands on the stored map of the gallery.

The map is UMAP of the gallery's tokens, fitted offline (`python -m training atlas`). A new token is placed at the
mean of its nearest clips' coordinates, weighted by a softmax over their cosines: this is how UMAP itself starts a
new point, it needs no second search, and it avoids umap's import and compile time of many seconds.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from umap import UMAP

    from .search import Neighbours

NEIGHBOURS = 15
SHARPNESS = 20.0  # softmax over cosine * SHARPNESS


def place(neighbours: "Neighbours", coordinates: np.ndarray) -> tuple[float, float]:
    """The nearest of a token's neighbours among clips with `coordinates` [N, 2] -> (x, y) in the atlas's units."""
    scores, ids = neighbours.scores[:NEIGHBOURS], neighbours.ids[:NEIGHBOURS]
    weights = np.exp(SHARPNESS * (scores - scores.max()))
    x, y = (weights / weights.sum()) @ coordinates[ids]
    return float(x), float(y)


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
