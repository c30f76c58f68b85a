"""Features of clips in shards: what the demo would compute, each row with its clip, whatever breaks or is killed."""

import csv
import json
import multiprocessing
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import toy
import toy_llava
from filelock import FileLock

from soundclip_demo import clip, clips, encoders, vision, weights
from soundclip_demo.alignment import DIMENSIONS, Alignment
from soundclip_demo.config import Config
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from training import annotated, clip_tokens, engines, own_clips
from training import clips as features
from training.__main__ import main
from training.annotated import Annotated
from training.clip_features import Task, Work, Worker
from training.own_clips import Clip, clips_of, middle, splits
from training.rows import PICTURES, Rows, shard_of

CLIPS, BROKEN, SILENT = 7, 5, 6  # of which one is no video and one makes no sound
pytestmark = pytest.mark.usefixtures("one_thread")

PROCESSES = multiprocessing.get_context("forkserver")  # as in test_training_paired.py
PROCESSES.set_forkserver_preload(
    ["training.__main__", "training.clips", "training.engines", "soundclip_demo.vision", "soundclip_demo.search"]
    + ["soundclip_demo.encoders.wav2clip", "soundclip_demo.encoders.checkpoint", "pytest"]
)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short clips in the form of a gallery."""
    folder = tmp_path_factory.mktemp("gallery")
    for i in range(CLIPS):
        toy.write_video(folder / f"v/c{i}.mp4", 0.4, toy.tone(300 + 200 * i, 0.4, clips.RATE) * (i != SILENT))
    (folder / f"v/c{BROKEN}.mp4").write_bytes(b"no video")
    write_list(folder, CLIPS)
    return folder


def write_list(folder: Path, count: int) -> None:
    """Ids of one's own; the files are taken in turn."""
    with (folder / "clips.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "video"), *((f"c{i}", f"v/c{i % CLIPS}.mp4") for i in range(count))])


def here(work: Work, tasks: list[Task], processes: int | None) -> Iterator[engines.Done]:
    """An engine that starts no process."""
    worker = Worker(work)
    yield from ((task, worker(task)) for task in tasks)


@pytest.fixture(scope="module")
def made(gallery: Path, workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("features")
    missing = features.compute(clips_of(gallery, None), out, workspace.config(), list(ENCODERS), here, shard=2)
    assert missing == dict.fromkeys(ENCODERS, 2) | {PICTURES: 1}
    return out


def shards(out: Path) -> dict[str, bytes]:
    whole = (file for file in sorted(out.glob("*/*")) if not file.name.endswith(".part"))
    return {str(file.relative_to(out)): file.read_bytes() for file in whole}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_row_is_what_the_demo_gives_for_its_clip(
    made: Path, gallery: Path, workspace: toy.Workspace, encoder: str
) -> None:
    heard, engine = clip_tokens.opened(made, workspace.config())[encoder], Engine(workspace.config())
    rows = np.array([0, 1, 4])
    embeddings = heard.embeddings(rows)
    for row, found in zip(rows, embeddings, strict=True):
        wanted, _ = engine.embed_file(gallery / f"v/c{row}.mp4", Setting(encoder=encoder))
        np.testing.assert_allclose(found, wanted, atol=0.01 * np.abs(wanted).max())
    assert heard.rows.spec == engine.parts.encoder(encoder).spec.hash == encoders.spec(encoder, workspace.config()).hash
    raw, projected = (heard.tokens(rows, share) for share in (0.0, 1.0))
    assert raw.shape == projected.shape == (3, 1280)
    assert torch.equal(raw[:, : embeddings.shape[1]], embeddings[:, :1280])
    assert torch.equal(projected, heard.projector(embeddings))


def test_pictures_are_middle_frames(made: Path, gallery: Path, workspace: toy.Workspace) -> None:
    statistics = workspace.checkpoints / "vision-statistics.safetensors"
    eye = vision.load(weights.folder("vision", workspace.cache), statistics)
    stored = Rows(made, PICTURES)
    for row in (0, 3, SILENT):
        wanted = eye.look([middle(gallery / f"v/c{row}.mp4")])[0][0]
        np.testing.assert_allclose(stored[np.array([row])][0], wanted, atol=0.01 * float(wanted.abs().max()))


def test_the_middle_frame_is_the_one_that_annotators_see(gallery: Path) -> None:
    file = gallery / "v/c0.mp4"
    assert middle(file).tobytes() == own_clips.frames(file, 1)[0].tobytes()


def test_what_cannot_be_read_is_missing_and_says_why(made: Path) -> None:
    assert Rows(made, PICTURES).missing.keys() == {BROKEN}
    for encoder in ENCODERS:
        array = Rows(made, encoder)
        assert array.missing.keys() == {BROKEN, SILENT}
        assert "silent" in array.missing[SILENT]
        whole = np.isfinite(array[np.arange(CLIPS)].reshape(CLIPS, -1).astype(float)).all(1)
        assert np.flatnonzero(~whole).tolist() == [BROKEN, SILENT]


def test_a_shard_of_nothing_readable_has_the_shape_of_others(
    gallery: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    listed = clips_of(gallery, None)[BROKEN - 1 :]
    features.compute(listed, tmp_path, workspace.config(), ["whisper", "whisperclip"], here, shard=1)
    assert Rows(tmp_path, "whisperclip").shape == (3, toy.LAYERS, 2, toy.WIDTH)
    assert Rows(tmp_path, PICTURES).missing.keys() == {1}


def test_lists_belong_to_the_rows(made: Path, gallery: Path) -> None:
    listed = clips_of(gallery, None)
    features.require(made, listed)
    assert np.load(made / "splits.npy").tolist() == [each.split for each in listed]
    assert len(set(np.load(made / "groups.npy"))) == CLIPS
    assert not (made / "scores.npy").exists()
    with pytest.raises(ValueError, match="features of other clips"):
        features.require(made, listed[::-1])


def test_finished_shards_are_not_computed_again(
    made: Path, gallery: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    out = shutil.copytree(made, tmp_path / "features")
    (out / "clap" / "00001.npy").unlink()
    (out / "clap" / "00002.npy.99.part").write_bytes(b"torn")
    before = {file: file.stat().st_ino for file in out.glob("*/*.npy")}
    asked = []

    def counted(work: Work, tasks: list[Task], processes: int | None) -> Iterator[engines.Done]:
        asked.extend(task.number for task in tasks)
        return here(work, tasks, processes)

    features.compute(clips_of(gallery, None), out, workspace.config(), list(ENCODERS), counted, shard=2)
    assert asked == [1]
    assert shards(out) == shards(made)
    assert {file: file.stat().st_ino for file in before} == before
    assert not list(out.rglob("*.part"))


def test_other_clips_checkpoints_or_splits_are_refused(
    made: Path, gallery: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    out = shutil.copytree(made, tmp_path / "features")
    listed, before = clips_of(gallery, None), shards(out)

    def again(given: list[Clip] = listed, shard: int = 2, known: dict | None = None, **changes: object) -> None:
        features.compute(given, out, workspace.config(**changes), ["clap"], here, shard, known=known)

    checkpoints = shutil.copytree(workspace.checkpoints, tmp_path / "checkpoints")
    shutil.copy(checkpoints / "wav2clip.safetensors", checkpoints / "clap.safetensors")
    for refused, words in (
        (lambda: again(listed[:-1]), "features of other clips"),
        (lambda: again(shard=3), "clap holds"),
        (lambda: again(checkpoints=checkpoints), "clap holds .*delete it"),
        (lambda: again(known={"c0": about(tested=True)}), "splits of other annotations"),
    ):
        with pytest.raises(ValueError, match=words):
            refused()
    again(known={"c0": about(), "c2": about(9)})
    scores = np.load(out / "scores.npy")
    assert scores.shape == (CLIPS, 5)
    assert scores[:3, 0].tolist()[::2] == [8.0, 9.0]
    assert np.isnan(scores[1]).all()
    assert shards(out) == before


def about(score: int = 8, tested: bool = False) -> Annotated:
    scores = Alignment(dict.fromkeys(DIMENSIONS, score), {}, ("dog",), ("wind",))
    return Annotated("A dog.", "A bark.", scores, tested)


def test_what_ave2_tests_with_is_tested_and_its_videos_are_not_trained_on() -> None:
    given = [
        Clip(f"{video}_{n:02}", Path("f"), video, split)
        for video, split in (("a", "train"), ("b", "validation"), ("c", "test"))
        for n in (1, 2)
    ]
    assert splits(given, {}) == ["train", "train", "validation", "validation", "test", "test"]
    assert splits(given, {"b_01": about()}) == splits(given, {})
    known = {"a_02": about(tested=True), "b_01": about()}
    assert splits(given, known) == ["left out", "test", "validation", "validation", "train", "train"]


def test_a_list_without_videos_and_splits(tmp_path: Path) -> None:
    (tmp_path / "segments.csv").write_text("id,file\nab_1_01,a.mp4\nab_1_02,b.mp4\nx,c.mp4\n")
    found = clips_of(None, tmp_path / "segments.csv")
    assert [each.video for each in found] == ["ab_1", "ab_1", "x"]
    assert found[0].split == found[1].split


def test_shards_are_of_a_size_that_suits_the_corpus() -> None:
    assert [shard_of(count) for count in (1, 500, 12_800, 570_138)] == [16, 16, 100, 4096]


# The paper suite


def test_the_paper_suite_from_checkpoints_of_the_published_form(gallery: Path, tmp_path: Path) -> None:
    config = Config(suite="paper", cache=tmp_path / "cache", checkpoints=tmp_path / "checkpoints")
    toy.install("whisper-paper", config.cache, toy.whisper_folder)
    toy.install("llava-paper", config.cache, toy_llava.checkpoint)
    listed = clips_of(gallery, None)[:3]
    missing = features.compute(listed, tmp_path / "out", config, ["whisper", "whisperclip"], here)
    assert set(missing.values()) == {0}
    stored, summary = Rows(tmp_path / "out", "whisper"), Rows(tmp_path / "out", "whisperclip")
    assert stored.spec == encoders.load("whisper", config).spec.hash != summary.spec
    assert np.array_equal(stored[np.arange(3)], summary[np.arange(3)][:, -1, 0])
    pictures = Rows(tmp_path / "out", PICTURES)
    eye = clip.load(weights.folder("llava-paper", config.cache), torch.device("cpu"), torch.float32)
    wanted = eye.look([middle(each.file) for each in listed])[0]
    np.testing.assert_allclose(pictures[np.arange(3)], wanted, atol=5e-3)
    assert pictures.shape == (3, toy_llava.WIDTH)


# The command


def command(gallery: Path, out: Path, workspace: toy.Workspace, *more: str) -> list[str]:
    places = ["--gallery", str(gallery), "--out", str(out), "--checkpoints", str(workspace.checkpoints)]
    return ["clips", *places, "--encoders", "whisper", "wav2clip", "--shard", "1", "--processes", "1", *more]


def test_the_command(
    gallery: Path,
    made: Path,
    workspace: toy.Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
    out, lines = tmp_path / "features", tmp_path / "a.jsonl"
    row = {"id": "c1", "video_caption": "a", "environmental_audio": "b"} | {f"{n}_score": 7 for n in DIMENSIONS}
    lines.write_text(json.dumps(row) + "\n")
    whole = command(gallery, out, workspace, "--annotations", str(lines))
    assert main(whole) == 0
    said = capfd.readouterr()
    assert said.out.splitlines() == [
        "whisper      5 of 7 clips",
        "wav2clip     5 of 7 clips",
        "pictures     6 of 7 clips",
    ]
    assert f"c{SILENT} cannot be used: This part of the sound is silent." in said.err
    for name in ("whisper", "wav2clip", PICTURES):
        everything = np.arange(CLIPS)
        np.testing.assert_allclose(Rows(out, name)[everything], Rows(made, name)[everything], rtol=2e-3, atol=2e-2)
    assert annotated.read(lines)["c1"].alignment.mean == np.load(out / "scores.npy")[1].mean() == 7
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["config"]["shard"] == 1
    assert manifest["missing"] == {"whisper": 2, "wav2clip": 2, "pictures": 1}
    assert manifest["clips"] == CLIPS and manifest["seconds"] > 0 and len(manifest["data"]) == 12

    before = shards(out)
    monkeypatch.setitem(engines.ENGINES, "local", lambda *_: pytest.fail("computes again"))
    assert main(whole) == 0
    assert shards(out) == before
    with FileLock(out / "manifest.lock"):
        assert main(whole) == 1
    assert "another run is at work" in capfd.readouterr().err


def test_a_checkpoint_out_of_reach_is_said(
    gallery: Path, workspace: toy.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = replace(workspace, checkpoints=tmp_path / "none")
    assert main(command(gallery, tmp_path / "out", missing)) == 1
    assert "error: " in capsys.readouterr().err


def run(arguments: list[str], cache: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(cache))
        patch.setattr(engines, "START", "fork")  # a fresh process would import everything anew, 12 times
        patch.setattr(engines, "THREADS", 1)
        sys.exit(main(arguments))


def test_killed_at_random_it_loses_and_repeats_nothing(
    gallery: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    many = shutil.copytree(gallery, tmp_path / "gallery")
    write_list(many, 100)
    out, luck, kills = tmp_path / "features", random.Random(0), 0
    seen: dict[Path, tuple[int, int]] = {}  # finished shards: which file, and when it was written

    def started(folder: Path) -> multiprocessing.Process:
        process = PROCESSES.Process(target=run, args=(command(many, folder, workspace), workspace.cache))
        process.start()
        return process

    def finished() -> dict[Path, tuple[int, int]]:
        return {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in out.glob("*/*.npy")}

    while kills < 10:
        process = started(out)
        if luck.random() < 0.3:
            process.join(luck.uniform(0, 1))
        else:  # once it is at work
            while process.is_alive() and len(finished()) == len(seen):
                time.sleep(0.005)
            process.join(luck.uniform(0, 0.2))
        workers = psutil.Process(process.pid).children()
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        kills += 1
        _, alive = psutil.wait_procs(workers, timeout=60)
        assert not alive  # nobody goes on beside the next run
        now = finished()
        assert now.items() >= seen.items()
        seen = now
    assert 0 < len(seen) < 3 * 100
    for folder in (out, tmp_path / "whole"):
        process = started(folder)
        process.join(600)
        assert process.exitcode == 0
    assert finished().items() >= seen.items()
    assert shards(out) == shards(tmp_path / "whole")
