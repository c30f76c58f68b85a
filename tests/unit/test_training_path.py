"""From a folder of videos to a measured suite and one merged LLaVA: `recipe paper`, with tiny models."""

import csv
import json
import shutil
from itertools import count
from pathlib import Path

import kill
import numpy as np
import pytest
import torch
import toy
import toy_annotators
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration

from soundclip_demo import clips, encoders, weights
from soundclip_demo.audio import decode, resample
from soundclip_demo.config import Config
from soundclip_demo.encoders.joint import Side, Sides
from soundclip_demo.projection import Projector
from training import annotate, annotators, clip_tokens, evaluate, manifest
from training.__main__ import main
from training.hub import HubProjector
from training.rows import PICTURES, Rows
from training.segment import split_of

VIDEOS = {"train": 6, "validation": 2, "test": 4}  # of two segments each
TRAINED = ("clap", "whisperclip")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("path")


@pytest.fixture(scope="module")
def checkpoints(workspace: toy.Workspace, root: Path) -> Path:
    """What a suite has before anything is trained on one's own clips: encoders, and no projector nor adapter."""
    made = root / "out" / "checkpoints"
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
    out = root / "out" / "cut"
    assert main(["segment", "--videos", str(root / "videos"), "--out", str(out)]) == 0
    (out / "clips" / f"{names[0]}_02.mp4").write_bytes(b"spoilt after it was cut")
    return out / "segments.csv"


def test_segments_have_splits(cut: Path) -> None:
    with cut.open() as stream:
        splits = [row["split"] for row in csv.DictReader(stream)]
    assert {split: splits.count(split) for split in VIDEOS} == {name: 2 * n for name, n in VIDEOS.items()}


@pytest.fixture(scope="module")
def command(cut: Path, checkpoints: Path, root: Path, workspace: toy.Workspace) -> list[str]:
    """The recipe with short trainings and tiny models to measure with."""
    config = root / "mine.toml"
    config.write_text(
        "[clips]\nprocesses = 1\n"
        "[paired]\nhidden = [32, 32]\nbatch = 8\nepochs = 2\nrate = 1e-3\nthreshold = 7.0\n"
        "[tune]\nbatch = 4\nsteps = 8\nrate = 1e-2\nrank = 2\nprojector_rank = 2\nthreshold = 0\n"
        f'[evaluate-clips]\nclip = "{toy.clip_folder(root / "clip")}"\nbert_layer = 1\ntokens = 4\njudge = "echo 7"\n'
        f'bert = "{weights.folder("language", workspace.cache)}"\n'
    )
    given = {"videos": root / "videos", "suite": "compact", "config": config, "out": root / "out"}
    return ["recipe", "paper", *(w for name, value in given.items() for w in (f"--{name}", str(value)))] + [
        "--encoders", *TRAINED,
    ]


@pytest.fixture(scope="module")
def out(command: list[str], root: Path) -> Path:
    assert main(command) == 0
    return root / "out"


@pytest.fixture(scope="module")
def annotated(out: Path) -> Path:
    return out / "cut" / "annotations.jsonl"


@pytest.fixture(scope="module")
def features(out: Path) -> Path:
    return out / "features"


@pytest.fixture(scope="module")
def tuned(out: Path) -> Path:
    return out / "checkpoints"


def test_annotations_say_what_sounds(annotated: Path) -> None:
    lines = [json.loads(line) for line in annotated.read_text().splitlines()]
    assert len(lines) == 24
    assert sum("problem" in line for line in lines) == 1
    assert lines[0]["visible_active_sources"] == ["tone"]


def test_features_leave_out_the_spoilt_clip(features: Path) -> None:
    scores = np.load(features / "scores.npy")
    for name in (*TRAINED, PICTURES):
        array = Rows(features, name)
        assert len(array) == 24
        assert np.isnan(scores[list(array.missing)]).all() and len(array.missing) == 1
    assert np.isnan(scores).any(1).sum() == 1
    assert len(set(np.load(features / "groups.npy"))) == 12


def test_projectors_are_of_the_features_encoders(tuned: Path, features: Path, out: Path) -> None:
    for encoder in TRAINED:
        opened = Projector.load(tuned / f"{encoder}-projector.safetensors", Rows(features, encoder).spec)
        assert opened.shape["outputs"] == 1280
        card = HubProjector.from_pretrained(out / "projectors" / encoder / "model").card
        assert card["pairs"] == {"train": 11, "validation": 4, "left_out": 0}


def test_the_adapter_learned_of_the_train_split(tuned: Path) -> None:
    assert json.loads((tuned / "llava" / "card.json").read_text())["clips"] == {"train": 11, "validation": 4}


