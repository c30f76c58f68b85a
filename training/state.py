"""The state of a run in one file that appears whole or not at all, and the curve that keeps step with it."""

import csv
import io
import json
import os
import time
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.optim import Optimizer

from soundclip_demo import tensors as safe

EVERY = 30.0  # seconds from one saved state to the next: the most that a kill can take


def save(file: Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Replaces `file`. Killed at any moment, the old or the new one is there."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    safe.save(file, tensors, {"about": json.dumps(about), "checksum": str(_checksum(tensors))})


def load(file: Path) -> tuple[dict[str, Tensor], dict]:
    """What `save` was given.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata()
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}
        whole = int(metadata["checksum"]) == _checksum(tensors)
        about = json.loads(metadata["about"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(_damaged(file)) from error
    if not whole:
        raise ValueError(_damaged(file))
    return tensors, about


def pack(weights: dict[str, Tensor], optimiser: Optimizer, best: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights, what the optimiser keeps of each, and the best epoch's weights, by names that `unpack` knows."""
    found = {f"model.{name}": value for name, value in weights.items()}
    for number, kept in optimiser.state_dict()["state"].items():
        found |= {f"optimiser.{number}.{key}": value for key, value in kept.items()}
    return found | {f"best.{name}": value for name, value in best.items()}


def unpack(tensors: dict[str, Tensor], weights: dict[str, Tensor], optimiser: Optimizer) -> dict[str, Tensor]:
    """Fills weights and optimiser from what `pack` gave -> the best epoch's weights."""

    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    for name, weight in weights.items():
        weight.copy_(tensors[f"model.{name}"])
    for number, weight in enumerate(each for group in optimiser.param_groups for each in group["params"]):
        for key, value in part(f"optimiser.{number}.").items():
            # Laid out in memory as the weight is: another order of the same sums would round otherwise.
            optimiser.state[weight][key] = value if key == "step" else torch.empty_like(weight).copy_(value)
    return part("best.")


class Pace:
    """Says when it is time to save again."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        now = time.monotonic()
        if now - self._last < EVERY:
            return False
        self._last = now
        return True


def _damaged(file: Path) -> str:
    return f"{file} is damaged: delete its folder to begin anew"


def _checksum(tensors: dict[str, Tensor]) -> int:
    found = 0
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].numpy().reshape(-1).view("uint8"), found)
    return found


class Curve:
    """`curve.csv`: a row is added just before a state is saved, and the state keeps the file's length.

    A run that was killed between the two cuts the file back to that length, and writes the row again.
    """

    def __init__(self, file: Path, columns: tuple[str, ...]) -> None:
        self.file, self._columns = file, columns
        self.length = 0

    def begin(self, length: int = 0) -> None:
        """Goes back to `length` bytes; none is a new file with its header.

        Raises:
            ValueError: the file is shorter than that.
        """
        with self.file.open("ab") as file:
            if file.tell() < length:
                raise ValueError(f"{self.file} lacks rows that the state counts on: delete its folder to begin anew")
            file.truncate(length)
        self.length = length
        if not length:
            self._append(self._columns)

    def add(self, **values: float | None) -> None:
        """A row: a value for each column, None where there is none."""
        self._append(tuple(_shown(values[name]) for name in self._columns))

    def rows(self) -> list[dict[str, str]]:
        with self.file.open(newline="") as file:
            return list(csv.DictReader(file))

    def _append(self, row: tuple) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        with self.file.open("ab") as file:
            file.write(line.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            self.length = file.tell()


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value)
