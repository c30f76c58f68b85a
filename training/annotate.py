"""Scores one's own clips in AVE-2's form: a caption of the picture, a description of the sound, then the scores.

Three stages, one model in memory at a time. Each adds a line a clip to its own file (`NAME.video.jsonl`,
`NAME.sound.jsonl`, `NAME.jsonl`), which is on the disk before the next clip is begun: killed at any moment and started
again, a run does only what is not there yet. A clip that cannot be read or scored gets a line that says why; delete
the line to have it tried again. `NAME.manifest.json` says what made the lines.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from soundclip_demo.alignment import alignment_of
from soundclip_demo.audio import decode
from soundclip_demo.config import limit_threads
from soundclip_demo.errors import UserError

from . import annotators as annotation
from . import ave2, manifest
from .annotators import FRAMES, KINDS, Annotators
from .jsonlines import Lines
from .own_clips import Clip, clips_of, frames
from .scoring import TRIES, Scorer, fields, version


def run(clips: list[Clip], out: Path, annotators: Annotators) -> list[dict]:
    """Annotates what is not annotated yet -> the line of each clip, in their order."""
    seen = _stage(_beside(out, "video.jsonl"), clips, annotators.video, _caption)
    heard = _stage(_beside(out, "sound.jsonl"), clips, annotators.sound, _describe)

    def judge(scorer: Scorer, clip: Clip) -> dict:
        texts = {"video_caption": seen[clip.id].get("text"), "environmental_audio": heard[clip.id].get("text")}
        made = texts | {"annotators": annotators.kind, "models": annotators.names}
        if problem := seen[clip.id].get("problem") or heard[clip.id].get("problem"):
            return made | {"attempts": 0, "problem": problem}
        found = scorer(*texts.values(), clip)
        if found.alignment is None:
            return made | {"attempts": found.attempts, "problem": f"no score: {found.problem}"}
        return made | fields(found.alignment) | {"clamped": found.clamped, "attempts": found.attempts}

    lines = _stage(out, clips, annotators.scorer, judge)
    return [lines[clip.id] for clip in clips]


def _stage(
    file: Path, clips: list[Clip], load: Callable[[], Any], annotate: Callable[[Any, Clip], dict]
) -> dict[str, dict]:
    """Adds the lines that `file` lacks -> all of them by the id of their clip."""
    lines = Lines(file)
    left = [clip for clip in clips if clip.id not in lines.rows]
    annotator = load() if left else None
    for clip in tqdm(left, desc=file.name, unit="clip", disable=not left):
        lines.add({"id": clip.id} | annotate(annotator, clip))
    return lines.rows


def _caption(captioner: annotation.VideoCaptioner, clip: Clip) -> dict:
    return _told(lambda: captioner(frames(clip.file, FRAMES)))


def _describe(describer: annotation.SoundDescriber, clip: Clip) -> dict:
    def describe() -> str:
        sound = decode(clip.file)
        return describer(sound.window(sound.loudest()), sound.rate)

    return _told(describe)


def _told(tell: Callable[[], str]) -> dict:
    """What a describer says of a clip, or why it cannot; trouble that is not the clip's ends the run."""
    try:
        text = tell()
    except UserError as error:
        return {"problem": str(error)}
    return {"text": text} if text else {"problem": "the model wrote nothing"}


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.stem}.{ending}")


def annotate(source: Path, clips: list[Clip], out: Path, kind: str) -> list[dict]:
    """`run` with its manifest.

    Raises:
        ValueError: `out` holds lines of other models or another prompt, or is damaged, or another run adds to it.
    """
    file = manifest.beside(out)
    known = manifest.read(file).get("config", {})
    annotators = annotation.of(kind, known.get("names") if known.get("models") == kind else None)
    config = {"models": kind, "names": annotators.names, "prompt": version(), "attempts": TRIES, "frames": FRAMES}
    if known not in ({}, config):
        raise ValueError(f"{out} holds annotations of other models or settings: {known}, not {config}")
    data = manifest.hash_of([clip.id for clip in clips])
    with manifest.running(file, config, data, source=str(source)) as about:
        lines = run(clips, out, annotators)
        about |= {"clips": len(lines), "scored": sum("problem" not in line for line in lines)}
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training annotate`."""
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--gallery", type=Path, help="a gallery folder whose clips are annotated")
    given.add_argument("--segments", type=Path, help="or the segments.csv that `training segment` wrote")
    parser.add_argument("--out", type=Path, required=True, help="such as annotations.jsonl; three files go beside it")
    parser.add_argument("--models", choices=KINDS, default=KINDS[0], help=f"default: {KINDS[0]}; paper wants a GPU")
    parser.add_argument(
        "--threshold", type=float, default=ave2.SELECTED_MEAN, help=f"of the mean (default: {ave2.SELECTED_MEAN})"
    )


def main(args: argparse.Namespace) -> int:
    """Annotates, and says what the thresholds select of the clips that have scores."""
    limit_threads()
    lines = annotate(args.gallery or args.segments, clips_of(args.gallery, args.segments), args.out, args.models)
    for line in lines:
        if "problem" in line:
            print(f"{line['id']} has no scores: {line['problem']}", file=sys.stderr)
    scored = [alignment_of(line) for line in lines if "problem" not in line]
    print(f"{len(scored)} of {len(lines)} clips have scores")
    if scored:
        ave2.show(scored, args.threshold)
    return 0 if scored else 1
