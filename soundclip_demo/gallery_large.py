"""The list of a gallery of hundreds of thousands of clips, in columns that are mapped into memory, never read whole.

`build` makes `clips.arrow` of `clips.csv` and what it names: an uncompressed Arrow IPC file with the columns of the
csv, the text that each clip is credited by, its line of `annotations.jsonl`, and its poster as a small JPEG, so that
the page is served without half a million small files. Its metadata say of which csv and annotations it was made.
"""

import csv
import hashlib
import json
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from tqdm import tqdm

from . import thumbnails
from .alignment import annotation_of
from .config import THREADS
from .errors import UserError
from .gallery import ANNOTATIONS, COLUMNS, LARGE, Clip, belong, clip_of, credit_of, opening, opening_annotations
from .whole import replacing, unfinished

try:
    import pyarrow as pa
except ModuleNotFoundError as error:
    raise UserError(
        "The list of a gallery of many clips needs pyarrow.", "pip install -r requirements-large.txt"
    ) from error

BATCH = 2000  # clips in memory at a time while building
AGAIN = "Make it again with: python -m soundclip_demo gallery index GALLERY"
SCHEMA = pa.schema(
    [
        # What is read when the list is opened, side by side: of a mapped file, neighbours come along.
        ("id", pa.string()),
        ("by_id", pa.int32()),  # the row of the first id in sorted order, of the second ...
        ("category", pa.dictionary(pa.int32(), pa.string())),  # by their sorted names
        *((name, pa.string()) for name in (*COLUMNS[2:], "credit", "annotation")),
        ("thumbnail", pa.binary()),
    ]
)


class LargeClips(Sequence[Clip]):
    """The clips of a folder for which `build` ran; each is made when it is asked for.

    Attributes:
        categories: their names, sorted.
        groups: which of `categories` each clip is of, int32 [N].

    Raises:
        UserError: the list is damaged, or was made of another csv or other annotations.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, file = folder, folder / LARGE
        try:
            opened = pa.ipc.open_file(pa.memory_map(str(file)))
            if not opened.schema.equals(SCHEMA):
                raise ValueError("other columns")
            made_of = json.loads(opened.schema.metadata[b"made_of"])
            self._table = opened.read_all()
            listed = self._table.select(["id", "by_id", "category"])
            listed.validate(full=True)  # of the rest each cell when it is read: all of it is gigabytes
            if any(column.null_count for column in listed.columns):
                raise ValueError("cells are empty")
            self._ids, groups = listed["id"], listed["category"].chunks
            self._by_id = _numbers(listed["by_id"].chunks, self._ids)
            self.categories: list[str] = groups[0].dictionary.to_pylist()
            self.groups = _numbers([group.indices for group in groups], self.categories)
        except (OSError, ValueError, KeyError, TypeError, IndexError, pa.ArrowException) as error:
            raise self._damaged() from error
        if made_of != stamp(folder):
            raise UserError(f"The list {LARGE} in {folder.name} was made of other clips.", AGAIN)
        about = file.stat()
        # Another one for each list that is made: a browser keeps thumbnails by their names.
        self._name = hashlib.sha256(f"{about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:12]

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, row: int | slice) -> Clip | list[Clip]:
        rows = range(len(self))[row]
        return [self._clip(one) for one in rows] if isinstance(rows, range) else self._clip(rows)

    def ids(self, rows: Iterable[int]) -> list[str]:
        return [self._id(row) for row in rows]

    def row(self, clip_id: str) -> int | None:
        """Where the clip of that id stands, found by halving; None where there is none."""
        at = bisect_left(self._by_id, clip_id, key=self._id)
        if at == len(self) or self._id(self._by_id[at]) != clip_id:
            return None
        return int(self._by_id[at])

    def thumbnail(self, name: str) -> bytes | None:
        """The JPEG that a clip's `thumbnail` names; None where there is none of that name, which may be anything."""
        of, _, row = name.partition("/")
        if of != self._name or not (row.isdecimal() and len(row) < 10 and int(row) < len(self)):
            return None
        with self._reading():
            return _checked(self._table.select(["thumbnail"]).slice(int(row), 1))["thumbnail"][0].as_py()

    def _clip(self, row: int) -> Clip:
        with self._reading():
            cells = _checked(self._table.slice(row, 1))
            drawn = not cells["thumbnail"].null_count
            given = cells.drop_columns(["thumbnail"]).to_pylist()[0]
            annotation = annotation_of(given["annotation"])[1] if given["annotation"] else None
            return clip_of(self._folder, given, given["credit"], annotation, f"{self._name}/{row}" if drawn else "")

    def _id(self, row: int) -> str:
        return self._ids[int(row)].as_py()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise self._damaged() from error

    def _damaged(self) -> UserError:
        return UserError(f"The list {LARGE} in {self._folder.name} is damaged.", AGAIN)


