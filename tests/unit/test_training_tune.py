"""An adapter learns on the sounds of annotated clips, in either suite; a kill loses nothing, and both open it."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import kill
import numpy as np
import pytest
import torch
import toy
import toy_llava
from safetensors.torch import load_file, save_file

from soundclip_demo import adapter
from soundclip_demo import config as settings
from soundclip_demo.alignment import DIMENSIONS
from soundclip_demo.encoders.whisperclip import Fusion
from soundclip_demo.parts import Parts
from soundclip_demo.projection import Projector
from training import clip_tokens, merge, rows, state, tune
from training.__main__ import main
from training.rows import Layout
from training.tune import Config, Files

CLIPS, MISSING, UNKNOWN = 40, 3, 4  # of which one was not read by an encoder, and one is not annotated
CONFIG = toy.settings_of(
    Config, "tune", "paper", batch=4, steps=12, rate=2e-2, rank=4, projector_rank=4, save_every=2, threshold=0.0
)
PIECE = "training.state:save"
SOUNDS = ("A dog barks.", "Rain falls.")
pytestmark = pytest.mark.usefixtures("one_thread")


def clips_folder(folder: Path, widths: dict[str, tuple[int, ...]]) -> Path:
    """Features and annotations of clips of two kinds in turn, which every encoder tells apart."""
    made = np.random.default_rng(0)
    layout = Layout("abc", CLIPS, 16)
    for name, width in widths.items():
        values = made.normal(size=(2, *width))[np.arange(CLIPS) % 2] + 0.1 * made.normal(size=(CLIPS, *width))
        rows.begin(folder / name, layout)
        for number in range(layout.shards):
            here = layout.rows_of(number)
            problems = {MISSING: "no clip"} if MISSING in here and name == "clap" else {}
            rows.write(folder / name, number, values[here.start : here.stop], problems)
    np.save(folder / "ids.npy", np.array([f"c{i}" for i in range(CLIPS)]))
    np.save(folder / "splits.npy", np.array((["train"] * 6 + ["validation", "test"]) * (CLIPS // 8)))
    lines = [
        {"id": f"c{i}", "video_caption": "Something.", "environmental_audio": SOUNDS[i % 2]}
        | {f"{name}_score": 8 if i < 36 else 5 for name in DIMENSIONS}
        | {"visible_active_sources": [("dog", "rain")[i % 2]]}
        for i in range(CLIPS)
        if i != UNKNOWN
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def projectors(folder: Path, widths: dict[str, tuple[int, ...]], space: int) -> None:
    folder.mkdir(exist_ok=True)
    for name, width in widths.items():
        torch.manual_seed(0)
        if len(width) > 1:
            save_file(Fusion(width[0], width[2]).state_dict(), folder / "whisperclip-fusion.safetensors")
        made = Projector(2 * width[2] if len(width) > 1 else width[0], space, (16, 16))
        made.save(folder / f"{name}-projector.safetensors", {"encoder_spec": "abc"})


@pytest.fixture(scope="module", params=["compact", "paper"])
def files(
    request: pytest.FixtureRequest, workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Files:
    """Of a suite, with its tiny LLaVA."""
    root, widths = tmp_path_factory.mktemp(request.param), {"clap": (8,), "whisperclip": (2, 2, 6)}
    cache = workspace.cache
    if request.param == "paper":
        cache = root / "cache"
        toy.install("llava-paper", cache, toy_llava.checkpoint)
    checkpoints = root / "checkpoints"
    projectors(checkpoints, widths, 1280 if request.param == "compact" else toy_llava.WIDTH)
    if request.param == "compact":
        (checkpoints / "llava").mkdir()
        for name in ("vision-statistics.safetensors", "llava/multi_modal_projector.safetensors"):
            shutil.copy(workspace.checkpoints / name, checkpoints / name)
    patch = pytest.MonkeyPatch()
    patch.setenv("SOUNDCLIP_CACHE", str(cache))
    request.addfinalizer(patch.undo)
    folder = clips_folder(root, widths)
    return Files(folder, folder / "a.jsonl", request.param, checkpoints)


@pytest.fixture(scope="module")
def whole(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped, in a process like those that are."""
    out = tmp_path_factory.mktemp("whole")
    assert kill.alone(PIECE, work, files, CONFIG, out, settings.default_cache()) == CONFIG.steps // CONFIG.save_every
    return out


def work(files: Files, config: Config, out: Path, cache: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(cache))
        torch.set_num_threads(1)
        tune.tune(files, config, out)


def curve(out: Path) -> list[dict[str, str]]:
    with (out / "curve.csv").open() as stream:
        return list(csv.DictReader(stream))


def told(files: Files, config: Config = CONFIG) -> tune.Told:
    known = tune.annotated.read(files.annotations)
    return tune.Told(files.features, clip_tokens.opened(files.features, files.config()), known, config)


def test_only_annotated_clips_of_the_train_split_are_learned(files: Files) -> None:
    splits = np.load(files.features / "splits.npy")
    every = told(files)
    learned = set(np.flatnonzero(splits == "train")) - {MISSING, UNKNOWN}
    assert set(every.rows["train"]) == learned
    assert set(every.rows["validation"]) == set(np.flatnonzero(splits == "validation"))
    chosen = told(files, replace(CONFIG, threshold=7.6))
    assert set(chosen.rows["train"]) == {row for row in learned if row < 36}
    assert every.hash() != chosen.hash()


