"""Where the models of several pages are: `python -m soundclip_demo serve` answers on a socket that is its user's only.

A call is a POST whose body is one line of `wire`; its answer is a line for each value, the last of which may be what
was raised. Whoever goes away in the middle of it ends the work within one token.
"""

import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from anyio import CancelScope, to_thread
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from . import wire
from .errors import UserError
from .parts import NotReady

if TYPE_CHECKING:
    from starlette.types import Send

    from .any_engine import AnyEngine

STREAMS = ("run", "ask", "compare")
VALUES = ("config", "encoders", "has_encoder", "knows_words", "look", "protocols", "search_words", "specs", "status")
GRACE = 5  # seconds in which answers may come to their end when the process is told to stop
log = logging.getLogger(__name__)


def app(engine: "AnyEngine") -> Starlette:
    """An engine's methods, a path for each."""

    async def answer(name: str, request: Request) -> StreamingResponse:
        return _Closing(_lines(_values(engine, name, wire.read(await request.body()))))

    return Starlette(routes=[Route(f"/{name}", partial(answer, name), methods=["POST"]) for name in STREAMS + VALUES])


def server(engine: "AnyEngine") -> uvicorn.Server:
    """`run([listen(path)])` answers until the process is told to stop."""
    return uvicorn.Server(
        uvicorn.Config(
            app(engine), loop="asyncio", lifespan="off", log_level="warning", timeout_graceful_shutdown=GRACE
        )
    )


def listen(path: Path) -> socket.socket:
    """A socket that only this user can reach. Whoever calls it before a server runs waits.

    Raises:
        UserError: another process answers there, or the path is none for a socket.
    """
    listener = socket.socket(socket.AF_UNIX)
    others = os.umask(0o177)  # from the first moment on: a mode set later would come too late
    try:
        if path.is_socket() and not answered(path):
            path.unlink()  # left behind by a process that was killed
        listener.bind(str(path))
        listener.listen()
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"No socket can be made at {path}: {why}.", "Choose another path.") from error
    finally:
        os.umask(others)
    return listener


def answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


def _values(engine: "AnyEngine", name: str, given: dict[str, Any]) -> Iterator[Any]:
    """What the engine's method gives, and in the end what it raises."""
    try:
        found = getattr(engine, name)
        if callable(found):
            found = found(**given)
        if name in STREAMS:
            yield from found
        else:
            yield found
    except (UserError, NotReady) as problem:
        yield problem
    except Exception:
        log.exception("%s failed", name)
        yield wire.Broken()


async def _lines(values: Iterator[Any]) -> AsyncIterator[bytes]:
    """Each value as a line. Closing it closes `values`, which no thread is working on by then."""
    try:
        async for value in iterate_in_threadpool(values):
            yield wire.line(value)
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(values.close)


class _Closing(StreamingResponse):
    """Closes what it sends also where it was cut off between two lines, and does so at once."""

    async def stream_response(self, send: "Send") -> None:
        async with aclosing(self.body_iterator):
            await super().stream_response(send)
