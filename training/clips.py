"""Features of one's own clips or AVE-2's: every encoder and the CLIP tower over all of them, in shards.

`FEATURES/` gets a folder for each encoder and one for the CLIP tower's token of the middle frame (`training.rows`), and
for all rows `ids.npy`, `groups.npy` (number of the source video), `splits.npy`, and `scores.npy` [N, 5] where there are
annotations. A clip that cannot be read is named, and its row left out by every later step.

Killed at any moment and started again, a run computes only the shards that are not there yet.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from soundclip_demo import encoders
from soundclip_demo.alignment import DIMENSIONS
from soundclip_demo.config import THREADS, Config, config_of
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.suites import SUITES

from . import annotated, manifest, rows
from .annotated import Annotated
from .own_clips import Clip, clips_of, splits
from .rows import PICTURES

if TYPE_CHECKING:
    from .engines import Engine


def compute(
    clips: list[Clip],
    out: Path,
    config: Config,
    names: list[str],
    engine: "Engine",
    shard: int | None = None,
    processes: int | None = None,
    known: Mapping[str, Annotated] | None = None,
) -> dict[str, int]:
    """Computes what is not there yet -> array name -> how many clips it lacks because they cannot be read.

    Args:
        names: encoders.
        shard: clips of a shard; None for `rows.shard_of`.
        known: what the clips' annotations say.

    Raises:
        ValueError: `out` holds features of other clips or checkpoints.
    """
    from .clip_features import Task, Work

    if not clips:
        raise ValueError("there are no clips")
    out.mkdir(parents=True, exist_ok=True)
    _list(clips, out, known or {})
    specs = {name: encoders.spec(name, config).hash for name in names}
    specs[PICTURES] = SUITES[config.suite].space(config).spec
    shard = shard or rows.shard_of(len(clips))
    layouts = {name: rows.Layout(spec, len(clips), shard) for name, spec in specs.items()}
    for name, layout in layouts.items():
        rows.begin(out / name, layout)
    layout = layouts[PICTURES]
    tasks = [
        Task(number, layout.rows_of(number).start, tuple(str(clips[row].file) for row in layout.rows_of(number)))
        for number in range(layout.shards)
        if not all(rows.shard(out / name, number).exists() for name in layouts)
    ]
    work = Work(out.resolve(), config, layouts, THREADS)
    done = len(clips) - sum(len(task.files) for task in tasks)
    with tqdm(desc="clips", unit="clip", total=len(clips), initial=done) as bar:
        for task, problems in engine(work, tasks, processes) if tasks else ():
            for row, why in problems.items():
                tqdm.write(f"{clips[row].id} cannot be used: {why}", file=sys.stderr)
            bar.update(len(task.files))
    return {name: len(rows.Rows(out, name).missing) for name in layouts}


def require(features: Path, clips: list[Clip]) -> None:
    """Makes sure that features are those of these clips.

    Raises:
        OSError, ValueError: they are of others.
    """
    if np.load(features / "ids.npy").tolist() != [clip.id for clip in clips]:
        raise ValueError(f"{features} holds features of other clips")


def _list(clips: list[Clip], out: Path, known: Mapping[str, Annotated]) -> None:
    """Writes what is said of each row; what is there already must agree with it."""
    made = {
        "ids": np.array([clip.id for clip in clips]),
        "groups": np.unique([clip.video for clip in clips], return_inverse=True)[1].astype(np.int64),
        "splits": np.array(splits(clips, known)),
    }
    for name, array in made.items():
        file = out / f"{name}.npy"
        if not file.exists():
            _save(file, array)
        elif not np.array_equal(np.load(file), array):
            what = "splits of other annotations" if name == "splits" else "features of other clips"
            raise ValueError(f"{out} holds {what}: {file.name} differs")
    if known:
        scores = [known[clip.id].alignment.scores if clip.id in known else {} for clip in clips]
        rows = [[of.get(name, np.nan) for name in DIMENSIONS] for of in scores]
        _save(out / "scores.npy", np.array(rows, np.float32))


def _save(file: Path, array: np.ndarray) -> None:
    part = file.with_suffix(".part")
    with part.open("wb") as stream:
        np.save(stream, array)
    part.replace(file)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training clips`."""
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--segments", type=Path, help="the segments.csv that `training segment` wrote")
    given.add_argument("--gallery", type=Path, help="or a gallery folder")
    parser.add_argument("--annotations", type=Path, help="of the clips: what `annotate` wrote, or AVE-2's folder")
    parser.add_argument("--out", type=Path, required=True, help="folder; an unfinished one is gone on with")
    parser.add_argument("--suite", choices=list(SUITES), default=Config.suite, help=f"default: {Config.suite}")
    parser.add_argument("--checkpoints", type=Path, help="of the encoders trained here (default: the suite's own)")
    parser.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS), help="default: all")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="ray wants requirements-ray.txt")
    parser.add_argument("--processes", type=int, help="default: one a GPU; without one, one a thread or core")
    parser.add_argument("--shard", type=int, help="clips of a file (default: by how many there are)")


def main(args: argparse.Namespace) -> int:
    from .engines import ENGINES

    config = config_of(args.suite)
    config = replace(config, checkpoints=(args.checkpoints or config.checkpoints).resolve())
    clips, file = clips_of(args.gallery, args.segments), args.out / "manifest.json"
    known = annotated.read(args.annotations) if args.annotations else {}
    data = manifest.hash_of([(clip.id, clip.video) for clip in clips], splits(clips, known))
    given = {"suite": args.suite, "encoders": args.encoders, "shard": args.shard, "engine": args.engine}
    with manifest.running(file, given, data, clips=len(clips)) as about:
        about["missing"] = compute(
            clips, args.out, config, args.encoders, ENGINES[args.engine], args.shard, args.processes, known
        )
    for name, missing in about["missing"].items():
        print(f"{name:12} {len(clips) - missing} of {len(clips)} clips")
    return 0 if any(missing < len(clips) for missing in about["missing"].values()) else 1
