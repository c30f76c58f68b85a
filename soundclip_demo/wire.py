"""What is asked of an engine in another process and what it answers, as lines of JSON.

A value of one of `KINDS` is an object that says which; samples and pixels in it are base64. No other kind can come
out of a line, and lists within a value come out as tuples.
"""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import events
from .audio import Sound
from .compare import Row
from .config import Config, SoundLimits
from .encoders import EncoderStatus
from .errors import UserError
from .parts import NotReady
from .questions import Exchange


class Broken(Exception):
    """Something failed in the other process, whose log says what."""


_KINDS = (
    Config,
    SoundLimits,
    EncoderStatus,
    events.Setting,
    events.Truth,
    events.Heard,
    events.Hit,
    events.Matches,
    events.Placed,
    events.WordsFound,
    events.CaptionPart,
    events.AnswerPart,
    events.Relevance,
    events.Missing,
    events.Timing,
    Row,
    Exchange,
    UserError,
    NotReady,
    Broken,
)
KINDS = {kind.__name__: kind for kind in _KINDS}


def line(value: Any) -> bytes:
    """One line, with its end. Text in it is ASCII, so that nothing else in it ends a line."""
    return json.dumps(value, default=_plain).encode() + b"\n"


def read(line: bytes | str) -> Any:
    """The value in a line. An exception that ended the work there is a value as well.

    Raises:
        ValueError, KeyError, TypeError: no line of this version of the program.
    """
    return json.loads(line, object_hook=_made)


def _plain(value: Any) -> dict[str, Any]:
    match value:
        case Path():
            return {"is": "Path", "path": str(value)}
        case Sound():
            samples = np.ascontiguousarray(value.samples, np.float32)
            return {"is": "Sound", "samples": _text(samples), "rate": value.rate, "truncated": value.truncated}
        case Image.Image():
            return {"is": "Image", "rgb": _text(value.tobytes()), "size": value.size}
        case _:
            return {"is": type(value).__name__} | vars(value)


def _made(given: dict[str, Any]) -> Any:
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    match given.pop("is", None):
        case None:
            return given
        case "Path":
            return Path(given["path"])
        case "Sound":
            return Sound(np.frombuffer(_bytes(given["samples"]), np.float32), given["rate"], given["truncated"])
        case "Image":
            return Image.frombytes("RGB", given["size"], _bytes(given["rgb"]))
        case name:
            return KINDS[name](**given)


def _text(content: Any) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str) -> bytearray:
    """Its own to write to, as torch wants of what it shares."""
    return bytearray(base64.b64decode(text))
