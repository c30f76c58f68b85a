"""Measures a suite on held-out clips of one's own or of AVE-2, from the features that `training clips` wrote."""

import argparse
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from soundclip_demo.config import Config, config_of
from soundclip_demo.encoders import load
from soundclip_demo.parts import Parts
from soundclip_demo.suites import SUITES, llava_spec, protocols
from soundclip_demo.weights import sha256

from . import annotated, captioned, clip_space, clip_tokens, evaluate, manifest, report
from .annotated import Annotated
from .bertscore import BertScorer
from .clip_tokens import Heard
from .clips import require
from .held_out_clips import POOL, Scorers, chosen, of_clips, told_of_clips
from .jsonlines import Lines
from .judge import by_command
from .own_clips import Clip, clips_of

HEARS = "clap"  # has words
BERT, LAYER = "roberta-large", 17  # bert-score's own for English
SET = ("suite", "most", "tokens", "clip", "bert", "bert_layer", "judge")
SEED = 0  # of the draw


def run(args: argparse.Namespace, config: Config) -> dict:
    """Everything that `evaluate.measure` gives; it is written to `args.out`, with its manifest beside it.

    Raises:
        ValueError: features, checkpoints and clips do not belong together, or there is no test split.
    """
    clips = clips_of(args.gallery, args.segments)
    require(args.features, clips)
    heard = clip_tokens.opened(args.features, config)
    rows = chosen(args.features, heard, args.most, SEED)
    known = annotated.read(args.annotations) if args.annotations else {}
    said = {name: asdict(known[name]) for name in (clips[row].id for row in rows) if name in known}
    checkpoints = {file.name: sha256(file) for file in sorted(config.checkpoints.rglob("*.safetensors"))}
    data = manifest.hash_of(rows.tolist(), said, {name: each.rows.spec for name, each in heard.items()}, checkpoints)
    given = {name: getattr(args, name) for name in SET} | {"seed": SEED}
    with manifest.running(manifest.beside(args.out), given, data, clips=len(rows), features=str(args.features)):
        measured = args.out.with_name(f"{args.out.stem}.{manifest.hash_of(given, data)}.jsonl")
        results = _measure(args, config, clips, rows, heard, known, Lines(measured))
        evaluate.save(results, args.out)
        measured.unlink(missing_ok=True)
    return results


def _measure(
    args: argparse.Namespace,
    config: Config,
    clips: list[Clip],
    rows: np.ndarray,
    heard: dict[str, Heard],
    known: dict[str, Annotated],
    done: Lines,
) -> dict:
    projectors = {name: each.projector for name, each in heard.items()}
    opened = {name: load(name, config).joint for name in projectors}
    joints = {name: joint() for name, joint in opened.items() if joint}
    held = of_clips(clips, args.features, rows, heard, joints, known)
    if not known:
        return evaluate.measure(held, projectors, done=done)
    if HEARS not in joints:
        raise ValueError(f"captions are measured with {HEARS}, of which there are no features or no projector")
    scorers = Scorers(
        (HEARS, joints[HEARS]),
        (Path(args.clip).name, clip_space.load(args.clip)),
        (BertScorer(args.bert, args.bert_layer), f"{Path(args.bert).name}, layer {args.bert_layer}"),
        by_command(args.judge) if args.judge else None,
    )
    told = told_of_clips(clips, rows, held, known, scorers)
    parts = Parts(config)
    writers = {
        name: captioned.Writer(partial(parts.captioner, name), llava_spec(config, name), args.tokens)
        for name in protocols(config)
    }
    captions = captioned.Captions(writers, Lines(args.features / "captions.jsonl"))
    return evaluate.measure(held, projectors, captions, told, done)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training evaluate-clips`."""
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--segments", type=Path, help="the segments.csv that `training segment` wrote")
    given.add_argument("--gallery", type=Path, help="or a gallery folder")
    parser.add_argument("--features", type=Path, required=True, help="what `training clips` wrote of them")
    parser.add_argument("--annotations", type=Path, help="of the clips; without them nothing is captioned")
    parser.add_argument("--suite", choices=list(SUITES), default=Config.suite, help=f"default: {Config.suite}")
    parser.add_argument("--checkpoints", type=Path, help="projectors and adapter (default: the suite's own)")
    parser.add_argument("--out", type=Path, required=True, help="the results, as assets/results/paper.json")
    parser.add_argument("--most", type=int, default=POOL, help=f"clips, drawn at random (default: {POOL})")
    parser.add_argument("--tokens", type=int, default=384, help="the most that a caption may have (default: 384)")
    parser.add_argument("--clip", default=clip_space.MODEL, help=f"for B2 (default: {clip_space.MODEL})")
    parser.add_argument("--bert", default=BERT, help=f"for BERTScore (default: {BERT})")
    parser.add_argument("--bert-layer", type=int, default=LAYER, help=f"default: {LAYER}")
    parser.add_argument("--judge", help="a command that is given a prompt and answers with a mark of 0 to 10")


def main(args: argparse.Namespace) -> int:
    config = config_of(args.suite)
    print(report.page(run(args, replace(config, checkpoints=args.checkpoints or config.checkpoints))))
    return 0
