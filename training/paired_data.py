"""Pairs of a large corpus, in the features that `training clips` wrote: what an encoder gave for a clip, and its
picture's token."""

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from soundclip_demo.alignment import HIGHEST

from .processes import Processes
from .rows import PICTURES, WHISPERCLIP, Rows

CHUNK = 2**22  # values that are read at a time when all rows are
SAMPLE = 1000  # rows of an array that its hash looks at

Batch = tuple[Tensor, Tensor, Tensor]  # features [n, d] or [n, L, 2, width], picture tokens [n, D], groups [n]


@dataclass(frozen=True)
class PairFiles:
    """The folder that `training clips` wrote, and whose embeddings are taken from it."""

    features: Path
    encoder: str


class Pairs:
    """The pairs that may be trained on: clips of the splits train and validation, both of whose sides could be read.

    A sound's features are its embedding [d] or, of WhisperCLIP, the statistics [L, 2, width] of all layers, which a
    fusion that is trained with the projector makes an embedding of.

    Args:
        threshold: pairs with a lower mean score, or none, are left out, of both splits; None keeps all.

    Raises:
        ValueError: the files do not belong together, or leave nothing to train or validate on.
    """

    def __init__(self, files: PairFiles, threshold: float | None, seed: int) -> None:
        self.features, self.pictures = Rows(files.features, files.encoder), Rows(files.features, PICTURES)
        self.groups, splits = (np.load(files.features / f"{name}.npy") for name in ("groups", "splits"))
        count = len(self.groups)
        if len(self.features.shape) != (4 if files.encoder == WHISPERCLIP else 2):
            raise ValueError(f"{files.encoder} has features of another form: {list(self.features.shape[1:])}")
        if self.groups.ndim != 1 or not np.issubdtype(self.groups.dtype, np.integer):
            raise ValueError(f"{files.features} must hold one whole number for each row in groups.npy")
        if not len(self.features) == len(self.pictures) == len(splits) == count:
            rows = f"{len(self.features)} sounds, {len(self.pictures)} pictures, {count} groups"
            raise ValueError(f"the files are not of the same rows: {rows}, {len(splits)} splits")
        there = np.isin(splits, ("train", "validation"))
        there[[*self.features.missing, *self.pictures.missing]] = False
        kept = there & _kept(files.features / "scores.npy", threshold, count)
        self.left_out = int(there.sum() - kept.sum())
        self.train = np.flatnonzero(kept & (splits == "train"))
        # Shuffled once: segments of one video would meet in a batch, where they are no negatives.
        self.validation = np.random.default_rng(seed).permutation(np.flatnonzero(kept & (splits == "validation")))
        if not len(self.train) or not len(self.validation):
            counts = f"{len(self.train)} pairs to train on and {len(self.validation)} to validate with"
            raise ValueError(f"{counts} are too few")
        self._seed = seed

    def epoch(self, number: int, batch: int) -> list[np.ndarray]:
        """Rows of each batch of an epoch, the same whenever asked; what does not fill a batch is left for others."""
        order = np.random.default_rng([self._seed, number + 1]).permutation(self.train)
        return [np.sort(order[i : i + batch]) for i in range(0, len(order) - batch + 1, batch)]

    def read(self, rows: np.ndarray, device: torch.device) -> Batch:
        features, picture = (torch.from_numpy(part[rows]) for part in (self.features, self.pictures))
        groups = torch.from_numpy(self.groups[rows].astype(np.int64))
        return features.to(device).float(), picture.to(device).float(), groups.to(device)

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

    @torch.no_grad()
    def statistics(self, head: nn.Module, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and standard deviation of what `head` makes of the training pairs' features, and the mean length of
        their pictures.

        Raises:
            ValueError: a value is not finite.
        """
        total, squares, length = 0.0, 0.0, 0.0
        chunk = max(1, CHUNK // math.prod(self.features.shape[1:]))
        for first in range(0, len(self.train), chunk):
            rows = self.train[first : first + chunk]
            features, picture, _ = self.read(rows, device)
            whole = features.isfinite().flatten(1).all(1) & picture.isfinite().all(1)
            if not whole.all():
                raise ValueError(f"row {rows[int(whole.int().argmin())]} holds a value that is not finite")
            made = head(features).double()  # float32 would lose the small differences of 10^5 rows
            total, squares = total + made.sum(0), squares + (made**2).sum(0)
            length += picture.norm(dim=1).double().sum()
        mean = total / len(self.train)
        std = (squares / len(self.train) - mean**2).clamp(min=0).sqrt()
        return mean.float(), std.float(), (length / len(self.train)).float()

    def hash(self) -> str:
        """What tells other data from these: shapes, rows chosen, all groups, and a fixed sample of the rows."""
        found = hashlib.sha256(f"{self.features.shape} {self.pictures.shape}".encode())
        sample = np.unique(np.linspace(0, len(self.groups) - 1, SAMPLE).astype(np.int64))
        for part in (self.train, self.validation, self.groups.astype(np.int64)):
            found.update(part.tobytes())
        for array in (self.features, self.pictures):
            found.update(array[sample].tobytes())
        return found.hexdigest()[:12]


def share_of(rows: np.ndarray, processes: Processes) -> np.ndarray:
    """This process's slice of a batch's rows."""
    return np.split(rows, processes.count)[processes.rank]


def _kept(scores: Path, threshold: float | None, count: int) -> np.ndarray:
    if threshold is None:
        return np.ones(count, bool)
    if not scores.exists():
        raise ValueError(f"a threshold needs {scores}: run `python -m training clips` with --annotations")
    given = np.load(scores)
    if len(given) != count or given.ndim != 2:
        raise ValueError(f"{scores} must hold scores for {count} rows, not {list(given.shape)}")
    if np.nanmax(given, initial=0) > HIGHEST:
        raise ValueError(f"{scores} holds {np.nanmax(given)}: scores are 0 to {HIGHEST}")
    known = ~np.isnan(given)
    sums = np.where(known, given, 0.0).sum(1)
    return known.any(1) & (sums >= threshold * known.sum(1))  # the mean of what is known; never without any