def test_evaluation_searches_the_test_split_and_measures_captions(out: Path) -> None:
    results = json.loads((out / "results.json").read_text())
    assert results["gallery_clips"] == 8
    settings = {(row["encoder"], row["mode"]): row["all"] for row in results["settings"]}
    assert settings.keys() == {
        (encoder, mode) for encoder in TRAINED for mode in ("raw", "blend 0.5", "projected")
    } | {("clap", "native")}
    for protocol, said in (("frozen", 8 // evaluate.ENDS["frozen"]), ("tuned", 8 // evaluate.ENDS["tuned"])):
        worth = settings["whisperclip", "projected"][protocol]
        assert {"b1", "b2", "b3", "bleu", "rouge_l", "bertscore", "caption"} < worth.keys()
        assert worth["judge"]["mean"] == 7
        assert worth["b2"]["n"] == said
    assert settings["clap", "raw"]["top1"]["n"] == 8


def test_run_again_nothing_is_done_again(out: Path, command: list[str]) -> None:
    results, kept = (out / "results.json").read_text(), [*out.rglob("*.jsonl"), *out.rglob("state.safetensors")]
    before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in (*kept, *out.rglob("0*.npy"))]
    assert main(command) == 0
    assert [(file.stat().st_mtime_ns, file.read_bytes()) for file in (*kept, *out.rglob("0*.npy"))] == before
    assert (out / "results.json").read_text() == results


def by_hand(given: list[str], cache: Path) -> None:
    """A verb in a process of its own, whose sums are rounded as this one's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(cache))
        torch.set_num_threads(1)
        assert main(given) == 0


@pytest.mark.parametrize("piece", ["training.jsonlines:Lines.add", "soundclip_demo.whole:write"])
def test_an_evaluation_that_is_killed_goes_on(
    piece: str, out: Path, root: Path, features: Path, tuned: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    """Captions and encoders are lines; what is written whole are the results and the manifest's notes of the time."""
    folders = {name: tmp_path / name for name in ("whole", "killed")}
    for folder in folders.values():
        shutil.copytree(features, folder, ignore=shutil.ignore_patterns("captions.jsonl"))

    def given(folder: Path) -> list[str]:
        named = {"segments": out / "cut" / "segments.csv", "annotations": out / "cut" / "annotations.jsonl"}
        named |= {"features": folder, "checkpoints": tuned, "out": folder / "results.json", "clip": root / "clip"}
        named |= {"bert": weights.folder("language", workspace.cache), "bert-layer": 1, "tokens": 4}
        return ["evaluate-clips", *(word for name, value in named.items() for word in (f"--{name}", str(value)))]

    pieces = kill.alone(piece, by_hand, given(folders["whole"]), workspace.cache)
    last = kill.killed(piece, by_hand, given(folders["killed"]), workspace.cache)
    if piece.endswith("add"):
        assert last <= pieces - kill.KILLS  # nothing that was on the disk was done again
    for name in ("results.json", "captions.jsonl"):
        assert (folders["killed"] / name).read_bytes() == (folders["whole"] / name).read_bytes()
    assert {file.name for file in folders["killed"].iterdir()} == {file.name for file in folders["whole"].iterdir()}
    assert manifest.read(folders["killed"] / "results.manifest.json")["complete"]


def test_an_evaluation_says_how_it_was_run(out: Path) -> None:
    about = manifest.read(out / "results.manifest.json")
    assert about["complete"] and about["clips"] == 8 and about["seed"] == 0 and len(about["data"]) == 12
    assert (about["config"]["suite"], about["config"]["tokens"], about["config"]["judge"]) == ("compact", 4, "echo 7")


@torch.inference_mode()
def test_the_demo_hears_with_the_fusion_that_was_trained(tuned: Path, features: Path, cut: Path) -> None:
    config = Config(checkpoints=tuned)
    encoder, heard = encoders.load("whisperclip", config), clip_tokens.opened(features, config)["whisperclip"]
    row = np.flatnonzero(np.load(features / "splits.npy") == "test")[0]
    sound = decode(cut.parent / "clips" / f"{np.load(features / 'ids.npy')[row]}.mp4")
    window = resample(sound.window(sound.loudest()), sound.rate, encoder.sample_rate)
    embedding = encoder.encode(torch.from_numpy(window)[None])
    torch.testing.assert_close(heard.embeddings(np.array([row])), embedding, atol=2e-2, rtol=0)
    card = HubProjector.from_pretrained(features.parent / "projectors" / "whisperclip" / "model")
    assert torch.equal(card.head.weight, encoder.fusion.weight) and card.head.weight.abs().max() > 0


def test_a_wrong_setting_is_named_before_anything_runs(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, given = tmp_path / "mine.toml", ["--videos", str(root / "videos"), "--out", str(tmp_path / "out")]
    for text, said in (("[tune]\nstep = 3", "[tune] has unknown settings: step"), ("[tuned]", "unknown tables: tuned")):
        config.write_text(text)
        assert main(["recipe", "paper", *given, "--config", str(config)]) == 1
        assert said in capsys.readouterr().err
    config.write_text("[evaluate-clips]\ntoken = 3")
    with pytest.raises(SystemExit):
        main(["recipe", "paper", *given, "--config", str(config)])
    assert "unrecognized arguments: --token 3" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
    assert manifest.read(root / "merged" / "manifest.json")["complete"]


def test_a_merge_that_is_killed_ends_the_same(tuned: Path, workspace: toy.Workspace, tmp_path: Path) -> None:
    """It is killed after a first note of its time, while it opens, merges or writes."""
    for name, run in (("whole", kill.alone), ("killed", kill.killed)):
        given = ["merge", "--checkpoints", str(tuned), "--out", str(tmp_path / name)]
        run("soundclip_demo.whole:write", by_hand, given, workspace.cache)
    whole, killed = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir() if file.suffix != ".lock"}
                     for name in ("whole", "killed"))
    assert len(whole) > 5 and manifest.read(tmp_path / "killed" / "manifest.json")["complete"]
    del whole["manifest.json"], killed["manifest.json"]
    assert killed == whole
