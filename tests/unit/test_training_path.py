"""From a folder of videos to a measured suite and one merged LLaVA: all verbs for one's own clips, in their order."""

import csv
import json
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
import toy_annotators
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration

from soundclip_demo import clips, weights
from soundclip_demo.encoders.joint import Side, Sides
from soundclip_demo.projection import Projector
from training import annotate, annotators, hub
from training.__main__ import main
from training.hub import HubProjector
from training.rows import PICTURES, Rows
from training.segment import split_of

VIDEOS = {"train": 6, "validation": 2, "test": 4}  # of two segments each
TRAINED = ("clap", "whisper")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("path")


@pytest.fixture(scope="module")
def checkpoints(workspace: toy.Workspace, root: Path) -> Path:
    """What a suite has before anything is trained on one's own clips: encoders, and no projector nor adapter."""
    made = root / "checkpoints"
    shutil.copytree(
        workspace.checkpoints, made, ignore=shutil.ignore_patterns("*-projector*", "*fusion*", "adapter", "card.json")
    )
    torch.manual_seed(5)
    sides = Sides({"text": Side(32, 256)})
    save_file(sides.state_dict(), made / "clap-joint.safetensors")
    return made


@pytest.fixture(scope="module", autouse=True)
def place(workspace: toy.Workspace) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
        patch.setattr(annotators, "of", lambda kind, earlier: toy_annotators.annotators())
        patch.setattr(annotate, "limit_threads", lambda: None)
        yield


def named(split: str, wanted: int) -> list[str]:
    """Names of videos that fall into a split."""
    names = (f"{split}-{i}" for i in count() if split_of(f"{split}-{i}") == split)
    return [next(names) for _ in range(wanted)]


@pytest.fixture(scope="module")
def cut(root: Path) -> Path:
    """Videos whose pitch tells them apart, one file that is none, cut into segments."""
    names = [name for split, wanted in VIDEOS.items() for name in named(split, wanted)]
    for i, name in enumerate(names):
        parts = [toy.tone(200 + 100 * (i % 3) + 30 * half, 3.0, clips.RATE) for half in range(2)]
        toy.write_video(root / "videos" / f"{name}.mp4", 6.0, np.concatenate(parts))
    (root / "videos" / "broken.mp4").write_bytes(b"no video")
    assert main(["segment", "--videos", str(root / "videos"), "--out", str(root / "cut")]) == 0
    (root / "cut" / "clips" / f"{names[0]}_02.mp4").write_bytes(b"spoilt after it was cut")
    return root / "cut" / "segments.csv"


def test_segments_have_splits(cut: Path) -> None:
    with cut.open() as stream:
        splits = [row["split"] for row in csv.DictReader(stream)]
    assert {split: splits.count(split) for split in VIDEOS} == {name: 2 * n for name, n in VIDEOS.items()}


@pytest.fixture(scope="module")
def annotated(cut: Path) -> Path:
    out = cut.with_name("annotations.jsonl")
    assert main(["annotate", "--segments", str(cut), "--out", str(out)]) == 0
    return out


def test_annotations_say_what_sounds(annotated: Path) -> None:
    lines = [json.loads(line) for line in annotated.read_text().splitlines()]
    assert len(lines) == 24
    assert sum("problem" in line for line in lines) == 1
    assert lines[0]["visible_active_sources"] == ["tone"]


@pytest.fixture(scope="module")
def features(cut: Path, annotated: Path, checkpoints: Path, root: Path) -> Path:
    out = root / "features"
    given = ["--segments", str(cut), "--annotations", str(annotated), "--checkpoints", str(checkpoints)]
    assert main(["clips", *given, "--out", str(out), "--encoders", *TRAINED, "--processes", "1"]) == 0
    return out


def test_features_leave_out_the_spoilt_clip(features: Path) -> None:
    scores = np.load(features / "scores.npy")
    for name in (*TRAINED, PICTURES):
        array = Rows(features, name)
        assert len(array) == 24
        assert np.isnan(scores[list(array.missing)]).all() and len(array.missing) == 1
    assert np.isnan(scores).any(1).sum() == 1
    assert len(set(np.load(features / "groups.npy"))) == 12


