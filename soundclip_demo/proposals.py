"""From the clips that a search engine proposes to what is told of them: exact cosines, and how those of all clips lie.

Beside an engine's own files lie `moments.npy` float32 [D + 1, D], mean and mean outer product of the unit tokens, from
which mean and deviation of any token's cosines to the whole gallery follow; and `index.json`, of which tokens.
"""

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .errors import UserError
from .search import Neighbours, unit
from .whole import replacing, write

PROPOSED = 400  # clips whose exact cosines are computed
PROBED = 32  # inverted lists that are read
SAMPLE = 60  # training tokens for each inverted list
SHARD = 50_000  # tokens in memory at a time while building
MOMENTS, ABOUT = "moments.npy", "index.json"
AGAIN = "Build it again with: python -m soundclip_demo gallery index GALLERY"


class ProposedIndex(ABC):
    """A `search.Index` whose engine proposes clips.

    A neighbour that is not proposed is missed; every score that is told is exact.
    """

    depth = PROPOSED

    def __init__(self, gallery: Path, tokens: np.ndarray, home: Path) -> None:
        """
        Args:
            tokens: [N, D], those of the folder `gallery`, memory-mapped.
            home: where moments and the tokens' stamp lie.

        Raises:
            UserError: a file is missing or damaged, or belongs to other tokens.
        """
        try:
            fits = json.loads((home / ABOUT).read_text()) == stamp(tokens)
            self._moments = np.load(home / MOMENTS, mmap_mode="r", allow_pickle=False)
            fits = fits and self._open(tokens) == len(tokens)
        except (OSError, ValueError, EOFError, RuntimeError) as error:  # engines raise RuntimeError
            raise UserError(f"The search index in {gallery.name} cannot be opened.", AGAIN) from error
        if not fits:
            raise UserError(f"The search index in {gallery.name} was built for other clips.", AGAIN)
        self.size, self._tokens = len(tokens), tokens

    @abstractmethod
    def _open(self, tokens: np.ndarray) -> int:
        """Opens the engine's files of these tokens -> how many they hold."""

    @abstractmethod
    def _propose(self, query: np.ndarray) -> np.ndarray:
        """Unit token [D] -> at most `PROPOSED` rows of the tokens, int [P], in any order."""

    def search(self, token: np.ndarray, k: int) -> Neighbours:
        query = unit(token[None])[0]
        rows = np.sort(self._propose(query))  # in the file's order, for the disk
        scores = unit(self._tokens[rows]) @ query
        best = np.argsort(-scores, kind="stable")[:k]
        mean = float(self._moments[0] @ query)
        square = float(query @ self._moments[1:] @ query)
        return Neighbours(rows[best], scores[best], mean, math.sqrt(max(0.0, square - mean**2)))


def lists(count: int) -> int:
    """Inverted lists for that many tokens: about the square root."""
    return 2 ** round(math.log2(max(4.0, math.sqrt(count))))


def shards(count: int) -> Iterator[slice]:
    """Rows of that many tokens, piece by piece."""
    for first in tqdm(range(0, count, SHARD), desc="index", unit="shard"):
        yield slice(first, min(first + SHARD, count))


def sums(vectors: np.ndarray) -> np.ndarray:
    """Unit tokens [N, D] -> what their moments are made of, [D + 1, D]."""
    return np.concatenate([vectors.sum(0, keepdims=True), vectors.T @ vectors])


def describe(home: Path, tokens: np.ndarray, total: np.ndarray) -> None:
    """Writes the moments, made of the `sums` of all tokens, and then the stamp."""
    with replacing(home / MOMENTS) as part, part.open("wb") as stream:
        np.save(stream, (total / len(tokens)).astype(np.float32))
    write(home / ABOUT, json.dumps(stamp(tokens)))


def stamp(tokens: np.ndarray) -> dict:
    """Names tokens by their shape and a thousand of their rows: to hash gigabytes at each start would take seconds."""
    rows = tokens[np.linspace(0, len(tokens) - 1, min(len(tokens), 1000)).astype(int)]
    return {"shape": list(tokens.shape), "rows": hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()}
