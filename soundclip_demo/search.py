"""Nearest clips by cosine: one protocol, FAISS behind it."""

import math
from typing import NamedTuple, Protocol

import faiss
import numpy as np
from scipy.special import stdtrit

CHANCE = 0.05  # how often random cosines may pass for a real match


class Neighbours(NamedTuple):
    """`ids` int [k] best first, `scores` cosine [k], and mean and standard deviation of the token's cosines to
    the whole gallery."""

    ids: np.ndarray
    scores: np.ndarray
    mean: float
    std: float

    def deviations(self) -> np.ndarray:
        """How many standard deviations each score lies above the gallery's mean, [k]."""
        return (self.scores - self.mean) / max(self.std, 1e-9)


class Index(Protocol):
    """Search over gallery tokens. `size` clips; `search(token [D], k)` gives the k nearest, at most `depth`."""

    size: int
    depth: int

    def search(self, token: np.ndarray, k: int) -> Neighbours: ...


class FlatIndex:
    """Exact inner product of unit vectors: right up to tens of thousands of clips."""

    def __init__(self, tokens: np.ndarray) -> None:
        """`tokens` [N, D], of any length."""
        self.size = self.depth = len(tokens)
        self._index = faiss.IndexFlatIP(tokens.shape[1])
        self._index.add(unit(tokens))

    def search(self, token: np.ndarray, k: int) -> Neighbours:
        # All scores are asked for: their distribution says whether the best is more than chance.
        scores, ids = self._index.search(unit(token[None]), self.size)
        return Neighbours(ids[0, :k], scores[0, :k], float(scores.mean()), float(scores.std()))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, D] -> float32 of length 1; zeros stay zeros."""
    vectors = np.ascontiguousarray(vectors, np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def chance_level(size: int) -> float:
    """Standard deviations that the best of `size` normally distributed cosines exceeds in `CHANCE` of all cases.

    Grubbs's critical value: mean and deviation are those of the same cosines, the best among them, which matters in
    small galleries. Fewer than three clips cannot tell: infinity.
    """
    if size < 3:
        return math.inf
    t = stdtrit(size - 2, 1 - CHANCE / size)
    sample = (size - 1) / math.sqrt(size) * math.sqrt(t**2 / (size - 2 + t**2))
    return sample * math.sqrt(size / (size - 1))  # Grubbs divides by the sample's deviation, numpy by the population's