def build(folder: Path) -> None:
    """Writes the list of the gallery; goes on where an earlier run was killed.

    Raises:
        UserError: the csv or the annotations cannot be used.
    """
    folder = folder.resolve()
    with opening(folder):
        made_of = stamp(folder)
        ids, categories = _ids(folder)
        by_id = sorted(range(len(ids)), key=ids.__getitem__)
    said = _said(folder)
    belong(said, ids)
    pieces = unfinished(folder / "clips.unfinished", made_of)
    firsts = range(0, len(ids), BATCH)
    for first, rows in zip(tqdm(firsts, desc="list", unit="batch"), _batches(folder), strict=True):
        piece = pieces / f"{first:09d}.arrow"
        if not piece.exists():
            _write(piece, _columns(folder, rows, said) | {"by_id": by_id[first : first + BATCH]}, categories)
    missing, schema = 0, SCHEMA.with_metadata({"made_of": json.dumps(made_of)})
    with replacing(folder / LARGE) as part, pa.ipc.new_file(str(part), schema) as out:
        for first in firsts:
            with pa.memory_map(str(pieces / f"{first:09d}.arrow")) as piece:
                batch = pa.ipc.open_file(piece).get_batch(0)
                out.write_batch(batch)
                missing += batch.column("thumbnail").null_count
    rmtree(pieces)
    if missing:
        print(f"{missing} posters are missing or no pictures", file=sys.stderr)


def stamp(folder: Path) -> dict[str, str | None]:
    """Names what a list is made of, by hash: 0.1 s for the csv of half a million clips."""
    return {name: _hash(folder / name) for name in ("clips.csv", ANNOTATIONS)}


def _hash(file: Path) -> str | None:
    if file.name == ANNOTATIONS and not file.exists():
        return None
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _ids(folder: Path) -> tuple[list[str], list[str]]:
    """Every clip's id, and the sorted names of the categories."""
    ids, categories = [], set()
    with (folder / "clips.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            ids.append(row["id"])
            categories.add(row["category"])
    return ids, sorted(categories)


def _said(folder: Path) -> dict[str, int]:
    """Where in the file of annotations the line of each clip begins."""
    places, at, file = {}, 0, folder / ANNOTATIONS
    if file.exists():
        with opening_annotations(), file.open("rb") as lines:
            for line in lines:
                if said := annotation_of(line.decode()):
                    places[said[0]] = at
                at += len(line)
    return places


def _batches(folder: Path) -> Iterator[list[dict[str, str]]]:
    with opening(folder), (folder / "clips.csv").open(newline="") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, BATCH)):
            yield batch


def _columns(folder: Path, rows: list[dict[str, str]], said: dict[str, int]) -> dict[str, list]:
    """What the file holds of some rows of the csv, their order by id aside."""
    with opening(folder):
        clips = [clip_of(folder, row, credit_of(folder, row), None) for row in rows]
    lines = [None] * len(rows)
    if said:
        with (folder / ANNOTATIONS).open("rb") as file:
            lines = [_line(file, said[clip.id]) if clip.id in said else None for clip in clips]
    with ThreadPoolExecutor(THREADS) as pool:
        small = list(pool.map(_thumbnail, [clip.poster for clip in clips]))
    credits = [clip.attribution for clip in clips]
    cells = {name: [row[name] for row in rows] for name in COLUMNS}
    return cells | {"credit": credits, "annotation": lines, "thumbnail": small}


def _line(file: Any, at: int) -> str:
    file.seek(at)
    return file.readline().decode()


def _thumbnail(poster: Path) -> bytes | None:
    try:
        return thumbnails.make(poster)
    except Exception:  # Pillow raises many kinds on damaged files; they are counted in the end
        return None


def _write(piece: Path, columns: dict[str, list], categories: list[str]) -> None:
    number = {name: i for i, name in enumerate(categories)}
    groups = pa.array([number[name] for name in columns["category"]], pa.int32())
    columns = columns | {"category": pa.DictionaryArray.from_arrays(groups, pa.array(categories, pa.string()))}
    batch = pa.record_batch(columns, schema=SCHEMA)
    with replacing(piece) as part, pa.ipc.new_file(str(part), SCHEMA) as out:
        out.write_batch(batch)


def _checked(cells: pa.Table) -> pa.Table:
    cells.validate(full=True)
    return cells


def _numbers(parts: list[pa.Array], of: Sequence) -> np.ndarray:
    """A column int32 [N] of rows of something. By the buffers: `to_numpy` imports pandas, which takes a second."""
    buffers = ((part.buffers()[1], np.int32, len(part), 4 * part.offset) for part in parts)
    numbers = np.concatenate([np.frombuffer(*buffer) for buffer in buffers])
    if numbers.min() < 0 or numbers.max() >= len(of):
        raise ValueError("rows that are not there")
    return numbers
