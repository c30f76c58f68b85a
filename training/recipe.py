"""A suite from its data, all verbs in order: `python -m training recipe compact --corpus DIR`."""

import argparse
import json

import torch

from soundclip_demo.config import limit_threads

from . import verbs, whole
from .steps import Folders


def compact(args: argparse.Namespace) -> int:
    """Everything that is bundled, and in `results/recipe.json` the minutes that each verb took over all its runs."""
    limit_threads()
    found = verbs.run(verbs.STEPS, Folders(args.corpus, args.work, args.assets), args.config, args.anew)
    minutes = {name: round(about["seconds"] / 60, 1) for name, about in found.items()}
    about = {"minutes": minutes, "threads": torch.get_num_threads()}
    whole.write(args.assets / "results" / "recipe.json", json.dumps(about, indent=1) + "\n")
    print(json.dumps(minutes))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training recipe`."""
    suites = parser.add_subparsers(required=True, metavar="suite", dest="suite")
    verbs.add_arguments(suites.add_parser("compact", help="of a corpus of sounds and pictures"))


def main(args: argparse.Namespace) -> int:
    return {"compact": compact}[args.suite](args)
