"""Search in hundreds of thousands of clips: 4-bit codes propose, exact cosines decide.

`build` reads a gallery's `tokens.npy` shard by shard and writes three files beside it, which are opened memory-mapped:
`index.faiss`, inverted lists of codes; `moments.npy` float32 [D + 1, D], mean and mean outer product of the unit
tokens, from which mean and deviation of any token's cosines to the whole gallery follow; `index.json`, of which tokens.
"""

import hashlib
import json
import math
import shutil
from pathlib import Path

import faiss
import numpy as np
from tqdm import tqdm

from .errors import UserError
from .search import FlatIndex, Index, Neighbours, unit
from .whole import replacing, unfinished, write

MANY = 20_000  # clips; below, exact search of everything takes milliseconds
PROPOSED = 400  # clips whose exact cosines are computed
PROBED = 32  # inverted lists that are read
SHARD = 50_000  # tokens in memory at a time while building
SAMPLE = 60  # training tokens for each inverted list
AGAIN = "Build it again with: python -m soundclip_demo gallery index GALLERY"
NAMES = ("index.faiss", "moments.npy", "index.json")


class CompressedIndex:
    """The `search.Index` of a folder for which `build` ran.

    A neighbour is missed where its list is not probed or its code misleads; every score that is told is exact.

    Raises:
        UserError: a file is missing or damaged, or belongs to other tokens.
    """

    depth = PROPOSED

    def __init__(self, folder: Path, tokens: np.ndarray) -> None:
        """`tokens` [N, D], those of the folder, memory-mapped."""
        codes, moments, about = (folder / name for name in NAMES)
        try:
            fits = json.loads(about.read_text()) == stamp(tokens)
            self._moments = np.load(moments, mmap_mode="r", allow_pickle=False)
            self._index = faiss.read_index(str(codes), faiss.IO_FLAG_MMAP)
        except (OSError, ValueError, EOFError, RuntimeError) as error:  # faiss raises RuntimeError
            raise UserError(f"The search index in {folder.name} cannot be opened.", AGAIN) from error
        if not fits or self._index.ntotal != len(tokens):
            raise UserError(f"The search index in {folder.name} was built for other clips.", AGAIN)
        self.size, self._tokens = len(tokens), tokens
        self._search = faiss.SearchParametersIVF(nprobe=PROBED)

    def search(self, token: np.ndarray, k: int) -> Neighbours:
        query = unit(token[None])
        rows = self._index.search(query, PROPOSED, params=self._search)[1][0]
        rows = np.sort(rows[rows >= 0])  # in the file's order, for the disk
        scores = unit(self._tokens[rows]) @ query[0]
        best = np.argsort(-scores, kind="stable")[:k]
        mean = float(self._moments[0] @ query[0])
        square = float(query[0] @ self._moments[1:] @ query[0])
        return Neighbours(rows[best], scores[best], mean, math.sqrt(max(0.0, square - mean**2)))


def index_of(folder: Path, tokens: np.ndarray) -> Index:
    """The compressed index of a gallery folder where one was built, else an exact one of its `tokens` [N, D]."""
    return CompressedIndex(folder, tokens) if (folder / NAMES[0]).exists() else FlatIndex(tokens)


def build(folder: Path) -> None:
    """Writes the index of `folder/tokens.npy`; goes on where an earlier run was killed. Half a million tokens take
    2.2 GB of memory."""
    tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
    made_of = stamp(tokens)
    pieces = unfinished(folder / "index.unfinished", made_of)
    empty = _trained(pieces / "trained.faiss", tokens)
    index, moments = faiss.clone_index(empty), 0.0
    for first in tqdm(range(0, len(tokens), SHARD), desc="index", unit="shard"):
        codes, sums = (pieces / f"{first:09d}.{kind}" for kind in ("faiss", "npy"))
        if not sums.exists():
            _encode(empty, tokens, first, codes, sums)
        index.merge_from(faiss.read_index(str(codes)), 0)
        moments = moments + np.load(sums, allow_pickle=False).astype(np.float64)
    (folder / NAMES[2]).unlink(missing_ok=True)  # what is replaced now counts for nothing until all of it is there
    with replacing(folder / NAMES[0]) as part:
        faiss.write_index(index, str(part))
    with replacing(folder / NAMES[1]) as part, part.open("wb") as stream:
        np.save(stream, (moments / len(tokens)).astype(np.float32))
    write(folder / NAMES[2], json.dumps(made_of))
    shutil.rmtree(pieces)


def remove(folder: Path) -> None:
    """Leaves the gallery without an index."""
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)


def stamp(tokens: np.ndarray) -> dict:
    """Names tokens by their shape and a thousand of their rows: to hash gigabytes at each start would take seconds."""
    rows = tokens[np.linspace(0, len(tokens) - 1, min(len(tokens), 1000)).astype(int)]
    return {"shape": list(tokens.shape), "rows": hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()}


def _trained(file: Path, tokens: np.ndarray) -> faiss.Index:
    """Inverted lists around the centres of a sample, still empty: about the square root of the tokens in number."""
    if not file.exists():
        lists = 2 ** round(math.log2(max(4.0, math.sqrt(len(tokens)))))
        index = faiss.index_factory(tokens.shape[1], f"IVF{lists},SQ4", faiss.METRIC_INNER_PRODUCT)
        count = min(len(tokens), lists * SAMPLE)
        rows = np.sort(np.random.default_rng(0).choice(len(tokens), count, replace=False))
        index.train(unit(tokens[rows]))
        with replacing(file) as part:
            faiss.write_index(index, str(part))
    return faiss.read_index(str(file))


def _encode(empty: faiss.Index, tokens: np.ndarray, first: int, codes: Path, sums: Path) -> None:
    """Writes the codes of a shard, then the sums that its moments are made of."""
    vectors, index = unit(tokens[first : first + SHARD]), faiss.clone_index(empty)
    index.add_with_ids(vectors, np.arange(first, first + len(vectors)))
    with replacing(codes) as part:
        faiss.write_index(index, str(part))
    with replacing(sums) as part, part.open("wb") as stream:
        np.save(stream, np.concatenate([vectors.sum(0, keepdims=True), vectors.T @ vectors]))
