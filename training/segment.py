"""Cuts videos into 3-second segments as AVE-2's are: `<video>_01` is 0 to 3 s, `<video>_02` is 3 to 6 s, and so on.

Of a long video at most 20 are kept, drawn at random (paper-facts section 6.2), and numbered in their order. Each video
is done when its record lies in `videos/`; a run that was killed goes on with the next one. Records, not clips, say what
there is: a video that was cut short by the kill is cut again.
"""

import argparse
import csv
import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from soundclip_demo import clips, whole
from soundclip_demo.config import WINDOW_SECONDS, SoundLimits

from . import manifest
from .videos import Video, videos

MOST = 20
LONG_SIDE = 640  # pixels
QUALITY = 23
SPLITS = {"test": 0.15, "validation": 0.10}  # the rest is trained on
COLUMNS = ("id", "video", "start", "end", "split", "file")


@dataclass(frozen=True)
class Segment:
    """`start` in seconds of the video that it is from."""

    id: str
    start: float


@dataclass(frozen=True)
class Record:
    """What became of a video: its segments, how many windows were silent, or why there are none."""

    video: str
    segments: tuple[Segment, ...] = ()
    silent: int = 0
    problem: str = ""


class _Unusable(Exception):
    """A file that is fine and yet no video with sound; the message goes into its record."""


def cut_all(found: Iterable[Video], out: Path, most: int = MOST, seed: int = 0) -> list[Record]:
    """Cuts what is not cut yet, writes `segments.csv` and gives the records of all."""
    for name in ("clips", "videos"):
        (out / name).mkdir(parents=True, exist_ok=True)
    records = []
    for video in tqdm(list(found), desc="videos", unit="video"):
        file = out / "videos" / f"{video.id}.json"
        if not file.exists():
            whole.write(file, json.dumps(asdict(_cut(video, out / "clips", most, seed))))
        about = json.loads(file.read_text())
        records.append(Record(**about | {"segments": tuple(Segment(**row) for row in about["segments"])}))
    _write_list(out, records)
    return records


def windows(begin: float, end: float, most: int, seed: str) -> list[float]:
    """Starts of the whole windows that fit between `begin` and `end`, at most `most` of them, in their order."""
    count = int((end - begin + 0.05) // WINDOW_SECONDS)  # containers round their durations
    chosen = range(count) if count <= most else sorted(random.Random(seed).sample(range(count), most))
    return [begin + WINDOW_SECONDS * number for number in chosen]


def split_of(video: str) -> str:
    """The split of all segments of a video, by a hash: adding videos moves none."""
    share = int(hashlib.sha256(video.encode()).hexdigest()[:8], 16) / 2**32
    for name, size in SPLITS.items():
        if share < size:
            return name
        share -= size
    return "train"


def _cut(video: Video, folder: Path, most: int, seed: int) -> Record:
    segments, silent = [], 0
    try:
        with video.open() as file:
            begin, end = video.wanted or (0.0, _seconds(file))
            for start in windows(begin, end, most, f"{seed} {video.id}"):
                sound = _sound(file, start)
                if np.sqrt(np.mean(sound**2)) < SoundLimits().silence_rms:
                    silent += 1
                    continue
                name = f"{video.id}_{len(segments) + silent + 1:02}"
                _write_clip(file, start, sound, folder / f"{name}.mp4")
                segments.append(Segment(name, round(start, 3)))
    except _Unusable as problem:
        return Record(video.id, problem=str(problem))
    except (av.FFmpegError, OSError, ValueError, LookupError) as error:
        return Record(video.id, problem=f"cannot be read ({type(error).__name__})")
    if not segments:
        return Record(video.id, silent=silent, problem="silent" if silent else f"shorter than {WINDOW_SECONDS:g} s")
    return Record(video.id, tuple(segments), silent)


def _write_clip(file: Path, start: float, sound: np.ndarray, out: Path) -> None:
    size = _size(file)
    partial = out.with_suffix(".part")
    clips.write(partial, clips.frames_from(file, start), sound, size, QUALITY)
    partial.replace(out)


def _seconds(file: Path) -> float:
    with av.open(str(file)) as container:
        if not container.streams.video or not container.streams.audio:
            raise _Unusable(f"has no {'sound' if container.streams.video else 'picture'}")
        return container.duration / av.time_base if container.duration else 0.0


def _size(file: Path) -> tuple[int, int]:
    with av.open(str(file)) as container:
        picture = container.streams.video[0].codec_context
        scale = min(1.0, LONG_SIDE / max(picture.width, picture.height))
        return tuple(max(2, round(side * scale) // 2 * 2) for side in (picture.width, picture.height))


def _sound(file: Path, start: float) -> np.ndarray:
    """The window's sound, mono float32 [T] at the clips' rate; zeros where the track has none."""
    heard = np.zeros(round(WINDOW_SECONDS * clips.RATE), np.float32)
    for at, samples in _samples(file, start):
        first = round((at - start) * clips.RATE)
        if first >= len(heard):
            break
        samples, first = samples[max(0, -first) :], max(0, first)
        part = samples[: len(heard) - first]
        heard[first : first + len(part)] = part
    return heard


def _samples(file: Path, start: float) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds at which they begin, and samples, from somewhat before `start` on."""
    mono = av.AudioResampler(format="flt", layout="mono", rate=clips.RATE)
    with av.open(str(file)) as container:
        container.seek(max(0, int((start - 0.5) * av.time_base)))
        for frame in container.decode(audio=0):
            for made in mono.resample(frame):
                yield made.time, made.to_ndarray()[0]


def _write_list(out: Path, records: list[Record]) -> None:
    lines = [
        {
            "id": row.id,
            "video": record.video,
            "start": row.start,
            "end": row.start + WINDOW_SECONDS,
            "split": split_of(record.video),
            "file": f"clips/{row.id}.mp4",
        }
        for record in records
        for row in record.segments
    ]
    partial = out / "segments.part"
    with partial.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    partial.replace(out / "segments.csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training segment`."""
    parser.add_argument("--videos", type=Path, required=True, help="folder of videos, or of tar shards of them")
    parser.add_argument("--list", type=Path, help="which of them, and which part: lines of id, start, end, labels")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets clips/ and segments.csv")
    parser.add_argument("--most", type=int, default=MOST, help=f"segments kept of a long video (default: {MOST})")
    parser.add_argument("--seed", type=int, default=0, help="of the draw from a long video")


def main(args: argparse.Namespace) -> int:
    found, config = list(videos(args.videos, args.list)), {"most": args.most, "seed": args.seed}
    data = manifest.hash_of([(video.id, video.wanted) for video in found])
    with manifest.running(args.out / "manifest.json", config, data, videos=str(args.videos)) as about:
        records = cut_all(found, args.out, args.most, args.seed)
        about |= {"segments": sum(len(record.segments) for record in records)}
    for record in records:
        if record.problem:
            print(f"left out {record.video}: {record.problem}", file=sys.stderr)
    used = sum(bool(record.segments) for record in records)
    cut = sum(len(record.segments) for record in records)
    print(f"{cut} segments of {used} videos, {len(records) - used} left out")
    return 0 if used else 1
