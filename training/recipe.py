"""A suite from its data, all verbs in order.

`python -m training recipe compact --corpus DIR` makes what is bundled of a corpus of sounds and pictures;
`python -m training recipe paper --videos DIR --out DIR` goes from videos to projectors, an adapter and results.
"""

import argparse
import json
import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch

from soundclip_demo import whole
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.suites import SUITES

from . import hub, paired_config, settings, tune, verbs
from .steps import Folders


def compact(args: argparse.Namespace) -> int:
    """Everything that is bundled, and in `results/recipe.json` the minutes that each verb took over all its runs."""
    found = verbs.run(verbs.STEPS, Folders(args.corpus, args.work, args.assets), args.config, args.anew)
    minutes = {name: round(about["seconds"] / 60, 1) for name, about in found.items()}
    about = {"minutes": minutes, "threads": torch.get_num_threads()}
    whole.write(args.assets / "results" / "recipe.json", json.dumps(about, indent=1) + "\n")
    print(json.dumps(minutes))
    return 0


def paper(args: argparse.Namespace) -> int:
    """The verbs for videos, each of which goes on where it was or has nothing left to do.

    Raises:
        ValueError: a setting is wrong; all are looked at before anything is run.
    """
    out, annotations = args.out, args.annotations or args.out / "cut" / "annotations.jsonl"
    segments, features, checkpoints = out / "cut" / "segments.csv", out / "features", out / "checkpoints"
    suite = ("--suite", args.suite, "--checkpoints", checkpoints)
    known = ("--segments", segments, "--annotations", annotations, *suite)
    listed = ("--list", args.list) if args.list else ()
    planned = [("segment", "--videos", args.videos, *listed, "--out", out / "cut")]
    if not args.annotations:
        planned.append(("annotate", "--segments", segments, "--models", args.suite, "--out", annotations))
    planned.append(("clips", *known, "--encoders", *args.encoders, "--out", features))
    for encoder in args.encoders:
        projector = out / "projectors" / encoder
        planned.append(("paired", "--features", features, "--encoder", encoder, "--out", projector))
    planned.append(("tune", "--features", features, "--annotations", annotations, *suite, "--out", out / "tuned"))
    planned.append(("evaluate-clips", *known, "--features", features, "--out", out / "results.json"))

    for kind, verb in ((paired_config.Config, "paired"), (tune.Config, "tune")):
        settings.read(kind, verb, "paper", args.config)
    parsed = [(verb, *_parsed(verb, given, args.config)) for verb, *given in planned]
    checkpoints.mkdir(parents=True, exist_ok=True)
    for verb, module, given in parsed:
        print(f"== {verb} {given.out}")
        if module.main(given):
            return 1
        if verb == "paired":
            hub.install(given.out / "model", given.encoder, checkpoints)
        if verb == "tune":
            shutil.copytree(given.out / "llava", checkpoints / "llava", dirs_exist_ok=True)
    return 0


def _parsed(verb: str, given: list[object], config: Path | None) -> tuple[ModuleType, argparse.Namespace]:
    """The module of a verb, and its arguments: those of the suite's table, of one's own, and what is given."""
    module = import_module(f".{verb.replace('-', '_')}", __package__)
    parser = argparse.ArgumentParser(verb, allow_abbrev=False)
    module.add_arguments(parser)
    own = ("--config", config) if config else ()
    if verb in settings.FLAGGED:
        files = [settings.CONFIGS / "paper.toml", *([config] if config else [])]
        own = [word for file in files for word in settings.flags(verb, file)]
    return module, parser.parse_args([*map(str, own), *map(str, given)])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training recipe`."""
    suites = parser.add_subparsers(required=True, metavar="suite", dest="recipe")
    verbs.add_arguments(suites.add_parser("compact", help="of a corpus of sounds and pictures"))
    given = suites.add_parser("paper", help="of videos of one's own, or AVE-2")
    given.add_argument("--videos", type=Path, required=True, help="folder of videos, or of tar shards of them")
    given.add_argument("--list", type=Path, help="which of them, and which part: lines of id, start, end, labels")
    given.add_argument("--annotations", type=Path, help="AVE-2's folder, say; without them the clips are annotated")
    given.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS), help="default: all")
    given.add_argument("--suite", choices=list(SUITES), default="paper", help="whose models (default: paper)")
    given.add_argument("--config", type=Path, help="your own settings (default: training/configs/paper.toml)")
    given.add_argument("--out", type=Path, required=True, help="folder that gets everything")


def main(args: argparse.Namespace) -> int:
    return {"compact": compact, "paper": paper}[args.recipe](args)
