"""What may come in: how much at once, how long it may take, and whether there is room for it.

Gradio bounds the size of one file, but takes a thousand of them in a request, any number of requests at once, and reads
whatever else is sent into memory. What it has written of an upload that breaks off it leaves behind, and a full disk
it does not mention.
"""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from gradio import route_utils, routes
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..config import SoundLimits
from ..errors import lacks
from . import texts

UPLOADS = 16  # at once
UPLOAD_SECONDS = 300.0  # 50 MB over a slow line
MOST_HELD = 2 * 2**30  # bytes of all uploads that were not deleted yet; in a container they may lie in memory
RESERVE = 200 * 2**20  # bytes of the disk that uploads leave free
LEFT_SECONDS = 600.0  # after which what is empty is of no use to anybody
ENVELOPE = 2**20  # bytes that may come with a file, or alone: what the page sends of itself is a tenth of that
DISK_FULL = PlainTextResponse(f"{texts.DISK_FULL} {texts.DISK_FULL_HINT}", 507)


class Intake:
    """ASGI middleware that refuses in one sentence."""

    def __init__(self, app: ASGIApp, limits: SoundLimits) -> None:
        self.app, self.file_bytes = app, limits.file_bytes
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/upload"):
            await self._upload(scope, receive, send)
        else:
            await self.app(scope, bounded(receive, ENVELOPE), send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = bounded(receive, self.file_bytes + ENVELOPE, time.monotonic() + UPLOAD_SECONDS)
        self._uploads += 1
        try:
            if self._uploads > UPLOADS:
                await PlainTextResponse(texts.MANY_FILES, 503)(scope, receive, send)
            elif room(scope["app"]) < self._uploads * self.file_bytes:
                await DISK_FULL(scope, receive, send)
            else:
                await self.app(scope, taken, send)
        except OSError as error:
            if lacks(error) != "disk":
                raise
            await DISK_FULL(scope, receive, send)
        finally:
            self._uploads -= 1


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's parser of uploads, which leaves nothing behind when one breaks off, for whatever reason."""

    async def parse(self) -> Any:
        try:
            return await super().parse()
        except BaseException:  # the visitor has gone, or the disk is full
            for file in self._files_to_close_on_error:
                with suppress(OSError):  # what it still held back does not fit either
                    file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


def bounded(receive: Receive, most: int, deadline: float = float("inf")) -> Receive:
    """A `receive` that refuses what is larger than `most` bytes, or comes after `deadline` (as `time.monotonic`)."""
    seen = 0

    async def measured() -> Message:
        nonlocal seen
        with anyio.move_on_after(deadline - time.monotonic()) as patience:
            message = await receive()
        if patience.cancelled_caught:
            raise HTTPException(408, texts.SLOW_FILE)
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, texts.too_large(most))
        return message

    return measured


def room(app: routes.App) -> int:
    """Bytes that further uploads may take."""
    folder = Path(app.uploaded_file_dir)
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    held = 0
    for file in tuple(app.get_blocks().upload_file_set):
        with suppress(OSError):  # deleted since
            held += Path(file).stat().st_size
    return min(MOST_HELD - held, shutil.disk_usage(folder).free - RESERVE)


def sweep(folder: Path) -> None:
    """Takes away what Gradio leaves for ever: an empty file for each upload, and the folder of each that it deleted."""
    for left in folder.iterdir():
        with suppress(OSError):  # a folder with files in it
            about = left.stat()
            if time.time() - about.st_mtime < LEFT_SECONDS:
                continue
            if left.is_dir():
                left.rmdir()
            elif about.st_size == 0:
                left.unlink()


def tidy_uploads() -> None:
    """Has Gradio parse uploads by the parser above."""
    route_utils.GradioMultiPartParser = routes.GradioMultiPartParser = Parser
