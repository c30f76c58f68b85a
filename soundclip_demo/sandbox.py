"""Decodes visitors' files in processes of their own, which may hang or crash without harm.

Sounds and pictures are read by large C libraries, and a hostile file may send one of them into an endless loop, a
crash or all of the memory. `decode` and `middle_frame` here do what `audio.decode` and `frames.middle_frame` do, but
in one of a few child processes: without torch, started when first needed and then kept, so that a decode costs a few
milliseconds more. A child has little memory, little time, and can write no file; one that dies or takes too long is
replaced, and the visitor reads one sentence. Question and answer are a line of JSON each, with samples or pixels
behind it as they are: nothing is unpickled.

Whoever reads files of their own choice, such as `training`, decodes directly.
"""

import json
import logging
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from . import audio
from .config import ROOT, THREADS, SoundLimits
from .errors import UserError

if TYPE_CHECKING:
    from PIL import Image

MOST = THREADS + 1  # children; one that hangs until its time is up leaves the others to everybody else
RETIRES = 500  # questions after which a child is replaced: libraries may lose memory with each broken file
START_SECONDS = 120.0  # that a child may take to import what it needs, on a busy machine
_LONGEST_LINE = 4096  # bytes
_ENDED = ("This file could not be read.", "Try another format, such as wav, mp3 or mp4.")
_BUSY = ("Many files are being read just now.", "Please try again in a minute.")
log = logging.getLogger(__name__)


def decode(path: str | Path, limits: SoundLimits = audio.LIMITS) -> audio.Sound:
    """Reads a sound file or the sound track of a video.

    Raises:
        UserError: see `audio.decode`; also where reading takes too long or ends in a crash.
    """
    header, content = _CHILDREN.ask("sound", path, limits)
    return audio.Sound(np.frombuffer(content, np.float32), header["rate"], header["truncated"])


def middle_frame(path: Path, limits: SoundLimits, window: tuple[float, float] | None = None) -> "Image.Image":
    """A picture as it is, or a video's frame in the middle of `window` (seconds; None: of the whole video).

    Raises:
        UserError: see `frames.middle_frame`; also where reading takes too long or ends in a crash.
    """
    from PIL import Image

    header, content = _CHILDREN.ask("frame", path, limits, window)
    return Image.frombytes("RGB", tuple(header["size"]), bytes(content))


def start() -> None:
    """Starts a child before the first visitor needs it."""
    _CHILDREN.start()


class _Ended(Exception):
    """A child is of no further use."""


