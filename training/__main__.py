"""`python -m training <verb>`: from sounds, pictures and videos to every checkpoint and the measured results."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from soundclip_demo.errors import UserError

from . import settings

# Group -> verb -> the module that runs it, and what it does.
VERBS = {
    "A whole suite": {
        "recipe": ("recipe", "all verbs of a suite in their order: recipe compact, recipe paper"),
    },
    "The compact suite, from a corpus of sounds and pictures": {
        "corpus": ("verbs", "count what the corpus holds, by split"),
        "features": ("verbs", "run the front ends and the CLIP tower over the corpus, once"),
        "gallery": ("verbs", "embed the bundled clips"),
        "atlas": ("verbs", "map the bundled clips"),
        "encoder": ("verbs", "train the four small encoders from scratch"),
        "projector": ("verbs", "train the projectors, and WhisperCLIP's fusion"),
        "llava": ("verbs", "train the multimodal projector and the adapter"),
        "evaluate": ("verbs", "measure everything on unseen recordings"),
        "reference": ("verbs", "keep what the compact annotators compare a clip with"),
        "bundle": ("bundle", "build the bundled clips and example sounds from packages"),
    },
    "Videos of one's own, or AVE-2": {
        "ave2": ("ave2", "count AVE-2's clips and what its scores select"),
        "segment": ("segment", "cut videos into 3-second segments, split by video"),
        "annotate": ("annotate", "score such clips in AVE-2's form"),
        "clips": ("clips", "run encoders and CLIP tower over such clips"),
        "paired": ("paired", "train a projector on the features of such clips"),
        "tune": ("tune", "train LLaVA's adapter on the sounds of such clips"),
        "evaluate-clips": ("evaluate_clips", "measure a suite on such clips, held out"),
        "merge": ("merge", "write the tuned LLaVA as one folder for plain transformers"),
    },
}
SHARED = """What was killed goes on with the same command. A verb's settings are its table of a TOML file
(--config); its manifest says what it was run with, and for how long."""


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    groups = [
        "\n".join([f"{title}:", *(f"  {name:16}{about}" for name, (_, about) in verbs.items())])
        for title, verbs in VERBS.items()
    ]
    parser = argparse.ArgumentParser(
        "training",
        description=__doc__,
        epilog="\n\n".join([*groups, SHARED]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="verb", dest="verb", help="one of these, each with --help:")
    for name, (module, about) in (pair for group in VERBS.values() for pair in group.items()):
        verb = verbs.add_parser(name, description=f"{about[0].upper()}{about[1:]}.")
        if name in arguments[:1]:  # the others' modules need not be imported
            runs = import_module(f".{module}", __package__)
            runs.add_arguments(verb)
            if name in settings.FLAGGED:
                verb.add_argument("--config", type=Path, help=f"TOML file whose table [{name}] has any of these")
    args = parser.parse_args(arguments)
    from soundclip_demo.parts import NotReady
    from soundclip_demo.weights import WeightsError

    try:
        if args.verb in settings.FLAGGED and args.config:  # what is given on the command line counts more
            args = parser.parse_args([args.verb, *settings.flags(args.verb, args.config), *arguments[1:]])
        return runs.main(args)
    except (OSError, ValueError, UserError, NotReady, WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
