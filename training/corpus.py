"""Reads a corpus folder (`sounds.csv`, `pictures.csv` and the files they name) and splits it by recording.

A recording, never a file or a window, lies on one side of a split. What the bundled gallery and the example sounds
were made from is in neither side: `gallery` and `example` are splits of their own.
"""

import csv
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TABLES = Path(__file__).resolve().parent / "tables"
TEST_SHARE = 0.15  # of the recordings of every category that has at least MIN_RECORDINGS
VALIDATION_SHARE = 0.10
MIN_RECORDINGS = 6


@dataclass(frozen=True)
class SoundFile:
    """One row of `sounds.csv` with its split: train, validation, test, gallery or example."""

    file: Path
    category: str
    recording: str
    source: str
    split: str


@dataclass(frozen=True)
class Category:
    """One row of `tables/categories.csv`.

    Attributes:
        pictures: picture categories that show what makes this sound.
        words: other words that name it rightly, beside the category itself.
        sentence: what a caption of it says first.
    """

    name: str
    pictures: tuple[str, ...]
    words: tuple[str, ...]
    sentence: str


def categories() -> dict[str, Category]:
    return {
        row["category"]: Category(
            row["category"], _listed(row["pictures"]), _listed(row["words"]), row["sentence"]
        )
        for row in rows(TABLES / "categories.csv")
    }


def sounds(corpus: Path) -> list[SoundFile]:
    """Every sound of a corpus folder whose category is in the table, with its split."""
    known = categories()
    listed = [row for row in rows(corpus / "sounds.csv") if row["category"] in known]
    splits = split({row["recording"]: row["category"] for row in listed})
    return [
        SoundFile(corpus / row["file"], row["category"], row["recording"], row["source"], splits[row["recording"]])
        for row in listed
    ]


def split(recordings: dict[str, str]) -> dict[str, str]:
    """Recording -> category gives recording -> split.

    The order within a category is that of a hash, so a recording added later moves few others.
    """
    bundled = {row["recording"]: "gallery" for row in rows(TABLES / "gallery.csv")}
    bundled |= {row["recording"]: "example" for row in rows(TABLES / "examples.csv")}
    by_category = defaultdict(list)
    for recording, category in recordings.items():
        by_category[category].append(recording)
    splits = {}
    for members in by_category.values():
        free = sorted((r for r in members if r not in bundled), key=_shuffled)
        enough = len(members) >= MIN_RECORDINGS
        tested = -(-len(members) * TEST_SHARE // 1) if enough else 0  # rounded up
        validated = len(members) * VALIDATION_SHARE // 1 if enough else 0
        # At least one recording is left to train on, whatever the shares say.
        tested = int(min(tested, max(0, len(free) - 1)))
        validated = int(min(validated, max(0, len(free) - 1 - tested)))
        for i, recording in enumerate(free):
            splits[recording] = "test" if i < tested else "validation" if i < tested + validated else "train"
    return splits | {r: name for r, name in bundled.items() if r in recordings}


def pictures(corpus: Path) -> dict[str, list[Path]]:
    """Picture files of a corpus folder by picture category, in the order of the file."""
    found = defaultdict(list)
    for row in rows(corpus / "pictures.csv"):
        found[row["category"]].append(corpus / row["file"])
    return dict(found)


def fingerprint(corpus: Path) -> str:
    """Names the data a checkpoint was trained on: both lists, the splits, and which pictures show what."""
    digest = hashlib.sha256()
    for file in (corpus / "sounds.csv", corpus / "pictures.csv", TABLES / "gallery.csv", TABLES / "examples.csv"):
        digest.update(file.read_bytes())
    digest.update(repr([(c.name, c.pictures) for c in categories().values()]).encode())
    return digest.hexdigest()[:12]


def _shuffled(recording: str) -> str:
    return hashlib.sha256(recording.encode()).hexdigest()


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(item for item in cell.split("|") if item)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))
