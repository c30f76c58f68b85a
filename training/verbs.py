"""The verbs that make the compact suite of a corpus, in their order.

One that is complete for this data and these settings, as its manifest says, is left alone; one that was killed goes on
where it was.
"""

import argparse
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from soundclip_demo.config import ROOT, default_cache, limit_threads
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.weights import sha256

from . import corpus, encoders, evaluate, features, llava, manifest, projector, reference, settings, steps
from .families import FAMILIES
from .steps import Folders

SUITE = "compact"
GIVEN = ("assets/gallery/clips.csv", "assets/gallery/posters/*")  # beside the corpus


@dataclass(frozen=True)
class Step:
    """A verb.

    Attributes:
        run: with folders, settings and a folder for what is unfinished.
        config: its settings; None where there is nothing to set.
        makes: patterns below the folders, of what the data of later steps depends on.
    """

    run: Callable[[Folders, Any, Path], None]
    config: type | None
    makes: tuple[str, ...]


STEPS = {
    "features": Step(
        steps.make_features,
        features.Config,
        ("assets/checkpoints/vision-statistics.safetensors", "work/sounds.json", "work/pictures.json"),
    ),
    "gallery": Step(steps.embed_gallery, None, ("assets/gallery/tokens.npy", "assets/gallery/gallery.json")),
    "atlas": Step(steps.fit_atlas, None, ("assets/gallery/atlas.npy",)),
    "encoder": Step(
        steps.train_encoders,
        encoders.Config,
        tuple(
            pattern
            for name in FAMILIES
            for pattern in (
                f"assets/checkpoints/{name}.safetensors",
                f"assets/checkpoints/{name}-joint.safetensors",
                f"work/{name}-embeddings.spec",
            )
        ),
    ),
    "projector": Step(
        steps.train_projectors,
        projector.Config,
        (
            *(f"assets/checkpoints/{name}-projector.safetensors" for name in ENCODERS),
            "assets/checkpoints/whisperclip-fusion.safetensors",
        ),
    ),
    "llava": Step(
        steps.train_llava,
        llava.Config,
        (
            "assets/checkpoints/llava/multi_modal_projector.safetensors",
            "assets/checkpoints/llava/adapter/*",
            "assets/checkpoints/llava/card.json",
        ),
    ),
    "evaluate": Step(
        steps.run_evaluation,
        evaluate.Config,
        ("assets/results/compact.json", "assets/results/README.md", "assets/checkpoints/README.md"),
    ),
    "reference": Step(steps.make_reference, None, (f"assets/checkpoints/{reference.FILE}",)),
}


def run(names: Iterable[str], folders: Folders, config: Path | None = None, anew: bool = False) -> dict[str, dict]:
    """Runs steps in their order, those that are not complete -> the manifest of each.

    Args:
        config: TOML file of one's own settings.
        anew: forgets what earlier runs did of them.

    Raises:
        ValueError: a setting is wrong (before anything is run), or a step lacks what an earlier one makes.
    """
    asked = {
        name: asdict(settings.read(STEPS[name].config, name, SUITE, config)) if STEPS[name].config else {}
        for name in names
    }
    if anew:
        for name in asked:
            _forget(name, folders)
    return {name: _run(name, folders, given) for name, given in asked.items()}


def _run(name: str, folders: Folders, config: dict) -> dict:
    limit_threads()  # anew for each: numba, which draws the map, sets its own number for everybody
    step, file, data = STEPS[name], manifest.of_verb(folders.work, name), _data(name, folders)
    known = manifest.read(file)
    print(f"== {name}")
    same = known.get("complete") and (known["config"], known["data"]) == (config, data)
    if same and known["made"] == _hashes(step.makes, folders):
        print(f"is complete for this data and these settings ({file}); --anew does it again")
        _drop(name, folders)
        return known
    unfinished = _unfinished(folders) / f"{name}-{manifest.hash_of(config, data)}"
    unfinished.mkdir(parents=True, exist_ok=True)
    with manifest.running(file, config, data) as about:
        step.run(folders, step.config(**config) if step.config else None, unfinished)
        about["made"] = _hashes(step.makes, folders)
    _drop(name, folders)
    return manifest.read(file)


def _data(name: str, folders: Folders) -> str:
    """Hash of everything that a step reads: the corpus, and what the steps before it made."""
    before = list(STEPS)[: list(STEPS).index(name)]
    made = [*GIVEN, *(pattern for step in before for pattern in STEPS[step].makes)]
    return manifest.hash_of(corpus.fingerprint(folders.corpus), _hashes(made, folders))


def _hashes(patterns: Iterable[str], folders: Folders) -> dict[str, str]:
    """File -> SHA-256 of those that are there."""
    found = {}
    for where, _, below in (pattern.partition("/") for pattern in patterns):
        root = getattr(folders, where)
        found |= {f"{where}/{file.relative_to(root)}": sha256(file)[:12] for file in sorted(root.glob(below))}
    return found


def _forget(name: str, folders: Folders) -> None:
    """Its manifest first: what is left then counts for nothing."""
    manifest.of_verb(folders.work, name).unlink(missing_ok=True)
    for where, _, below in (pattern.partition("/") for pattern in STEPS[name].makes):
        if where == "work":  # what else was made is written over
            (folders.work / below).unlink(missing_ok=True)
    _drop(name, folders)


def _drop(name: str, folders: Folders) -> None:
    for folder in _unfinished(folders).glob(f"{name}-*"):
        shutil.rmtree(folder)


def _unfinished(folders: Folders) -> Path:
    return folders.work / "unfinished"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that all of them have."""
    parser.add_argument("--suite", choices=(SUITE,), default=SUITE, help="the one that a corpus makes")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with sounds.csv and pictures.csv")
    parser.add_argument("--work", type=Path, default=default_cache() / "training", help="features and manifests")
    parser.add_argument("--assets", type=Path, default=ROOT / "assets", help="what is read and written")
    parser.add_argument("--config", type=Path, help=f"your own settings (default: training/configs/{SUITE}.toml)")
    parser.add_argument("--anew", action="store_true", help="forget what earlier runs did")


def main(args: argparse.Namespace) -> int:
    folders = Folders(args.corpus, args.work, args.assets)
    if args.verb == "corpus":
        file = manifest.of_verb(folders.work, args.verb)
        with manifest.running(file, {}, corpus.fingerprint(folders.corpus)) as about:
            about["splits"] = steps.show_corpus(folders)
    else:
        run([args.verb], folders, args.config, args.anew)
    return 0
