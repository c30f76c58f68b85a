"""Pairs of a large corpus: cached embeddings and picture tokens in files, row i of one beside row i of the other.

Files are read row by row instead of mapped: pages of a map that were read once count as this process's memory, which
would grow to the size of the corpus, and a map that waits for the disk holds up the thread that trains.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .processes import Processes

CHUNK = 4096  # rows that are read at a time when all are
SAMPLE = 1000  # rows of an array that its hash looks at
HIGHEST_SCORE = 10  # an alignment score is a mean of 0 to 10; the published page shows sums of five (paper-facts 13)

Batch = tuple[Tensor, Tensor, Tensor]  # embeddings [n, d], picture tokens [n, D], groups [n]


@dataclass(frozen=True)
class PairFiles:
    """Where the pairs are.

    Attributes:
        embeddings, pictures: `.npy`, float16 [N, d] and [N, D].
        groups: `.npy`, int [N]: the source video of each row.
        scores: `.npy`, [N], or [N, k] of which the mean counts: alignment scores of 0 to 10.
        encoder, encoder_spec: whose embeddings they are, and its spec's hash: the demo takes a projector for no other.
    """

    embeddings: Path
    pictures: Path
    groups: Path
    encoder: str
    encoder_spec: str
    scores: Path | None = None


class Rows:
    """Rows of a `.npy` file of float16 [N, width].

    Raises:
        ValueError: the file is something else, or shorter than its header says.
    """

    def __init__(self, file: Path) -> None:
        try:
            mapped = np.load(file, mmap_mode="r")
        except ValueError as error:
            raise ValueError(f"{file} is not a whole .npy file: {error}") from error
        if mapped.dtype != np.float16 or mapped.ndim != 2 or not mapped.flags.c_contiguous:
            raise ValueError(f"{file} must be float16 of two dimensions, not {mapped.dtype} {list(mapped.shape)}")
        self.shape: tuple[int, int] = mapped.shape
        self._offset = mapped.offset
        self._file = file.open("rb", buffering=0)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Rows by ascending number [n] -> [n, width]; neighbours are read together."""
        out = np.empty((len(rows), self.shape[1]), np.float16)
        edges = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for first, end in zip(edges[:-1], edges[1:], strict=True):
            part = out[first:end]
            if os.preadv(self._file.fileno(), [part], self._offset + int(rows[first]) * out.strides[0]) != part.nbytes:
                raise OSError(f"{self._file.name} became shorter while it was read")
        return out


class Pairs:
    """The pairs that may be trained on, split by group.

    Args:
        threshold: pairs with a lower mean score are left out, of both splits; None keeps all.
        validation: share of the groups that is held out. Which ones depends on `seed` and not on the threshold.

    Raises:
        ValueError: the files do not belong together, or leave nothing to train or validate on.
    """

    def __init__(self, files: PairFiles, threshold: float | None, validation: float, seed: int) -> None:
        self.embeddings, self.pictures = Rows(files.embeddings), Rows(files.pictures)
        self.groups = np.load(files.groups)
        count = len(self.groups)
        if self.groups.ndim != 1 or not np.issubdtype(self.groups.dtype, np.integer):
            raise ValueError(f"{files.groups} must hold one whole number for each row")
        if not self.embeddings.shape[0] == self.pictures.shape[0] == count:
            rows = f"{self.embeddings.shape[0]} embeddings, {self.pictures.shape[0]} pictures, {count} groups"
            raise ValueError(f"the files are not of the same rows: {rows}")
        kept = _kept(files.scores, threshold, count)
        random = np.random.default_rng([seed, 0])
        names = np.unique(self.groups)
        held_out = np.isin(self.groups, random.permutation(names)[: max(1, round(validation * len(names)))])
        self.left_out = int(count - kept.sum())
        self.train = np.flatnonzero(kept & ~held_out)
        # Shuffled once: segments of one video would meet in a batch, where they are no negatives.
        self.validation = random.permutation(np.flatnonzero(kept & held_out))
        if not len(self.train) or not len(self.validation):
            counts = f"{len(self.train)} pairs to train on and {len(self.validation)} to validate with"
            raise ValueError(f"{counts} are too few")
        self._seed = seed

    def epoch(self, number: int, batch: int) -> list[np.ndarray]:
        """Rows of each batch of an epoch, the same whenever asked; what does not fill a batch is left for others."""
        order = np.random.default_rng([self._seed, number + 1]).permutation(self.train)
        return [np.sort(order[i : i + batch]) for i in range(0, len(order) - batch + 1, batch)]

    def read(self, rows: np.ndarray, device: torch.device) -> Batch:
        embedding, picture = (torch.from_numpy(part.read(rows)) for part in (self.embeddings, self.pictures))
        groups = torch.from_numpy(self.groups[rows].astype(np.int64))
        return embedding.to(device).float(), picture.to(device).float(), groups.to(device)

    def batches(self, plan: list[np.ndarray], device: torch.device) -> Iterator[Batch]:
        """The batches of a plan; the next one is read in a thread while one is in use."""
        with ThreadPoolExecutor(1) as reader:
            coming = None
            for rows in plan:
                ready, coming = coming, reader.submit(self.read, rows, device)
                if ready:
                    yield ready.result()
            if coming:
                yield coming.result()

    def statistics(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean [d] and standard deviation [d] of the training embeddings, and mean length of their pictures.

        Raises:
            ValueError: a value is not finite.
        """
        total, squares, length = 0.0, 0.0, 0.0
        for first in range(0, len(self.train), CHUNK):
            rows = self.train[first : first + CHUNK]
            embedding, picture, _ = self.read(rows, torch.device("cpu"))
            whole = embedding.isfinite().all(1) & picture.isfinite().all(1)
            if not whole.all():
                raise ValueError(f"row {rows[int(whole.int().argmin())]} holds a value that is not finite")
            embedding = embedding.double()  # float32 would lose the small differences of 10^5 rows
            total, squares = total + embedding.sum(0), squares + (embedding**2).sum(0)
            length += picture.norm(dim=1).double().sum()
        mean = total / len(self.train)
        std = (squares / len(self.train) - mean**2).clamp(min=0).sqrt()
        return mean.float(), std.float(), (length / len(self.train)).float()

    def hash(self) -> str:
        """What tells other data from these: shapes, rows chosen, all groups, and a fixed sample of the rows."""
        found = hashlib.sha256(f"{self.embeddings.shape} {self.pictures.shape}".encode())
        sample = np.unique(np.linspace(0, len(self.groups) - 1, SAMPLE).astype(np.int64))
        for part in (self.train, self.validation, self.groups.astype(np.int64)):
            found.update(part.tobytes())
        for array in (self.embeddings, self.pictures):
            found.update(array.read(sample).tobytes())
        return found.hexdigest()[:12]


def share_of(rows: np.ndarray, processes: Processes) -> np.ndarray:
    """This process's slice of a batch's rows."""
    return np.split(rows, processes.count)[processes.rank]


def _kept(scores: Path | None, threshold: float | None, count: int) -> np.ndarray:
    if threshold is None:
        return np.ones(count, bool)
    if scores is None:
        raise ValueError("a threshold needs a file of scores")
    given = np.load(scores)
    if len(given) != count or given.ndim > 2:
        raise ValueError(f"{scores} must hold scores for {count} rows, not {list(given.shape)}")
    if given.max() > HIGHEST_SCORE:
        raise ValueError(f"{scores} holds {given.max()}: scores are means of 0 to {HIGHEST_SCORE}, not sums")
    return (given if given.ndim == 1 else given.mean(1)) >= threshold
