"""Reads AVE-2's metadata: rows of scores, reasons, captions and sound sources, from shards in a folder or on the hub.

Fields as in paper-facts section 6.3; `soundclip_demo.alignment` reads those of the scores. Media are not part of AVE-2.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundclip_demo.alignment import DIMENSIONS, Alignment, alignment_of
from soundclip_demo.config import default_cache

from . import manifest

REPOSITORY = "ali-vosoughi/ave-2"
REVISION = "0a025ec10aab4c6b7c9f97bdbbd9355e0482cf8b"
GATED = (
    f"AVE-2 is given out on request: log in at https://huggingface.co/datasets/{REPOSITORY}, ask for access there, and "
    "when it is granted run `hf auth login` and this command again."
)
SELECTED_MEAN, SHOWN_SUM = 7.6, 42  # what AVVA trained on; what the paper's page showed (sections 6.2 and 10.3)


@dataclass(frozen=True)
class Row:
    """One 3-second clip. `start` and `end` are seconds of the window among its neighbours, not of the YouTube video."""

    sample_id: str
    youtube_id: str
    segment: str
    start: float
    end: float
    split: str
    folder: str
    video_caption: str
    environmental_audio: str
    speech_content: str
    alignment: Alignment


def rows(folder: Path, split: str | None = None) -> Iterator[Row]:
    """Rows of every shard `<split>_*.json` below `folder`, in the order of the files.

    Raises:
        FileNotFoundError: there is no shard.
        ValueError: a shard is no list of rows, or a row lacks a field; the message says where and which.
    """
    for file in _shards(folder, split):
        try:
            listed = json.loads(file.read_text())
        except ValueError as error:
            raise ValueError(f"{file.name} is not JSON: {error}") from error
        if not isinstance(listed, list):
            raise ValueError(f"{file.name} is not a list of rows")
        for number, given in enumerate(listed):
            try:
                yield _row(given)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ValueError(f"row {number} of {file.name}: {_missing(error)}") from error


def _shards(folder: Path, split: str | None) -> list[Path]:
    files = sorted(folder.rglob(f"{split or '*'}_[0-9]*.json"))
    if not files:
        raise FileNotFoundError(f"no shard such as train_00000.json below {folder}")
    return files


def fetch(split: str | None = None) -> Path:
    """Folder of the shards on the hub, fetched if need be.

    Raises:
        PermissionError: access was not granted yet; the message says how to ask.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        found = snapshot_download(
            REPOSITORY,
            repo_type="dataset",
            revision=REVISION,
            allow_patterns=f"data/{split or '*'}_*.json",
        )
    except (GatedRepoError, RepositoryNotFoundError) as error:  # one whose log-in is missing looks like one not found
        raise PermissionError(GATED) from error
    return Path(found)


def show(alignments: list[Alignment], threshold: float = SELECTED_MEAN) -> None:
    """Prints the mean of each dimension, and what a mean of at least `threshold` and the page's sum select.

    Both thresholds were meant for five scores; where some are not known, their means are those of what is known.
    """
    for name in DIMENSIONS:
        known = [found.scores[name] for found in alignments if name in found.scores]
        print(f"{name:24} {np.mean(known):5.2f}" if known else f"{name:24} not known")
    means = np.array([found.mean for found in alignments])
    print(f"mean of at least {threshold:g}: {(means >= threshold).mean():.1%}")
    if sums := [found.sum for found in alignments if len(found.scores) == len(DIMENSIONS)]:
        print(f"sum of at least {SHOWN_SUM}: {(np.array(sums) >= SHOWN_SUM).mean():.1%}")


def _row(given: dict[str, Any]) -> Row:
    row = Row(
        sample_id=given["sample_id"],
        youtube_id=given["youtube_id"],
        segment=given["segment"],
        start=float(given["segment_start_time"]),
        end=float(given["segment_end_time"]),
        split=given["split"],
        folder=given["folder"],
        video_caption=given["video_caption"],
        environmental_audio=given["environmental_audio"],
        speech_content=given["speech_content"] or "",
        alignment=alignment_of(given),
    )
    if row.sample_id != f"{row.youtube_id}_{row.segment}":
        raise ValueError(f"{row.sample_id} is not segment {row.segment} of {row.youtube_id}")
    return row


def _missing(error: Exception) -> str:
    return f"no field {error}" if isinstance(error, KeyError) else str(error)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training ave2`."""
    parser.add_argument("--folder", type=Path, help="where the shards are; without it they come from the hub")
    parser.add_argument("--split", choices=("train", "eval"), help="one of the two; without it both")
    parser.add_argument("--work", type=Path, default=default_cache() / "training", help="gets the manifest")


def main(args: argparse.Namespace) -> int:
    """Counts what there is and what the thresholds select."""
    folder = args.folder or fetch(args.split)
    data = manifest.hash_of([(file.name, file.stat().st_size) for file in _shards(folder, args.split)])
    with manifest.running(manifest.of_verb(args.work, "ave2"), {"split": args.split}, data) as about:
        found, about["clips"] = list(rows(folder, args.split)), {}
        for split, count in Counter(row.split for row in found).items():
            videos = len({row.youtube_id for row in found if row.split == split})
            print(f"{split:6} {count:7} clips of {videos:7} videos, {count * 3 / 3600:.1f} h")
            about["clips"][split] = count
        show([row.alignment for row in found])
    return 0
