"""Search in hundreds of thousands of clips: 4-bit codes propose, exact cosines decide.

`build` reads a gallery's `tokens.npy` shard by shard and writes `index.faiss` beside it, inverted lists of codes that
are opened memory-mapped, and what proposals.py says.
"""

import json
import shutil
from pathlib import Path

import faiss
import numpy as np

from .proposals import ABOUT, MOMENTS, PROBED, PROPOSED, SAMPLE, ProposedIndex, describe, lists, shards, stamp, sums
from .search import unit
from .whole import replacing, write

MANY = 20_000  # clips; below, exact search of everything takes milliseconds
CODES = "index.faiss"
FILES = (CODES, MOMENTS, ABOUT)


class CompressedIndex(ProposedIndex):
    """The index of a folder for which `build` ran."""

    def __init__(self, folder: Path, tokens: np.ndarray) -> None:
        self._codes = folder / CODES
        self._search = faiss.SearchParametersIVF(nprobe=PROBED)
        super().__init__(folder, tokens, folder)

    def _open(self, tokens: np.ndarray) -> int:
        self._index = faiss.read_index(str(self._codes), faiss.IO_FLAG_MMAP)
        return self._index.ntotal

    def _propose(self, query: np.ndarray) -> np.ndarray:
        rows = self._index.search(query[None], PROPOSED, params=self._search)[1][0]
        return rows[rows >= 0]


open_index = CompressedIndex


def build(folder: Path) -> None:
    """Writes the index of `folder/tokens.npy`; goes on where an earlier run was killed. Half a million tokens take
    2.2 GB of memory."""
    tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
    made_of = stamp(tokens)
    unfinished = folder / "index.unfinished"
    if _read(unfinished / ABOUT) != made_of:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        write(unfinished / ABOUT, json.dumps(made_of))
    empty = _trained(unfinished / "trained.faiss", tokens)
    index, total = faiss.clone_index(empty), 0.0
    for rows in shards(len(tokens)):
        codes, parts = (unfinished / f"{rows.start:09d}.{kind}" for kind in ("faiss", "npy"))
        if not parts.exists():
            _encode(empty, tokens, rows, codes, parts)
        index.merge_from(faiss.read_index(str(codes)), 0)
        total = total + np.load(parts, allow_pickle=False).astype(np.float64)
    (folder / ABOUT).unlink(missing_ok=True)  # what is replaced now counts for nothing until all of it is there
    with replacing(folder / CODES) as part:
        faiss.write_index(index, str(part))
    describe(folder, tokens, total)
    shutil.rmtree(unfinished)


def _trained(file: Path, tokens: np.ndarray) -> faiss.Index:
    """Inverted lists around the centres of a sample, still empty."""
    if not file.exists():
        number = lists(len(tokens))
        index = faiss.index_factory(tokens.shape[1], f"IVF{number},SQ4", faiss.METRIC_INNER_PRODUCT)
        count = min(len(tokens), number * SAMPLE)
        rows = np.sort(np.random.default_rng(0).choice(len(tokens), count, replace=False))
        index.train(unit(tokens[rows]))
        with replacing(file) as part:
            faiss.write_index(index, str(part))
    return faiss.read_index(str(file))


def _encode(empty: faiss.Index, tokens: np.ndarray, rows: slice, codes: Path, parts: Path) -> None:
    """Writes the codes of a shard, then the sums that the moments are made of."""
    vectors, index = unit(tokens[rows]), faiss.clone_index(empty)
    index.add_with_ids(vectors, np.arange(rows.start, rows.stop))
    with replacing(codes) as part:
        faiss.write_index(index, str(part))
    with replacing(parts) as part, part.open("wb") as stream:
        np.save(stream, sums(vectors))


def _read(file: Path) -> dict | None:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None
