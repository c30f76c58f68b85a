"""The clips that are searched: `clips.csv`, their CLIP tokens, their place on the map, their media.

A gallery folder holds `clips.csv` (one row a clip), `tokens.npy` float16 [N, D], `atlas.npy` float32 [N, 2],
`gallery.json` (title, CLIP space, note) and the files that the rows name. It may hold `annotations.jsonl`, the
alignment scores of its clips as `python -m training annotate` writes them. The bundled one has `words.csv` as well:
categories and other words that name them. Where there are many clips, `clips.arrow` holds the list and the posters
(`gallery_large.py`).
"""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import alignment
from .alignment import Annotation
from .errors import UserError
from .landscape import Landscape
from .naming import places_named
from .suites import Space
from .tiles import Tiles

if TYPE_CHECKING:
    from .gallery_large import LargeClips

COLUMNS = ("id", "category", "caption", "video", "poster", "still", "picture_kind", "licence", "attribution")
ANNOTATIONS = "annotations.jsonl"
BUILD = "python -m soundclip_demo gallery build FOLDER --out GALLERY"
LARGE = "clips.arrow"
REFUSED = f"Delete {ANNOTATIONS}, or make it again with: python -m training annotate --gallery GALLERY --out FILE"


@dataclass(frozen=True)
class Clip:
    """One 3-second video.

    Attributes:
        still: the video is a slow camera move over one picture, not a filmed one.
        picture_kind: "photo", "drawing" or "video".
        attribution: who made what, under which licence; plain text, may be empty.
        annotation: alignment scores and what made them; None where the gallery has none of this clip.
        thumbnail: what the list of a large gallery calls the small poster that it holds; empty where it holds none.
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
    thumbnail: str = ""


class Clips(tuple[Clip, ...]):
    """All clips in memory. `gallery_large.LargeClips` has the same ways to ask and leaves them on the disk."""

    @cached_property
    def categories(self) -> list[str]:
        """Their names, sorted."""
        return sorted({clip.category for clip in self})

    @cached_property
    def groups(self) -> np.ndarray:
        """Which of `categories` each clip is of, int32 [N]."""
        number = {name: i for i, name in enumerate(self.categories)}
        return np.array([number[clip.category] for clip in self], np.int32)

    def ids(self, rows: Iterable[int]) -> list[str]:
        return [self[row].id for row in rows]

    def row(self, clip_id: str) -> int | None:
        """Where the clip of that id stands; None where there is none."""
        return self._rows.get(clip_id)

    def thumbnail(self, name: str) -> None:
        """Small posters are files of their own, or nowhere."""

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {clip.id: row for row, clip in enumerate(self)}


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
    clips: "Clips | LargeClips"
    tokens: np.ndarray
    coordinates: np.ndarray
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def clip(self, clip_id: str) -> Clip:
        """Raises KeyError where there is none of that id."""
        clip = self.find(clip_id)
        if clip is None:
            raise KeyError(clip_id)
        return clip

    def find(self, clip_id: object) -> Clip | None:
        """The clip of that name, which may be anything a browser sends; None where there is none."""
        row = self.clips.row(clip_id) if isinstance(clip_id, str) else None
        return None if row is None else self.clips[row]

    def poster(self, clip: Clip) -> Path | BytesIO:
        """The clip's poster, to open as a picture: its file, or where that is gone the small one of the list."""
        gone = clip.thumbnail and not clip.poster.is_file()
        return BytesIO(self.clips.thumbnail(clip.thumbnail)) if gone else clip.poster

    @cached_property
    def tiles(self) -> Tiles:
        """The map in pieces."""
        return Tiles(self.coordinates)

    @cached_property
    def landscape(self) -> Landscape:
        """Where on the map a token lands."""
        return Landscape(self.coordinates)

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
    with opening(folder):
        about = json.loads((folder / "gallery.json").read_text())
        title, made_for, spec, note = about["title"], about["space"], about["spec"], about["note"]
        clips = _clips(folder)
        tokens = np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False)
        coordinates = np.load(folder / "atlas.npy", allow_pickle=False).astype(np.float32)
        if coordinates.shape[1:] != (2,) or not np.isfinite(coordinates).all():
            raise ValueError("not a map")
        words = _words(folder / "words.csv")
    if made_for != space.name:
        raise UserError(f"This gallery was made for {made_for}, not for {space.name}.", "Build it again.")
    if space.spec and spec != space.spec:
        raise UserError("This gallery was made with other weights of the CLIP tower.", "Build it again.")
    if not len(clips) == len(tokens) == len(coordinates) > 0:
        raise UserError("The gallery's files do not belong together.", "Build it again.")
    return Gallery(folder, title, made_for, note, clips, tokens, coordinates, words)


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """What goes wrong with a gallery's files inside becomes one sentence."""
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The gallery in {folder.name} cannot be opened ({type(error).__name__}).",
            f"Build it again with: {BUILD}",
        ) from error


@contextmanager
def opening_annotations() -> Iterator[None]:
    """The same for its annotations."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise UserError(f"The gallery's {ANNOTATIONS} cannot be read.", REFUSED) from error


def belong(annotated: Collection[str], clips: Collection[str]) -> None:
    """Refuses annotations of other clips, by their ids."""
    if set(annotated).difference(clips):
        raise UserError(f"The gallery's {ANNOTATIONS} is about other clips.", REFUSED)


def clip_of(
    folder: Path, row: Mapping[str, str], credit: str, annotation: Annotation | None, thumbnail: str = ""
) -> Clip:
    """A row of `clips.csv` as a clip; `credit` is the text that it names as `attribution`.

    Raises:
        KeyError, TypeError, ValueError: something is missing, or a file lies outside the gallery.
    """
    return Clip(
        id=row["id"],
        category=row["category"],
        caption=row["caption"],
        video=_inside(folder, row["video"]),
        poster=_inside(folder, row["poster"]),
        still=row["still"] == "1",
        picture_kind=row["picture_kind"],
        licence=row["licence"],
        attribution=credit,
        annotation=annotation,
        thumbnail=thumbnail,
    )


def credit_of(folder: Path, row: Mapping[str, str]) -> str:
    """The text of the file that a row names as `attribution`; empty where there is none."""
    file = _inside(folder, row["attribution"]) if row["attribution"] else None
    return file.read_text() if file and file.is_file() else ""


def _clips(folder: Path) -> "Clips | LargeClips":
    if (folder / LARGE).exists():
        from .gallery_large import LargeClips

        return LargeClips(folder)
    said, file = {}, folder / ANNOTATIONS
    if file.exists():
        with opening_annotations():
            said = alignment.read(file)
    with (folder / "clips.csv").open(newline="") as rows:
        clips = Clips(
            clip_of(folder, row, credit_of(folder, row), said.get(row["id"])) for row in csv.DictReader(rows)
        )
    belong(said, [clip.id for clip in clips])
    return clips


def _words(file: Path) -> dict[str, tuple[str, ...]]:
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as table:
        return {row["category"]: tuple(filter(None, row["words"].split("|"))) for row in csv.DictReader(table)}


def _inside(folder: Path, name: str) -> Path:
    """A path named in `clips.csv`; one that leads out of the gallery would be served to every visitor."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"{name} lies outside the gallery")
    return path
