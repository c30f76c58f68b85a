"""Clips that are there already: those of a gallery, or segments of one's own videos."""

from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image

from soundclip_demo.clips import FPS, frames_from
from soundclip_demo.config import WINDOW_SECONDS
from soundclip_demo.errors import UserError

from .corpus import rows


@dataclass(frozen=True)
class Clip:
    """A 3-second video with sound."""

    id: str
    file: Path


def clips_of(gallery: Path | None, segments: Path | None) -> list[Clip]:
    """The clips of a gallery folder, or of the `segments.csv` that `training segment` wrote.

    Raises:
        OSError, ValueError: there is no such list, or it names a clip twice.
    """
    listed, column = (gallery / "clips.csv", "video") if gallery else (segments, "file")
    try:
        found = [Clip(row["id"], listed.parent / row[column]) for row in rows(listed)]
    except KeyError as error:
        raise ValueError(f"{listed} has no column {error}") from error
    if len({clip.id for clip in found}) < len(found):
        raise ValueError(f"{listed} has two clips of one id")
    return found


def frames(file: Path, number: int) -> list[Image.Image]:
    """`number` pictures of a clip, evenly spread over its 3 seconds.

    Raises:
        UserError: it has none.
    """
    count = round(WINDOW_SECONDS * FPS)
    wanted = {count * (2 * i + 1) // (2 * number) for i in range(number)}
    try:
        shown = [frame.to_image() for i, frame in enumerate(frames_from(file, 0.0)) if i in wanted]
    except (av.FFmpegError, OSError, ValueError, LookupError) as error:
        raise UserError(f"This clip's picture cannot be read ({type(error).__name__}).") from error
    if not shown:
        raise UserError("This clip has no picture.")
    return shown