@pytest.fixture(scope="module")
def projected(features: Path, checkpoints: Path, root: Path) -> Path:
    """A projector for each encoder, where the suite looks for it."""
    for encoder in TRAINED:
        config = root / f"{encoder}.toml"
        config.write_text(
            f'[pairs]\nfeatures = "features"\nencoder = "{encoder}"\n'
            "[training]\nhidden = [32, 32]\nbatch = 8\nepochs = 2\nrate = 1e-3\nthreshold = 7.0\n"
        )
        assert main(["paired", "--config", str(config), "--out", str(root / "runs" / encoder)]) == 0
        shutil.copy(root / "runs" / encoder / "model" / hub.WEIGHTS, checkpoints / f"{encoder}-projector.safetensors")
    return checkpoints


def test_projectors_are_of_the_features_encoders(projected: Path, features: Path, root: Path) -> None:
    for encoder in TRAINED:
        opened = Projector.load(projected / f"{encoder}-projector.safetensors", Rows(features, encoder).spec)
        assert opened.shape["outputs"] == 1280
        card = HubProjector.from_pretrained(root / "runs" / encoder / "model").card
        assert card["pairs"] == {"train": 11, "validation": 4, "left_out": 0}


@pytest.fixture(scope="module")
def tuned(projected: Path, annotated: Path, root: Path) -> Path:
    config = root / "tune.toml"
    config.write_text(
        '[clips]\nfeatures = "features"\nannotations = "cut/annotations.jsonl"\nsuite = "compact"\n'
        'checkpoints = "checkpoints"\n[training]\nbatch = 4\nsteps = 8\nrate = 1e-2\nrank = 2\nprojector_rank = 2\n'
    )
    assert main(["tune", "--config", str(config), "--out", str(root / "tuned")]) == 0
    shutil.copytree(root / "tuned" / "llava", projected / "llava", dirs_exist_ok=True)
    return projected


def test_the_adapter_learned_of_the_train_split(tuned: Path) -> None:
    assert json.loads((tuned / "llava" / "card.json").read_text())["clips"] == {"train": 11, "validation": 4}


def test_evaluation_searches_the_test_split_and_measures_captions(
    tuned: Path, cut: Path, annotated: Path, features: Path, root: Path, workspace: toy.Workspace
) -> None:
    judge, out = "echo 7", root / "results.json"
    given = ["--segments", str(cut), "--features", str(features), "--checkpoints", str(tuned), "--out", str(out)]
    scorers = ["--clip", str(toy.clip_folder(root / "clip")), "--bert-layer", "1", "--tokens", "4", "--judge", judge]
    scorers += ["--bert", str(weights.folder("language", workspace.cache))]
    assert main(["evaluate-clips", *given, "--annotations", str(annotated), *scorers]) == 0
    results = json.loads(out.read_text())
    assert results["gallery_clips"] == 8
    settings = {(row["encoder"], row["mode"]): row["all"] for row in results["settings"]}
    assert settings.keys() == {
        (encoder, mode) for encoder in TRAINED for mode in ("raw", "blend 0.5", "projected")
    } | {("clap", "native")}
    for protocol in ("frozen", "tuned"):
        worth = settings["whisper", "projected"][protocol]
        assert {"b1", "b2", "b3", "bleu", "rouge_l", "bertscore", "caption"} < worth.keys()
        assert worth["judge"]["mean"] == 7
        assert worth["b2"]["n"] == 8
    assert settings["clap", "raw"]["top1"]["n"] == 8
    lines = (features / "captions.jsonl").read_text()
    assert main(["evaluate-clips", *given, "--annotations", str(annotated), *scorers]) == 0
    assert (features / "captions.jsonl").read_text() == lines  # nothing is written twice


def test_features_of_other_clips_are_not_measured(
    tuned: Path, workspace: toy.Workspace, features: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--features", str(features), "--checkpoints", str(tuned), "--out", str(root / "other.json")]
    assert main(["evaluate-clips", "--gallery", str(workspace.gallery), *given]) == 1
    assert "features of other clips" in capsys.readouterr().err
    assert not (root / "other.json").exists()


def test_the_merged_llava_stands_alone(tuned: Path, root: Path) -> None:
    assert main(["merge", "--checkpoints", str(tuned), "--out", str(root / "merged")]) == 0
    opened, found = LlavaForConditionalGeneration.from_pretrained(root / "merged", output_loading_info=True)
    assert not any(found.values())
    assert opened.config.text_config.hidden_size == 32
