"""Search in hundreds of thousands of clips by LanceDB, where that is wanted: 8-bit codes propose, exact cosines decide.

LanceDB and not Qdrant: its engine comes whole in one wheel and reads its lists from the disk, while Qdrant's client
searches everything in Python, its embedded engine is a beta, and no package brings its server.

|                        | faiss, the usual one | lancedb                                              |
|------------------------|----------------------|------------------------------------------------------|
| is installed           | with the demo        | by requirements-lancedb.txt                          |
| keeps on the disk      | codes of 4 bits      | codes of 8 bits, and the tokens once more in float16 |
| a build that is killed | goes on              | begins anew                                          |
| searches               | in the demo          | in the demo, or on a server that speaks Lance's REST |

`build` writes the folder `index.lancedb/`: a table that is named after its tokens, and what proposals.py says. With
`SOUNDCLIP_LANCEDB=http://HOST:PORT` that server is asked, in whose folder the table has to lie; it is told every token
that is searched. Package `pylance` has a small one: `lance.namespace.RestAdapter("dir", {"root": FOLDER}, port=PORT)`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .errors import UserError
from .proposals import PROBED, PROPOSED, SAMPLE, ProposedIndex, describe, lists, shards, stamp, sums
from .search import unit

if TYPE_CHECKING:
    import pyarrow as pa

HOME = "index.lancedb"
FILES = (HOME,)
DISTANCE = "l2"  # of unit tokens it orders as the cosine does, and is defined for zeros
COLUMNS = ["row", "_distance"]
SECONDS = 10.0  # that a server may take


class EmbeddedIndex(ProposedIndex):
    """The index of a folder for which `build` ran, searched in this process."""

    def __init__(self, folder: Path, tokens: np.ndarray) -> None:
        self._home = folder / HOME
        super().__init__(folder, tokens, self._home)

    def _open(self, tokens: np.ndarray) -> int:
        self._table = _lancedb().connect(self._home).open_table(_name(tokens))
        self._propose(np.zeros(tokens.shape[1], np.float32))  # else a damaged file would be met by the first visitor
        return self._table.count_rows()

    def _propose(self, query: np.ndarray) -> np.ndarray:
        search = self._table.search(query, vector_column_name="token").distance_type(DISTANCE)
        return search.nprobes(PROBED).limit(PROPOSED).select(COLUMNS).to_arrow()["row"].to_numpy()


class ServedIndex(ProposedIndex):
    """The same searched by a server."""

    def __init__(self, folder: Path, tokens: np.ndarray, address: str) -> None:
        _lancedb()
        from lance_namespace_urllib3_client import ApiClient, Configuration
        from lance_namespace_urllib3_client.api.data_api import DataApi

        self._api = DataApi(ApiClient(Configuration(host=address, retries=0)))
        super().__init__(folder, tokens, folder / HOME)

    def _open(self, tokens: np.ndarray) -> int:
        self._table = _name(tokens)
        self._propose(np.zeros(tokens.shape[1], np.float32))
        return len(tokens)  # the name says of which

    def _propose(self, query: np.ndarray) -> np.ndarray:
        import pyarrow as pa
        from lance_namespace_urllib3_client import exceptions, models
        from urllib3.exceptions import HTTPError

        asked = models.QueryTableRequest(
            vector=models.QueryTableRequestVector(single_vector=query.tolist()),
            vector_column="token",
            distance_type=DISTANCE,
            nprobes=PROBED,
            k=PROPOSED,
            columns=models.QueryTableRequestColumns(column_names=COLUMNS),
        )
        try:
            answer = self._api.query_table(self._table, asked, _request_timeout=SECONDS)
            return pa.ipc.open_file(answer).read_all()["row"].to_numpy()
        except exceptions.NotFoundException as error:
            way = f"Put {HOME}/{self._table}.lance of this gallery into the server's folder."
            raise UserError("The search server has no index of these clips.", way) from error
        except (exceptions.ApiException, HTTPError, pa.ArrowInvalid) as error:
            raise UserError("The search server does not answer.", "Try again in a moment.") from error


def open_index(folder: Path, tokens: np.ndarray) -> ProposedIndex:
    """The index of a gallery folder, on the server where one is named.

    Raises:
        UserError: the packages are missing, the index belongs to other tokens, or it cannot be read or reached.
    """
    address = os.environ.get("SOUNDCLIP_LANCEDB")
    return ServedIndex(folder, tokens, address) if address else EmbeddedIndex(folder, tokens)


def build(folder: Path) -> None:
    """Writes the index of `folder/tokens.npy`.

    Raises:
        UserError: the packages are missing.
    """
    lancedb = _lancedb()
    import pyarrow as pa
    from lancedb.index import IvfSq

    tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
    count, width = tokens.shape
    unfinished = folder / f"{HOME}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    schema = pa.schema({"row": pa.int64(), "token": pa.list_(pa.float16(), width)})
    total = np.zeros((width + 1, width))

    def batches() -> "Iterator[pa.RecordBatch]":
        for rows in shards(count):
            vectors = unit(tokens[rows])
            np.add(total, sums(vectors), out=total)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float16).ravel()), width)
            yield pa.record_batch([pa.array(np.arange(rows.start, rows.stop)), column], schema=schema)

    table = lancedb.connect(unfinished).create_table(
        _name(tokens), pa.RecordBatchReader.from_batches(schema, batches())
    )
    table.create_index(
        "token", config=IvfSq(distance_type=DISTANCE, num_partitions=lists(count), sample_rate=SAMPLE)
    )
    describe(unfinished, tokens, total)
    shutil.rmtree(folder / HOME, ignore_errors=True)
    unfinished.rename(folder / HOME)


def _name(tokens: np.ndarray) -> str:
    """The table of these tokens: a server may hold those of many galleries."""
    return f"tokens-{stamp(tokens)['rows'][:16]}"


def _lancedb() -> ModuleType:
    try:
        import lancedb
    except ImportError as error:
        way = "Install it with: pip install -r requirements-lancedb.txt"
        raise UserError("LanceDB is not installed.", way) from error
    return lancedb
