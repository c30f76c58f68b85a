"""What is known of clips: the lines that `training annotate` wrote, or a folder of AVE-2's own rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundclip_demo.alignment import Alignment
from soundclip_demo.alignment import read as read_lines

from . import ave2


@dataclass(frozen=True)
class Annotated:
    """A clip's two texts, its scores and sources.

    Attributes:
        seen, heard: what can be seen, and what can be heard.
        tested: AVE-2 keeps it for evaluation.
    """

    seen: str
    heard: str
    alignment: Alignment
    tested: bool = False

    @property
    def active(self) -> tuple[str, ...]:
        """What sounds in it, seen or not."""
        return (*self.alignment.visible_active, *self.alignment.invisible_active)


def read(source: Path) -> dict[str, Annotated]:
    """By the clip's name; clips without scores are left out.

    Raises:
        OSError, ValueError: it cannot be read, or a line is damaged.
    """
    return dict(_of_rows(source) if source.is_dir() else _of_lines(source))


def _of_rows(folder: Path) -> Iterator[tuple[str, Annotated]]:
    for row in ave2.rows(folder):
        tested = row.split == "eval"
        yield row.sample_id, Annotated(row.video_caption, row.environmental_audio, row.alignment, tested)


def _of_lines(file: Path) -> Iterator[tuple[str, Annotated]]:
    for name, said in read_lines(file).items():
        yield name, Annotated(said.seen, said.heard, said.alignment)