def test_batches_are_of_all_encoders_and_modes_and_the_same_whenever_asked(files: Files) -> None:
    first, again = told(files), told(files)
    width, kinds = first._heard["clap"].projector.shape["outputs"], set()
    for step in range(60):
        (visual, texts), prompt = first.draw(step)
        (same, said), asked = again.draw(step)
        assert torch.equal(visual, same) and texts == said and prompt == asked
        assert visual.shape == (CONFIG.batch, 1, width)
        assert set(texts) <= {"A dog barks. Sources: dog.", "Rain falls. Sources: rain."}
        norms, tail = visual.norm(dim=2), visual[:, 0, 12:]
        plain = "raw" if not tail.any() else "projected" if torch.allclose(norms, torch.ones_like(norms)) else "blend"
        kinds.add(("clap" if not visual[:, 0, 8:12].any() else "whisperclip", plain))
    assert kinds >= {("clap", "raw"), ("whisperclip", "raw")}
    assert {kind for _, kind in kinds} == {"raw", "projected", "blend"}


def test_it_learns_and_changes_the_adapter_alone(files: Files, whole: Path) -> None:
    rows = curve(whole)
    assert [int(row["step"]) for row in rows] == [2, 4, 6, 8, 10, 12]
    for column in ("train", "validation"):
        assert float(rows[-1][column]) < float(rows[0][column]) - 0.2
    card = json.loads((whole / "llava" / "card.json").read_text())
    assert card["clips"] == {"train": 28, "validation": 5}
    assert card["losses"]["validation"] == float(rows[-1]["validation"])
    manifest = json.loads((whole / "manifest.json").read_text())
    assert (manifest["suite"], manifest["seed"], manifest["complete"]) == (files.suite, 0, True)
    form = json.loads((whole / "llava" / "adapter" / "adapter_config.json").read_text())
    assert form["peft_type"] == "LORA"
    assert not (whole / "llava" / "adapter" / "README.md").exists()
    tensors = load_file(whole / "llava" / "adapter" / "adapter_model.safetensors")
    assert all("language_model" in name or "multi_modal_projector" in name for name in tensors)


@torch.no_grad()
def test_the_demo_opens_it_and_it_merges(files: Files, whole: Path, tmp_path: Path) -> None:
    parts, batches = Parts(files.config()), told(files).validation()

    def loss(captioner: tune.Captioner) -> float:
        return float(np.mean([tune.llava.caption_loss(captioner, v, tune.llava.PROMPTS[0], t) for v, t in batches]))

    frozen = parts.captioner("frozen")
    tuned = adapter.tuned(frozen, whole / "llava")
    last = float(curve(whole)[-1]["validation"])
    assert loss(tuned) == pytest.approx(last, abs=1e-3)
    assert loss(frozen) > last + 0.2
    merge.merge(frozen, whole / "llava", tmp_path / "merged")
    assert tune.COMMAND in (tmp_path / "merged" / "README.md").read_text()
    opened = type(frozen.llava).from_pretrained(tmp_path / "merged")
    assert loss(tune.Captioner(opened, frozen.tokenizer, frozen.template)) == pytest.approx(last, abs=1e-3)


def test_killed_at_random_it_ends_with_the_same_adapter(files: Files, whole: Path, tmp_path: Path) -> None:
    config, cache = replace(CONFIG, steps=24, save_every=1), settings.default_cache()
    assert kill.killed(PIECE, work, files, config, tmp_path, cache) <= 24 - kill.KILLS
    (tmp_path / "whole").mkdir()
    assert kill.alone(PIECE, work, files, config, tmp_path / "whole", cache) == 24
    ended, uninterrupted = (state.load(out / "state.safetensors")[0] for out in (tmp_path, tmp_path / "whole"))
    assert ended.keys() == uninterrupted.keys()
    assert all(torch.equal(ended[name], value) for name, value in uninterrupted.items())
    rows = [[{**row, "seconds": None} for row in curve(out)] for out in (tmp_path, tmp_path / "whole")]
    assert rows[0] == rows[1]
    given = "llava/adapter/adapter_model.safetensors"
    adapters = [load_file(out / given) for out in (tmp_path, tmp_path / "whole")]
    assert all(torch.equal(adapters[0][name], value) for name, value in adapters[1].items())


def test_another_run_is_refused_and_a_finished_one_left_alone(files: Files, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    with pytest.raises(ValueError, match="other data or settings"):
        tune.tune(files, replace(CONFIG, seed=1), out)
    tune.tune(files, CONFIG, out)
    for name in ("curve.csv", "state.safetensors", "llava/card.json", "llava/adapter/adapter_model.safetensors"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_the_command(files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "tune.toml"
    config.write_text("[tune]\nbatch = 2\nsteps = 1\nthreshold = 0\n")
    command = ["tune", "--features", str(files.features), "--annotations", str(files.annotations)]
    command += ["--suite", files.suite, "--checkpoints", str(files.checkpoints), "--config", str(config)]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "llava" / "adapter" / "adapter_model.safetensors").exists()
    for wrong in ("steps = 0", "threshold = 11", 'rate = "1"', "[more]"):
        config.write_text(f"[tune]\nbatch = 2\n{wrong}\n")
        assert main([*command, "--out", str(tmp_path / wrong)]) == 1
        assert "error: " in capsys.readouterr().err
