"""What is known of clips: the lines that `training annotate` wrote, or a folder of AVE-2's own rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import ave2
from .ave2 import Alignment


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
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            given = json.loads(line)
            if "problem" not in given:
                texts = given["video_caption"], given["environmental_audio"]
                yield given["id"], Annotated(*texts, ave2.alignment(given))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of {file} is no annotation: {error}") from error