class Child:
    """One process, for one question at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "soundclip_demo.sandbox"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.asked, self.late = 0, False
        try:
            self._within(START_SECONDS, lambda: self._answer(0))
        except _Ended:
            raise RuntimeError(f"files cannot be decoded: status {self.process.returncode}") from None

    def usable(self) -> bool:
        return self.asked < RETIRES and not self.late and self.process.poll() is None

    def ask(self, question: dict[str, Any], limits: SoundLimits) -> tuple[dict[str, Any], bytearray]:
        """The answer's line and what follows it.

        Raises:
            UserError: the file cannot be used.
            _Ended: the child is dead; `late` says whether its time was up.
        """

        def answer() -> tuple[dict[str, Any], bytearray]:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
            return self._answer(limits.memory_bytes)

        self.asked += 1
        header, content = self._within(limits.wall_seconds, answer)
        if "problem" in header:
            raise UserError(*header["problem"])
        return header, content

    def _within(self, seconds: float, work: Callable[[], Any]) -> Any:
        alarm = threading.Timer(seconds, self._ring)
        alarm.daemon = True  # a child whose parent ends has its own limit
        alarm.start()
        try:
            return work()
        except BaseException as broken:  # whatever it is, what is left of the answer must not become the next one's
            self.process.kill()
            self.process.wait()
            if isinstance(broken, OSError | ValueError | KeyError | TypeError):  # a closed pipe, or nonsense
                raise _Ended from broken
            raise
        finally:
            alarm.cancel()
            alarm.join()  # so that a child being killed is not taken for a live one

    def _ring(self) -> None:
        self.late = True
        self.process.kill()

    def _answer(self, most: int) -> tuple[dict[str, Any], bytearray]:
        header = json.loads(self.process.stdout.readline(_LONGEST_LINE))
        if not 0 <= header["bytes"] <= most:
            raise ValueError("too much")
        content = bytearray(header["bytes"])
        if self.process.stdout.readinto(content) != len(content):
            raise ValueError("cut off")
        return header, content


class Children:
    """Up to `count` of them. Safe to call from several threads."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.forget()

    def forget(self) -> None:
        """Starts anew in a fork of this process, where the pipes are the original's."""
        self._idle: queue.LifoQueue[Child | None] = queue.LifoQueue()  # the one used last, which is warm, comes first
        for _ in range(self._count):
            self._idle.put(None)

    def start(self) -> None:
        child = self._idle.get()
        try:
            child = child or Child()
        finally:
            self._idle.put(child)

    def ask(
        self, work: str, path: str | Path, limits: SoundLimits, window: tuple[float, float] | None = None
    ) -> tuple[dict[str, Any], bytearray]:
        try:
            child = self._idle.get(timeout=limits.wall_seconds)
        except queue.Empty:
            raise UserError(*_BUSY) from None
        question = {"work": work, "path": str(Path(path).resolve()), "limits": asdict(limits), "window": window}
        try:
            child = child if child and child.usable() else Child()
            return child.ask(question, limits)
        except _Ended:
            log.warning("a decoding process ended with status %s", child.process.returncode)
            raise UserError(*(audio.TOO_SLOW if child.late else _ENDED)) from None
        finally:
            self._idle.put(child)


_CHILDREN = Children(MOST)
if hasattr(os, "register_at_fork"):  # a Space with ZeroGPU runs calls in forks
    os.register_at_fork(after_in_child=_CHILDREN.forget)


# What follows runs in a child.


def _serve() -> None:
    """Answers one question after the other until the parent closes the pipe."""
    import soundfile  # noqa: F401 - all of it before anything is limited: a failure here should be told

    from . import frames  # noqa: F401

    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # libraries write there, also the names of files
        os.dup2(nowhere, stream)
    _send(answers, {})
    for line in sys.stdin.buffer:
        question = json.loads(line)
        limits = SoundLimits(**question["limits"])
        _restrict(limits)
        try:
            _send(answers, *_WORK[question["work"]](Path(question["path"]), limits, question["window"]))
        except UserError as problem:
            _send(answers, {"problem": [problem.message, problem.hint]})


def _sound(path: Path, limits: SoundLimits, window: None) -> tuple[dict[str, Any], Any]:
    sound = audio.decode(path, limits)
    return {"rate": sound.rate, "truncated": sound.truncated}, sound.samples.data.cast("B")


def _frame(path: Path, limits: SoundLimits, window: tuple[float, float] | None) -> tuple[dict[str, Any], Any]:
    from .frames import middle_frame

    frame = middle_frame(path, limits, window)
    return {"size": frame.size}, frame.tobytes()


_WORK = {"sound": _sound, "frame": _frame}


def _send(answers: IO[bytes], header: dict[str, Any], content: Any = b"") -> None:
    answers.write(json.dumps(header | {"bytes": len(content)}).encode() + b"\n")
    answers.write(content)
    answers.flush()


def _restrict(limits: SoundLimits) -> None:
    """Memory, processor time and files, as far as the system knows such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    seconds = math.ceil(time.process_time() + 2 * limits.wall_seconds)  # two threads may decode a video
    _limit(resource.RLIMIT_CPU, seconds, resource.getrlimit(resource.RLIMIT_CPU)[1])
    _limit(resource.RLIMIT_AS, limits.memory_bytes, resource.getrlimit(resource.RLIMIT_AS)[1])
    _limit(resource.RLIMIT_FSIZE, 0, 0)
    _limit(resource.RLIMIT_CORE, 0, 0)


def _limit(kind: int, soft: int, hard: int) -> None:
    import resource

    with suppress(ValueError, OSError):  # macOS does not limit memory
        resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    _serve()
