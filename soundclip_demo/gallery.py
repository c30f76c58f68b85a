"""The clips that are searched: `clips.csv`, their CLIP tokens, their place on the map, their media.

A gallery folder holds `clips.csv` (one row a clip), `tokens.npy` float16 [N, D], `atlas.npy` float32 [N, 2],
`gallery.json` (title, CLIP space, note) and the files that the rows name. It may hold `annotations.jsonl`, the
alignment scores of its clips as `python -m training annotate` writes them. The bundled one has `words.csv` as well:
categories and other words that name them.
"""

import csv
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from . import alignment
from .alignment import Annotation
from .errors import UserError
from .naming import places_named
from .suites import Space

COLUMNS = ("id", "category", "caption", "video", "poster", "still", "picture_kind", "licence", "attribution")
ANNOTATIONS = "annotations.jsonl"
BUILD = "python -m soundclip_demo gallery build FOLDER --out GALLERY"
REFUSED = f"Delete {ANNOTATIONS}, or make it again with: python -m training annotate --gallery GALLERY --out FILE"


@dataclass(frozen=True)
class Clip:
    """One 3-second video.

    Attributes:
        still: the video is a slow camera move over one picture, not a filmed one.
        picture_kind: "photo", "drawing" or "video".
        attribution: who made what, under which licence; plain text, may be empty.
        annotation: alignment scores and what made them; None where the gallery has none of this clip.
    """

    id: str
    category: str
    caption: str
    video: Path
    poster: Path
    still: bool
    picture_kind: str
    licence: str
    attribution: str
    annotation: Annotation | None = None


@dataclass(frozen=True, eq=False)
class Gallery:
    """Clips in a fixed order, which tokens [N, D] and coordinates [N, 2] share.

    Attributes:
        tokens: float16, memory-mapped: half a million of them are a gigabyte.
        words: category -> other words that name it; empty where nobody listed them.
    """

    folder: Path
    title: str
    space: str
    note: str
    clips: tuple[Clip, ...]
    tokens: np.ndarray
    coordinates: np.ndarray
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[str, Clip]:
        return {clip.id: clip for clip in self.clips}

    def clip(self, clip_id: str) -> Clip:
        return self._by_id[clip_id]

    def find(self, clip_id: object) -> Clip | None:
        """The clip of that name, which may be anything a browser sends; None where there is none."""
        return self._by_id.get(clip_id) if isinstance(clip_id, str) else None

    def places_named(self, text: str, category: str) -> list[tuple[int, int]]:
        """Where a text names a category, by start and end."""
        return places_named(text, (category, *self.words.get(category, ())), self.words)


def read(folder: Path, space: Space) -> Gallery:
    """Opens a gallery folder.

    Args:
        space: the CLIP space in use; a gallery embedded in another one, or by a tower with other weights, is refused.

    Raises:
        UserError: a file is missing or damaged, or the gallery belongs to another CLIP space.
    """
    folder = folder.resolve()
    said = _annotations(folder)
    try:
        about = json.loads((folder / "gallery.json").read_text())
        title, made_for, spec, note = about["title"], about["space"], about["spec"], about["note"]
        with (folder / "clips.csv").open(newline="") as file:
            clips = tuple(_clip(folder, row, said.get(row["id"])) for row in csv.DictReader(file))
        tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
        coordinates = np.load(folder / "atlas.npy", allow_pickle=False).astype(np.float32)
        words = _words(folder / "words.csv")
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The gallery in {folder.name} cannot be opened ({type(error).__name__}).",
            f"Build it again with: {BUILD}",
        ) from error
    if made_for != space.name:
        raise UserError(f"This gallery was made for {made_for}, not for {space.name}.", "Build it again.")
    if space.spec and spec != space.spec:
        raise UserError("This gallery was made with other weights of the CLIP tower.", "Build it again.")
    if not len(clips) == len(tokens) == len(coordinates) > 0:
        raise UserError("The gallery's files do not belong together.", "Build it again.")
    if said.keys() - {clip.id for clip in clips}:
        raise UserError(f"The gallery's {ANNOTATIONS} is about other clips.", REFUSED)
    return Gallery(folder, title, made_for, note, clips, tokens, coordinates, words)


def _words(file: Path) -> dict[str, tuple[str, ...]]:
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as table:
        return {row["category"]: tuple(filter(None, row["words"].split("|"))) for row in csv.DictReader(table)}


def _annotations(folder: Path) -> dict[str, Annotation]:
    file = folder / ANNOTATIONS
    try:
        return alignment.read(file) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise UserError(f"The gallery's {ANNOTATIONS} cannot be read.", REFUSED) from error


def _clip(folder: Path, row: dict[str, str], annotation: Annotation | None) -> Clip:
    credit = _inside(folder, row["attribution"]) if row["attribution"] else None
    return Clip(
        id=row["id"],
        category=row["category"],
        caption=row["caption"],
        video=_inside(folder, row["video"]),
        poster=_inside(folder, row["poster"]),
        still=row["still"] == "1",
        picture_kind=row["picture_kind"],
        licence=row["licence"],
        attribution=credit.read_text() if credit and credit.is_file() else "",
        annotation=annotation,
    )


def _inside(folder: Path, name: str) -> Path:
    """A path named in `clips.csv`; one that leads out of the gallery would be served to every visitor."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{name} lies outside the gallery")
    return path
