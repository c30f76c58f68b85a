"""Makes a gallery of anyone's own videos: one 3-second clip around the loudest part of each.

`captions.csv`, where given, has the columns `file`, `caption` and, if wanted, `category` and `licence`; a file is
named as below the folder. Without it a clip is called by its file's name and its category by the file's folder.
Annotations, where given, are the lines that `python -m training annotate --segments` wrote; a line is about the file
that its id names without folder and suffix.
"""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from . import alignment, atlas, clips, indexes, search_large
from .audio import Sound, decode, resample
from .config import WINDOW_SECONDS, Config
from .errors import UserError
from .frames import middle_frame
from .gallery import ANNOTATIONS, COLUMNS
from .parts import Parts
from .suites import SUITES, Space
from .whole import replacing

LONG_SIDE = 640  # pixels
QUALITY = 26


@dataclass(frozen=True)
class _Video:
    file: Path
    clip_id: str
    category: str
    caption: str
    licence: str


def build(folder: Path, out: Path, captions: Path | None, config: Config, annotations: Path | None = None) -> int:
    """Cuts, embeds and maps every video below `folder` -> how many clips the gallery has.

    A file that cannot be used is named on standard error and left out.

    Raises:
        UserError: no video could be used, or a list that was given cannot be read.
    """
    said = _lines(annotations) if annotations else {}
    for name in ("videos", "posters"):
        (out / name).mkdir(parents=True, exist_ok=True)
    rows, tokens, annotated = [], [], []
    tower = Parts(config).tower()
    for video in tqdm(list(_videos(folder, captions)), desc="videos", unit="video"):
        try:
            frame, kept = _cut(video, out, config)
        except UserError as error:
            print(f"left out {video.file.name}: {error}", file=sys.stderr)
            continue
        rows.append(kept)
        if line := said.get(video.file.stem):
            annotated.append(line | {"id": video.clip_id})
        tokens.append(tower.look([frame])[0][0].half().numpy())
    if not rows:
        raise UserError("No video in this folder could be used.", "It needs files such as mp4, mov, mkv or webm.")
    save(out, rows, np.stack(tokens), title=folder.resolve().name, note="", space=SUITES[config.suite].space(config))
    _save_annotations(out / ANNOTATIONS, annotated)
    return len(rows)


def save(out: Path, rows: list[dict[str, str]], tokens: np.ndarray, title: str, note: str, space: Space) -> None:
    """Writes the lists of a gallery, its tokens float16 [N, D] and its map."""
    with (out / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    embed(out, tokens, title, note, space)
    draw_map(out)


def embed(out: Path, tokens: np.ndarray, title: str, note: str, space: Space) -> None:
    """Writes `tokens.npy`, `gallery.json` and, for many, the search index of clips that are listed already; the map has
    to be drawn anew."""
    np.save(out / "tokens.npy", tokens.astype(np.float16))
    indexes.remove(out)  # of an earlier build
    if len(tokens) > search_large.MANY:
        search_large.build(out)
    about = {"title": title, "space": space.name, "spec": space.spec, "note": note}
    (out / "gallery.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def draw_map(out: Path) -> None:
    """Fits the map of a gallery's tokens anew."""
    tokens = np.load(out / "tokens.npy", allow_pickle=False)
    with replacing(out / "atlas.npy") as part, part.open("wb") as stream:  # a page may be reading it
        np.save(stream, atlas.fit(tokens.astype(np.float32)))


def _videos(folder: Path, captions: Path | None) -> Iterator[_Video]:
    said: dict[str, dict[str, str]] = {}
    if captions:
        try:
            with captions.open(newline="") as file:
                said = {row["file"]: row for row in csv.DictReader(file)}
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{captions.name} cannot be read.", "It needs the columns file and caption.") from error
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in clips.SUFFIXES and f.is_file())
    for number, file in enumerate(files):
        row = said.get(str(file.relative_to(folder)), {})
        parent = file.parent.name if file.parent != folder else "video"
        yield _Video(
            file,
            f"clip-{number:05d}",  # never the visitor's file name, which may hold anything
            row.get("category") or parent,
            row.get("caption") or file.stem.replace("_", " "),
            row.get("licence") or "not stated",
        )


def _lines(annotations: Path) -> dict[str, dict]:
    """The lines of annotations that have scores, by their ids."""
    try:
        known = alignment.read(annotations)
        lines = map(json.loads, annotations.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise UserError(f"{annotations.name} cannot be read.", "It is what `training annotate` writes.") from error
    return {line["id"]: line for line in lines if line.get("id") in known}


def _save_annotations(file: Path, lines: list[dict]) -> None:
    """Writes the lines; a file of an earlier build goes, since its ids may now name other clips."""
    file.unlink(missing_ok=True)
    if lines:
        file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _cut(video: _Video, out: Path, config: Config) -> tuple[Image.Image, dict[str, str]]:
    """Writes clip and poster -> the frame in the middle of the window, and the clip's row."""
    sound = _sound(video.file, config)
    start = sound.loudest() if sound else 0.0
    window = (start, start + min(WINDOW_SECONDS, sound.seconds)) if sound else None
    frame = middle_frame(video.file, config.limits, window)
    silent = np.zeros(round(WINDOW_SECONDS * clips.RATE), np.float32)
    heard = resample(sound.cut(start), sound.rate, clips.RATE) if sound else silent
    scale = min(1.0, LONG_SIDE / max(frame.size))
    size = tuple(max(2, round(side * scale) // 2 * 2) for side in frame.size)
    names = {"video": f"videos/{video.clip_id}.mp4", "poster": f"posters/{video.clip_id}.jpg"}
    clips.write(out / names["video"], clips.frames_from(video.file, start), heard, size, QUALITY)
    poster = frame.copy()
    poster.thumbnail((384, 384))
    poster.save(out / names["poster"], quality=85)
    row = {"id": video.clip_id, "category": video.category, "caption": video.caption, "licence": video.licence}
    return frame, row | names | {"still": "0", "picture_kind": "video", "attribution": ""}


def _sound(file: Path, config: Config) -> Sound | None:
    """The sound track; None where there is none."""
    try:
        return decode(file, config.limits)
    except UserError:
        return None
