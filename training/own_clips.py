"""Clips that are there already: those of a gallery, or segments of one's own videos."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image

from soundclip_demo.clips import FPS, frames_from
from soundclip_demo.config import WINDOW_SECONDS, SoundLimits
from soundclip_demo.errors import UserError
from soundclip_demo.frames import middle_frame

from .annotated import Annotated
from .corpus import rows
from .segment import split_of


@dataclass(frozen=True)
class Clip:
    """A 3-second video with sound.

    Attributes:
        video: the source video; clips of one are never on both sides of a split.
        split: train, validation or test.
    """

    id: str
    file: Path
    video: str
    split: str


def clips_of(gallery: Path | None, segments: Path | None) -> list[Clip]:
    """The clips of a gallery folder, or of the `segments.csv` that `training segment` wrote.

    Each clip of a gallery is a video of its own, and split as segments are.

    Raises:
        OSError, ValueError: there is no such list, or it names a clip twice.
    """
    listed, column = (gallery / "clips.csv", "video") if gallery else (segments, "file")
    try:
        found = [_clip(row, listed.parent / row[column], of_gallery=bool(gallery)) for row in rows(listed)]
    except KeyError as error:
        raise ValueError(f"{listed} has no column {error}") from error
    if len({clip.id for clip in found}) < len(found):
        raise ValueError(f"{listed} has two clips of one id")
    return found


def splits(clips: list[Clip], known: Mapping[str, Annotated]) -> list[str]:
    """The split of each clip.

    AVE-2 says itself which clips it tests with. Then these are the test split, whatever else their videos hold is
    `left out`, and nothing else is tested.
    """
    tested = {clip.video for clip in clips if clip.id in known and known[clip.id].tested}
    if not tested:
        return [clip.split for clip in clips]
    return [
        ("test" if clip.id in known and known[clip.id].tested else "left out")
        if clip.video in tested
        else ("validation" if clip.split == "validation" else "train")
        for clip in clips
    ]


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


def middle(file: Path) -> Image.Image:
    """The picture that stands for a clip: the frame in the middle of its 3 seconds.

    Raises:
        UserError: it has none.
    """
    return middle_frame(file, SoundLimits(), (0.0, WINDOW_SECONDS))


def _clip(row: dict[str, str], file: Path, of_gallery: bool) -> Clip:
    """A list of someone else's may lack video and split: `<video>_<two digits>` says the one, its hash the other."""
    video = row["id"] if of_gallery else row.get("video") or re.sub(r"_\d\d$", "", row["id"])
    return Clip(row["id"], file, video, row.get("split") or split_of(video))
