"""A suite from its data, all verbs in order.

`python -m training recipe compact --corpus DIR` makes what is bundled of a corpus of sounds and pictures;
`python -m training recipe paper --videos DIR --out DIR` goes from videos to projectors, an adapter and results.
"""

import argparse
import json
import shutil
from importlib import import_module
from pathlib import Path

import torch

from soundclip_demo.config import limit_threads
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.suites import SUITES

from . import hub, paired_config, settings, tune, verbs, whole
from .steps import Folders

PAIRED = [name for name in ENCODERS if name != "whisperclip"]  # whose fusion `paired` cannot train yet


def compact(args: argparse.Namespace) -> int:
    """Everything that is bundled, and in `results/recipe.json` the minutes that each verb took over all its runs."""
    limit_threads()
    found = verbs.run(verbs.STEPS, Folders(args.corpus, args.work, args.assets), args.config, args.anew)
    minutes = {name: round(about["seconds"] / 60, 1) for name, about in found.items()}
    about = {"minutes": minutes, "threads": torch.get_num_threads()}
    whole.write(args.assets / "results" / "recipe.json", json.dumps(about, indent=1) + "\n")
    print(json.dumps(minutes))
    return 0


def paper(args: argparse.Namespace) -> int:
    """The verbs for videos, each of which goes on where it was or has nothing left to do.

    Raises:
        ValueError: a setting is wrong; those of the trainings are looked at before anything is run.
    """
    for kind, verb in ((paired_config.Config, "paired"), (tune.Config, "tune")):
        settings.read(kind, verb, "paper", args.config)
    out, files = args.out, [settings.CONFIGS / "paper.toml", *([args.config] if args.config else [])]
    segments, annotations = out / "cut" / "segments.csv", args.annotations or out / "cut" / "annotations.jsonl"
    features, checkpoints = out / "features", out / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    suite = ("--suite", args.suite, "--checkpoints", checkpoints)
    own = ("--config", args.config) if args.config else ()

    def run(verb: str, *given: object) -> bool:
        """Whether it ended well."""
        print(f"== {verb} {given[-1]}")
        module, parser = import_module(f".{verb.replace('-', '_')}", __package__), argparse.ArgumentParser(verb)
        module.add_arguments(parser)
        table = [word for file in files for word in settings.flags(verb, file)] if verb in settings.FLAGGED else own
        return module.main(parser.parse_args([*map(str, table), *map(str, given)])) == 0

    def project(encoder: str) -> bool:
        made, file = out / "projectors" / encoder, checkpoints / f"{encoder}-projector.safetensors"
        done = run("paired", "--features", features, "--encoder", encoder, "--out", made)
        return done and bool(shutil.copyfile(made / "model" / hub.WEIGHTS, file))

    def adapt() -> bool:
        given = ("--features", features, "--annotations", annotations, *suite)
        done = run("tune", *given, "--out", out / "tuned")
        return done and bool(shutil.copytree(out / "tuned" / "llava", checkpoints / "llava", dirs_exist_ok=True))

    listed = ("--list", args.list) if args.list else ()
    known = ("--segments", segments, "--annotations", annotations, *suite)
    done = (
        run("segment", "--videos", args.videos, *listed, "--out", out / "cut")
        and (bool(args.annotations) or run("annotate", "--models", args.suite, *known[:2], "--out", annotations))
        and run("clips", *known, "--encoders", *args.encoders, "--out", features)
        and all(map(project, args.encoders))
        and adapt()
        and run("evaluate-clips", *known, "--features", features, "--out", out / "results.json")
    )
    return 0 if done else 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training recipe`."""
    suites = parser.add_subparsers(required=True, metavar="suite", dest="recipe")
    verbs.add_arguments(suites.add_parser("compact", help="of a corpus of sounds and pictures"))
    given = suites.add_parser("paper", help="of videos of one's own, or AVE-2")
    given.add_argument("--videos", type=Path, required=True, help="folder of videos, or of tar shards of them")
    given.add_argument("--list", type=Path, help="which of them, and which part: lines of id, start, end, labels")
    given.add_argument("--annotations", type=Path, help="AVE-2's folder, say; without them the clips are annotated")
    given.add_argument("--encoders", nargs="+", choices=PAIRED, default=PAIRED, help="default: all but WhisperCLIP")
    given.add_argument("--suite", choices=list(SUITES), default="paper", help="whose models (default: paper)")
    given.add_argument("--config", type=Path, help="your own settings (default: training/configs/paper.toml)")
    given.add_argument("--out", type=Path, required=True, help="folder that gets everything")


def main(args: argparse.Namespace) -> int:
    return {"compact": compact, "paper": paper}[args.recipe](args)
