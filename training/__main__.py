"""`python -m training <step>`: from a corpus folder to every checkpoint, the gallery and the measured results."""

import argparse
import sys
from pathlib import Path

from soundclip_demo.config import ROOT, default_cache, limit_threads


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("training", description=__doc__)
    steps = parser.add_subparsers(required=True, metavar="step", dest="step")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--corpus", type=Path, required=True, help="folder with sounds.csv and pictures.csv")
    common.add_argument("--work", type=Path, default=default_cache() / "training", help="where features are kept")
    common.add_argument("--assets", type=Path, default=ROOT / "assets", help="what is read and written")
    for name, about in _STEPS.items():
        step = steps.add_parser(name, parents=[common], help=about)
        if name == "recipe":
            step.add_argument("suite", choices=["compact"])
        if name == "evaluate":
            step.add_argument("--suite", choices=["compact"], default="compact")

    from . import annotate, ave2, bundle, reference, segment

    # steps with arguments of their own
    own = {"bundle": bundle, "segment": segment, "ave2": ave2, "annotate": annotate, "reference": reference}
    bundle.add_arguments(steps.add_parser("bundle", help="build the bundled clips and example sounds from packages"))
    segment.add_arguments(steps.add_parser("segment", help="cut videos into 3-second segments, split by video"))
    ave2.add_arguments(steps.add_parser("ave2", help="count AVE-2's clips and what its scores select"))
    annotate.add_arguments(steps.add_parser("annotate", help="score clips of one's own as AVE-2's are; can be resumed"))
    reference.add_arguments(steps.add_parser("reference", help="what the compact annotators compare a clip with"))
    paired = steps.add_parser("paired", help="train a projector on the cached pairs of a large corpus; can be resumed")
    paired.add_argument("--config", type=Path, required=True, help="see training/configs/projector-paper.toml")
    paired.add_argument("--out", type=Path, required=True, help="folder of the run; an unfinished one is gone on with")
    args = parser.parse_args(arguments)
    if args.step in own:
        return own[args.step].main(args)
    limit_threads()
    if args.step == "paired":
        return _paired(args)
    _run(args)
    return 0


_STEPS = {
    "corpus": "count what the corpus holds, by split",
    "features": "run the front ends and the CLIP tower over the corpus, once",
    "gallery": "embed the bundled clips and map them",
    "atlas": "map the bundled clips anew",
    "encoder": "train the four small encoders from scratch",
    "projector": "train the projectors, and WhisperCLIP's fusion",
    "llava": "train the multimodal projector and the adapter",
    "evaluate": "measure everything on unseen recordings",
    "recipe": "all of these, in order",
}


def _run(args: argparse.Namespace) -> None:
    from . import steps

    folders = steps.Folders(args.corpus, args.work, args.assets)
    runs = dict(steps.RECIPE) | {"corpus": steps.show_corpus, "atlas": steps.fit_atlas, "recipe": steps.run_recipe}
    runs[args.step](folders)


def _paired(args: argparse.Namespace) -> int:
    from . import paired, paired_config

    try:
        paired.train(*paired_config.read(args.config), args.out)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
