"""The corpus verbs, killed ten times each: what they end with is what a run that was never stopped ends with."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kill
import numpy as np
import pytest
import toy

from soundclip_demo import atlas, config
from soundclip_demo.suites import SUITES
from training import features, manifest, reference, state, verbs
from training.families import FAMILIES
from training.steps import Folders

PIECES = {
    "features": "training.filling:Filling._save",
    "gallery": "training.filling:Filling._save",
    "atlas": "soundclip_demo.whole:write",
    "encoder": "training.state:save",
    "projector": "training.state:save",
    "llava": "training.state:save",
    "evaluate": "training.jsonlines:Lines.add",
    "reference": "training.filling:Filling._save",
}
CLIPS = 24  # a piece each
SHORT = """
encoder = {epochs = 6}
projector = {epochs = 4, batch = 8}
evaluate = {tokens = 2, bert_layer = 1}

[llava]
batch = 2
picture_match = 6
picture_steps = 6
sound_match = 6
sound_steps = 6
rank = 2
projector_rank = 2
"""
SMALL = {
    "clap": {"width": 16, "depths": (1, 1), "heads": (1, 2)},
    "imagebind": {"width": 32, "blocks": 1, "heads": 2},
    "wav2clip": {"width": 4},
    "audioclip": {"width": 4, "cardinality": 2, "layers": (1, 1, 1, 1)},
}


class Here:
    """Worker processes that are this one: theirs take seconds to start."""

    def __init__(self, workers: int, context: object, start: Callable[..., None], arguments: tuple) -> None:
        start(*arguments)

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, work: Callable[[Any], Any], tasks: Iterable[Any], chunksize: int) -> Iterable[Any]:
        return map(work, tasks)


def fit(tokens: np.ndarray) -> np.ndarray:
    """A map in a moment, since umap takes half a minute to start; in the midst of which every kill comes."""
    time.sleep(2 * kill.LATEST)
    return tokens[:, :2].copy()


def run(verb: str, folders: Folders, cache: Path) -> None:
    """A verb with small networks; its state is saved after every turn."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SOUNDCLIP_CACHE", str(cache))
    patch.setattr(config, "THREADS", 1)
    config.limit_threads()
    patch.setattr(state, "EVERY", 0.0)
    patch.setattr(features, "ProcessPoolExecutor", Here)
    patch.setattr(atlas, "fit", fit)
    patch.setattr(reference, "EACH", CLIPS)
    for name, sizes in SMALL.items():
        patch.setitem(FAMILIES, name, replace(FAMILIES[name], config=replace(FAMILIES[name].config, dim=16, **sizes)))
    verbs.run([verb], folders, folders.corpus / "short.toml")


@pytest.fixture(scope="module")
def whole(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Folders, dict[str, int]]:
    """All verbs, never stopped, and how many pieces of work each had."""
    root = tmp_path_factory.mktemp("whole")
    folders = Folders(toy.corpus_folder(root / "corpus"), root / "work", root / "assets")
    (folders.corpus / "short.toml").write_text(SHORT)
    eye, space = toy.tower(), SUITES["compact"].space(workspace.config())
    toy.gallery_folder(folders.assets / "gallery", eye, space, CLIPS)
    for name in ("tokens.npy", "atlas.npy", "gallery.json"):
        (folders.assets / "gallery" / name).unlink()
    return folders, {verb: kill.alone(piece, run, verb, folders, workspace.cache) for verb, piece in PIECES.items()}


def contents(folders: Folders) -> dict[str, bytes]:
    """What was made, and what the manifests say but for the time it took."""
    files = [file for root in (folders.assets, folders.work) for file in root.rglob("*") if file.is_file()]
    made = {str(file.relative_to(folders.work.parent)): file.read_bytes() for file in files if file.suffix != ".lock"}
    for name in PIECES:
        file = folders.work / "manifests" / f"{name}.json"
        made[str(file.relative_to(folders.work.parent))] = manifest.read(file) | {"seconds": None}
    return made


@pytest.mark.parametrize("verb", PIECES)
def test_killed_at_random_it_ends_the_same(
    verb: str, whole: tuple[Folders, dict[str, int]], workspace: toy.Workspace, tmp_path: Path
) -> None:
    before, pieces = whole
    folders = replace(before, work=tmp_path / "work", assets=tmp_path / "assets")
    shutil.copytree(before.work, folders.work)
    shutil.copytree(before.assets, folders.assets)
    forget(verb, folders)
    last = kill.killed(PIECES[verb], run, verb, folders, workspace.cache)
    assert contents(folders) == contents(before)
    if verb != "atlas":  # which is one piece
        assert last <= pieces[verb] - kill.KILLS  # nothing that was on the disk was done again


def forget(verb: str, folders: Folders) -> None:
    """Removes everything that a verb made."""
    arrays = ("*-inputs.npy", f"{features.WHISPER}.npy", "tokens.npy", "patches.npy")
    also = {"features": arrays, "encoder": ("*-embeddings.npy",), "evaluate": ("captions.jsonl",)}
    verbs._forget(verb, folders)
    for pattern in (*verbs.STEPS[verb].makes, *(f"work/{name}" for name in also.get(verb, ()))):
        for file in folders.work.parent.glob(pattern):
            file.unlink()
