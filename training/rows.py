"""Arrays in shards, as `training clips` writes them and all later steps read them: float16 [N, ...], row i of clip i.

`FEATURES/NAME/` holds `manifest.json`, the shards `00000.npy`, `00001.npy` and so on, and beside a shard some of whose
clips could not be read a `00000.json` that says which and why. A shard appears whole or not at all: what is there is
done.

Shards are read row by row instead of mapped: pages of a map that were read once count as this process's memory, which
would grow to the size of the corpus, and a map that waits for the disk holds up the thread that trains.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

MANIFEST = "manifest.json"
PICTURES = "pictures"  # the array of the CLIP tower; the others are called by their encoders
WHISPERCLIP = "whisperclip"  # whose rows are what its fusion reads: the fusion is trained with the projector
FEWEST, MOST, SHARES = 16, 4096, 128  # rows of a shard, and how many shards an array has between these bounds


@dataclass(frozen=True)
class Layout:
    """What all shards of an array share.

    Attributes:
        spec: changes with whatever made the rows.
        rows: N, of all shards together.
        shard: how many rows a shard has; the last one may have fewer.
    """

    spec: str
    rows: int
    shard: int

    @property
    def shards(self) -> int:
        return -(-self.rows // self.shard)

    def rows_of(self, number: int) -> range:
        """The rows that a shard holds."""
        return range(number * self.shard, min(self.rows, (number + 1) * self.shard))


def shard_of(count: int) -> int:
    """Rows of a shard. A kill costs what was done of one in each process; many files would take long to open."""
    return min(MOST, max(FEWEST, -(-count // SHARES)))


def begin(array: Path, layout: Layout) -> None:
    """Makes the folder of an array, or goes on with one; what a kill left half written goes.

    Raises:
        ValueError: it holds rows of another layout.
    """
    array.mkdir(parents=True, exist_ok=True)
    for torn in array.glob("*.part"):
        torn.unlink(missing_ok=True)
    if not (array / MANIFEST).exists():
        _replace(array / MANIFEST, lambda part: part.write_text(json.dumps(asdict(layout)) + "\n"))
    elif (found := _layout(array)) != layout:
        raise ValueError(f"{array} holds {found}, not {layout}: delete it to have it computed anew")


def shard(array: Path, number: int) -> Path:
    """The file of a shard; it is there once all of its rows are."""
    return array / f"{number:05}.npy"


def write(array: Path, number: int, values: np.ndarray, problems: dict[int, str]) -> None:
    """A whole shard.

    Args:
        values: [n, ...], kept as float16; rows of clips that could not be read are not numbers.
        problems: why, by the clip's row in the whole array.
    """
    file = shard(array, number)
    if problems:  # first: the shard's own file says that all is done
        _replace(file.with_suffix(".json"), lambda part: part.write_text(json.dumps(problems, indent=1) + "\n"))

    def save(part: Path) -> None:
        with part.open("wb") as stream:
            np.save(stream, np.ascontiguousarray(values, np.float16))
            stream.flush()
            os.fsync(stream.fileno())

    _replace(file, save)


class Rows:
    """The rows of an array.

    Attributes:
        spec: of whatever made them.
        shape: [N, ...].
        missing: rows that are not there, and why.

    Raises:
        OSError, ValueError: the array is not complete, or a shard is damaged.
    """

    def __init__(self, features: Path, name: str) -> None:
        self._array = features / name
        self._layout = _layout(self._array)
        self.spec = self._layout.spec
        self.missing: dict[int, str] = {}
        self._offsets = []  # of the first row, in bytes
        for number in range(self._layout.shards):
            mapped, rows = _opened(shard(self._array, number)), self._layout.rows_of(number)
            if number == 0:
                self.shape = (self._layout.rows, *mapped.shape[1:])
            if mapped.shape != (len(rows), *self.shape[1:]):
                raise ValueError(f"{shard(self._array, number)} holds {list(mapped.shape)} and not its rows")
            self._offsets.append(mapped.offset)
            if (problems := shard(self._array, number).with_suffix(".json")).exists():
                self.missing |= {int(row): why for row, why in json.loads(problems.read_text()).items()}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Rows by ascending number [n] -> float16 [n, ...]; neighbours are read together."""
        rows = np.asarray(rows, np.int64)
        out = np.empty((len(rows), *self.shape[1:]), np.float16)
        shards, at = np.divmod(rows, self._layout.shard)
        apart = (np.diff(rows) != 1) | (np.diff(shards) != 0)
        edges = [0, *(np.flatnonzero(apart) + 1).tolist(), len(rows)]
        opened, file = -1, None
        try:
            for first, end in zip(edges[:-1], edges[1:], strict=True) if len(rows) else ():
                if shards[first] != opened:
                    if file is not None:
                        os.close(file)
                    opened = int(shards[first])
                    file = os.open(shard(self._array, opened), os.O_RDONLY)
                part, offset = out[first:end], self._offsets[opened] + int(at[first]) * out.strides[0]
                if os.preadv(file, [part], offset) != part.nbytes:
                    raise OSError(f"{shard(self._array, opened)} became shorter while it was read")
        finally:
            if file is not None:
                os.close(file)
        return out


def _layout(array: Path) -> Layout:
    try:
        return Layout(**json.loads((array / MANIFEST).read_text()))
    except FileNotFoundError as error:
        raise ValueError(f"there is no array {array}: python -m training clips writes it") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"{array / MANIFEST} is damaged: {error}") from error


def _opened(file: Path) -> np.memmap:
    try:
        mapped = np.load(file, mmap_mode="r")
    except FileNotFoundError as error:
        raise ValueError(f"{file} is not there yet: run python -m training clips to its end") from error
    except ValueError as error:
        raise ValueError(f"{file} is not a whole .npy file: {error}") from error
    if mapped.dtype != np.float16 or not mapped.flags.c_contiguous:
        raise ValueError(f"{file} must be float16, not {mapped.dtype}")
    return mapped


def _replace(file: Path, write_to: Callable[[Path], object]) -> None:
    """The file appears whole or not at all; two processes that write it at once do no harm."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    write_to(part)
    part.replace(file)
