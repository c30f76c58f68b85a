"""What one process does of `training clips`: a shard of clips through the encoders and the CLIP tower.

Every engine runs this very class. A clip is decoded once for all arrays that lack its shard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from soundclip_demo.audio import decode, resample
from soundclip_demo.clips import RATE
from soundclip_demo.config import WINDOW_SECONDS, Config
from soundclip_demo.errors import UserError
from soundclip_demo.parts import Parts

from . import rows
from .own_clips import middle
from .rows import PICTURES, WHISPERCLIP

WHISPER = "whisper"
BATCH = 16


@dataclass(frozen=True)
class Task:
    """A shard: its number, the row of its first clip, and the files of its clips."""

    number: int
    first: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """What every process is told.

    Attributes:
        out: the folder of all arrays, the same on every machine.
        layouts: of each array that is wanted.
        threads: of torch, in one process.
    """

    out: Path
    config: Config
    layouts: dict[str, rows.Layout]
    threads: int


@dataclass(frozen=True)
class _Side:
    """The sound or the picture of clips.

    Attributes:
        read: of one file; a `UserError` says why it cannot be read.
        run: n of what was read -> for each array [n, ...].
        blank: what tells the arrays' shapes where no clip can be read.
    """

    read: Callable[[Path], Any]
    run: Callable[[list[Any]], dict[str, Tensor]]
    blank: Any


class Worker:
    """Computes shards; models are loaded when they are first wanted, and kept."""

    def __init__(self, work: Work) -> None:
        self._work, self._parts = work, Parts(work.config)
        torch.set_num_threads(work.threads)

    def __call__(self, task: Task) -> dict[int, str]:
        """Writes what a shard lacks -> clips that could not be read, by row, and why.

        Raises:
            OSError, NotReady, WeightsError: a model is out of reach, or the disk is full.
        """
        lacks = {name for name in self._work.layouts if not rows.shard(self._work.out / name, task.number).exists()}
        problems = {}
        if PICTURES in lacks:
            problems |= self._write(task, _Side(middle, self._look, Image.new("RGB", (8, 8))), {PICTURES})
        if heard := lacks - {PICTURES}:
            silent = np.zeros(round(WINDOW_SECONDS * RATE), np.float32), RATE
            problems |= self._write(task, _Side(_window, lambda windows: self._hear(windows, heard), silent), heard)
        return problems

    def _write(self, task: Task, side: _Side, names: set[str]) -> dict[int, str]:
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        there, problems = [], {}
        for first in range(0, len(task.files), BATCH):
            given = []
            for at, file in enumerate(task.files[first : first + BATCH], first):
                try:
                    given.append(side.read(Path(file)))
                    there.append(at)
                except UserError as error:
                    problems[task.first + at] = str(error)
            if given:
                for name, made in side.run(given).items():
                    parts[name].append(made.half().numpy())
        if not there:
            parts = {name: [made[:0].numpy()] for name, made in side.run([side.blank]).items()}
        for name, made in parts.items():
            whole = np.full((len(task.files), *made[0].shape[1:]), np.nan, np.float16)
            whole[there] = np.concatenate(made)
            rows.write(self._work.out / name, task.number, whole, problems)
        return problems

    def _look(self, images: list[Image.Image]) -> dict[str, Tensor]:
        return {PICTURES: self._parts.tower().look(images)[0]}

    @torch.inference_mode()
    def _hear(self, windows: list[tuple[np.ndarray, int]], names: set[str]) -> dict[str, Tensor]:
        """Windows with their rates -> embeddings [n, d] of each encoder; of WhisperCLIP, whose fusion belongs to the
        projector, what it fuses, [n, L, 2, width]."""
        found = {}
        for name in sorted(names - {WHISPER, WHISPERCLIP}):
            encoder = self._parts.encoder(name)
            found[name] = encoder.encode(_at(windows, encoder.sample_rate))
        if names & {WHISPER, WHISPERCLIP}:
            encoder = self._parts.encoder(WHISPER)
            heard = encoder.hear(_at(windows, encoder.sample_rate))
            both = {WHISPER: encoder.pool(heard), WHISPERCLIP: heard}
            found |= {name: both[name] for name in names & both.keys()}
        return found


def _window(file: Path) -> tuple[np.ndarray, int]:
    """The window that the demo would take, at the sound's own rate."""
    sound = decode(file)
    return sound.window(sound.loudest()), sound.rate


def _at(windows: list[tuple[np.ndarray, int]], rate: int) -> Tensor:
    """Windows [n, 3 * rate]."""
    return torch.from_numpy(np.stack([resample(window, given, rate) for window, given in windows]))
