"""The state of a run in one file that appears whole or not at all, and the curve that keeps step with it."""

import csv
import io
import json
import os
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


def save(file: Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Replaces `file`. Killed at any moment, the old or the new one is there."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    part = file.with_name(f"{file.name}.part")
    save_file(tensors, part, {"about": json.dumps(about), "checksum": str(_checksum(tensors))})
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(file)


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

    COLUMNS = ("epoch", "step", "train", "validation", "temperature", "seconds")

    def __init__(self, file: Path) -> None:
        self.file = file
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
            self._append(self.COLUMNS)

    def add(self, epoch: int, step: int, **values: float | None) -> None:
        """A row: values by the names of the other columns. `validation` is None but at the end of an epoch."""
        shown = ["" if values[name] is None else f"{values[name]:.6f}" for name in self.COLUMNS[2:]]
        self._append((epoch, step, *shown))

    def _append(self, row: tuple) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        with self.file.open("ab") as file:
            file.write(line.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            self.length = file.tell()
