"""Projectors trained on cached pairs: alone and in two processes, in one go and killed again and again."""

import csv
import json
import math
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import kill
import numpy as np
import pytest
import torch
import toy
from safetensors.torch import load_file
from torch.nn import functional as F

from soundclip_demo.encoders.whisperclip import load_fusion
from soundclip_demo.projection import Projector
from training import hub, paired, rows, state
from training.__main__ import main
from training.hub import HubProjector
from training.losses import gathered_info_nce, info_nce
from training.paired_config import Config
from training.paired_data import PairFiles, Pairs
from training.processes import Processes, joined
from training.rows import PICTURES, Layout, Rows

ROWS, WIDTH, SPACE = 420, 8, 12
LAYERS, TELLS = 3, 1  # of WhisperCLIP, and the one that tells what is seen
CONFIG = toy.settings_of(
    Config, "paired", "paper", hidden=(16, 16), rate=3e-3, batch=16, epochs=4, save_every=3, threshold=0.0
)
ALONE = Processes(0, 1, torch.device("cpu"))
pytestmark = pytest.mark.usefixtures("one_thread")
SHARD = 64
BROKEN = {9: "no clip", 100: "no clip"}  # rows that could not be read, of train and validation
TRAIN, VALIDATION = 312 - 1, 54 - 1


def write_array(folder: Path, values: np.ndarray, problems: dict[int, str], spec: str = "abc") -> None:
    layout = Layout(spec, len(values), SHARD)
    rows.begin(folder, layout)
    for number in range(layout.shards):
        here = layout.rows_of(number)
        rows.write(folder, number, values[here.start : here.stop], {r: problems[r] for r in here if r in problems})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> PairFiles:
    """Three rows of each video; pictures are a fixed turn of the embeddings, with noise, and so is one layer."""
    folder = tmp_path_factory.mktemp("pairs")
    made = np.random.default_rng(0)
    heard = np.repeat(made.normal(size=(ROWS // 3, WIDTH)), 3, 0) + 0.3 * made.normal(size=(ROWS, WIDTH))
    embeddings = 5 * heard + 2
    embeddings[list(BROKEN)] = np.nan
    write_array(folder / "clap", embeddings, BROKEN)
    layers = made.normal(size=(ROWS, LAYERS, 2, WIDTH // 2))
    layers[:, TELLS] = heard.reshape(ROWS, 2, -1)
    layers *= np.array([1, 30, 5])[:, None, None]
    layers[list(BROKEN)] = np.nan
    write_array(folder / "whisperclip", layers, BROKEN)
    write_array(folder / PICTURES, heard @ made.normal(size=(WIDTH, SPACE)), {}, "eye")
    groups = np.repeat(np.arange(ROWS // 3), 3)[::-1]
    np.save(folder / "groups.npy", groups)
    np.save(folder / "splits.npy", np.array(["train", "test", "validation", *["train"] * 5])[groups % 8])
    np.save(folder / "scores.npy", np.linspace([0] * 5, [10] * 5, ROWS))
    return PairFiles(folder, "clap")


def with_files(files: PairFiles, folder: Path, **changed: np.ndarray) -> PairFiles:
    """A copy of the features with other lists or arrays."""
    copy = shutil.copytree(files.features, folder / str(len(list(folder.iterdir()))))
    for name, values in changed.items():
        if (copy / name).is_dir():
            shutil.rmtree(copy / name)
            write_array(copy / name, values, {})
        else:
            np.save(copy / f"{name}.npy", values)
    return replace(files, features=copy)


def rows_of(curve: Path) -> list[dict[str, str]]:
    with curve.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(files: PairFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped, in a process like those that are: how a sum is rounded depends on its process."""
    out = tmp_path_factory.mktemp("whole")
    kill.alone("training.state:save", train_alone, files, CONFIG, out)
    return out


def test_one_way_by_hand() -> None:
    torch.manual_seed(0)
    sound, picture, groups = torch.randn(4, 6), torch.randn(4, 6), [0, 1, 1, 2]
    cosines = [[float(F.cosine_similarity(s, p, dim=0)) / 0.07 for p in picture] for s in sound]
    losses = []
    for i in range(4):
        against = [cosines[i][j] for j in range(4) if j == i or groups[j] != groups[i]]
        losses.append(math.log(sum(map(math.exp, against))) - cosines[i][i])
    one_way = info_nce(sound, picture, torch.tensor(groups), one_way=True)
    assert float(one_way) == pytest.approx(sum(losses) / 4, abs=1e-5)
    back = info_nce(picture, sound, torch.tensor(groups), one_way=True)
    assert float((one_way + back) / 2) == pytest.approx(float(info_nce(sound, picture, torch.tensor(groups))), abs=1e-5)


def made_up_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eight pairs whose groups reach across the halves of the batch."""
    made = torch.Generator().manual_seed(1)
    sound = torch.randn(8, 5, dtype=torch.float64, generator=made)
    picture = torch.randn(8, 6, dtype=torch.float64, generator=made)
    return sound, picture, torch.tensor([0, 1, 2, 2, 0, 3, 1, 1])


def losses_and_gradients(batch: tuple[torch.Tensor, ...], loss: Callable) -> dict[str, torch.Tensor]:
    """Loss and its gradients at a weight before both tokens and a temperature, for each kind of loss."""
    found = {}
    for one_way in (False, True):
        weight = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(5, 6).requires_grad_()
        temperature = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
        value = loss(batch[0] @ weight, batch[1] * weight.sum(0), batch[2], temperature, one_way)
        value.backward()
        found |= {f"loss {one_way}": value.detach(), f"weight {one_way}": weight.grad, f"t {one_way}": temperature.grad}
    return found


def as_rank(rank: int, port: int, work: Callable, *arguments: object) -> None:
    """What torchrun sets, then the work."""
    with pytest.MonkeyPatch.context() as patch:
        values = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for name, value in values.items():
            patch.setenv(name, str(value))
        torch.set_num_threads(1)
        work(*arguments)


def in_two_processes(work: Callable, *arguments: object) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    both = [kill.PROCESSES.Process(target=as_rank, args=(rank, port, work, *arguments)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    ended = [process.exitcode for process in both]
    for process in both:  # one that hangs would keep the tests from ending
        process.kill()
    assert ended == [0, 0]


def write_gathered(folder: Path) -> None:
    with joined() as processes:
        half = slice(4 * processes.rank, 4 * processes.rank + 4)
        found = losses_and_gradients(tuple(part[half] for part in made_up_batch()), gathered_info_nce)
        found = {name: processes.mean(value) for name, value in found.items()}
        state.save(folder / f"{processes.rank}.safetensors", found, {})


def test_two_processes_have_the_loss_and_gradients_of_one(tmp_path: Path) -> None:
    in_two_processes(write_gathered, tmp_path)
    alone = losses_and_gradients(made_up_batch(), info_nce)
    for rank in range(2):
        gathered = load_file(tmp_path / f"{rank}.safetensors")
        assert gathered.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(gathered[name], value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("encoder", ["clap", "whisperclip"])
def test_two_processes_train_the_weights_of_one(files: PairFiles, encoder: str, tmp_path: Path) -> None:
    files = replace(files, encoder=encoder)
    config = replace(CONFIG, epochs=1, batch=96, learn_temperature=True)  # three steps
    paired.train(files, config, tmp_path / "one")
    in_two_processes(paired.train, files, config, tmp_path / "two")
    one, two = (state.load(tmp_path / name / "state.safetensors")[0] for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=2e-6)
    (alone,), (shared,) = (rows_of(tmp_path / name / "curve.csv") for name in ("one", "two"))
    for column in ("train", "validation", "temperature"):
        assert float(shared[column]) == pytest.approx(float(alone[column]), abs=2e-6)
    assert json.loads((tmp_path / "two" / "manifest.json").read_text())["processes"] == 2


def test_two_processes_cannot_share_an_odd_batch(files: PairFiles) -> None:
    pairs = Pairs(files, None, 0)
    with pytest.raises(ValueError, match="shared evenly"):
        paired.Run(pairs, replace(CONFIG, batch=15), Processes(0, 2, torch.device("cpu")))


def train_alone(files: PairFiles, config: Config, out: Path) -> None:
    torch.set_num_threads(1)
    paired.train(files, config, out)


def test_killed_at_random_it_ends_with_the_same_weights(files: PairFiles, whole: Path, tmp_path: Path) -> None:
    saved = len(rows_of(whole / "curve.csv"))
    assert kill.killed("training.state:save", train_alone, files, CONFIG, tmp_path) <= saved - kill.KILLS
    ended, uninterrupted = (state.load(folder / "state.safetensors")[0] for folder in (tmp_path, whole))
    assert ended.keys() == uninterrupted.keys()
    assert all(torch.equal(ended[name], value) for name, value in uninterrupted.items())
    weights = [load_file(folder / "model" / hub.WEIGHTS) for folder in (tmp_path, whole)]
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())
    rows = [[{**row, "seconds": None} for row in rows_of(folder / "curve.csv")] for folder in (tmp_path, whole)]
    assert rows[0] == rows[1]


def test_the_curve_has_every_step_once(whole: Path) -> None:
    curve, steps = rows_of(whole / "curve.csv"), TRAIN // CONFIG.batch
    per_epoch = [*range(3, steps, 3), steps]
    assert [(int(row["epoch"]), int(row["step"])) for row in curve] == [(e, s) for e in range(1, 5) for s in per_epoch]
    ends = [row for row in curve if row["validation"]]
    assert [int(row["step"]) for row in ends] == [steps] * 4
    assert float(ends[-1]["validation"]) < 0.8 * float(ends[0]["validation"])
    assert {row["temperature"] for row in curve} == {"0.070000"}
    seconds = [float(row["seconds"]) for row in curve]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("encoder", ["clap", "whisperclip"])
def test_dropout_is_the_same_after_a_stop(files: PairFiles, encoder: str, tmp_path: Path) -> None:
    files = replace(files, encoder=encoder)
    config = replace(CONFIG, dropout=0.2, epochs=1)
    paired.train(files, config, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paired.Run, "validate", lambda run: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            paired.train(files, config, tmp_path / "stopped")
    torch.manual_seed(99)
    paired.train(files, config, tmp_path / "stopped")
    whole, stopped = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(stopped[name], value) for name, value in whole.items())


def test_a_fusion_is_trained_with_its_projector_and_opens_in_the_demo(files: PairFiles, tmp_path: Path) -> None:
    paired.train(replace(files, encoder="whisperclip"), replace(CONFIG, epochs=8, weight_decay=0.0), tmp_path / "run")
    trained = HubProjector.from_pretrained(tmp_path / "run" / "model")
    shares = trained.head.weight.softmax(0)
    assert (shares.argmax(0) == TELLS).all() and shares[TELLS].min() > 1.05 / LAYERS
    features = torch.from_numpy(Rows(files.features, "whisperclip")[Pairs(files, None, 0).train]).float()
    standard = (features - trained.head.mean) / trained.head.std
    torch.testing.assert_close(standard.mean(0), torch.zeros(LAYERS, 2, WIDTH // 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(standard.std(0), torch.ones(LAYERS, 2, WIDTH // 2), atol=5e-3, rtol=0)
    losses = [float(row["validation"]) for row in rows_of(tmp_path / "run" / "curve.csv") if row["validation"]]
    assert losses[-1] < 0.9 * losses[0]
    hub.install(tmp_path / "run" / "model", "whisperclip", tmp_path)
    fusion = load_fusion(tmp_path / "whisperclip-fusion.safetensors")
    projector = Projector.load(tmp_path / "whisperclip-projector.safetensors", "abc")
    with torch.inference_mode():
        assert fusion(features).shape == (len(features), fusion.dim)
        assert torch.equal(projector(fusion(features)), trained(features))
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    for fact in (f"{LAYERS} layers", f"[N, {LAYERS}, 2, 4] ->", f"(width {WIDTH})", "`whisperclip-fusion.safetensors`"):
        assert fact in card


def test_the_best_epoch_is_kept(files: PairFiles, whole: Path) -> None:
    best = min((row for row in rows_of(whole / "curve.csv") if row["validation"]), key=lambda r: float(r["validation"]))
    projector = HubProjector.from_pretrained(whole / "model")
    assert projector.card["best_epoch"]["epoch"] == int(best["epoch"])
    run = paired.Run(Pairs(files, None, 0), CONFIG, ALONE)
    run.aligner.projector.load_state_dict(projector.state_dict())
    assert run.validate() == pytest.approx(float(best["validation"]), abs=5e-3)  # the weights are in float16


def test_a_learned_temperature_learns_and_stays_in_bounds(files: PairFiles, tmp_path: Path) -> None:
    run = paired.Run(Pairs(files, None, 0), replace(CONFIG, learn_temperature=True, rate=2.0), ALONE)
    run.standardise()
    batch = run.pairs.read(run.plan()[0], torch.device("cpu"))
    seen = []
    for _ in range(12):
        run.step(batch)
        seen.append(run.aligner.temperature.item())
    assert len(set(seen)) > 1
    assert 0.0099 < min(seen) < max(seen) < 1.0001
    assert min(seen) == pytest.approx(0.01, abs=1e-6) or max(seen) == pytest.approx(1, abs=1e-6)
    fixed = paired.Run(run.pairs, replace(CONFIG, temperature=2.0), ALONE)
    fixed.step(batch)
    assert fixed.aligner.temperature.item() == pytest.approx(2.0)


def test_rows_are_read_as_stored(files: PairFiles) -> None:
    made, whole = Rows(files.features, "clap"), np.concatenate(
        [np.load(file) for file in sorted((files.features / "clap").glob("*.npy"))]
    )
    assert made.shape == whole.shape == (ROWS, WIDTH)
    assert (made.spec, made.missing) == ("abc", BROKEN)
    rows = np.array([0, 1, 2, 7, 9, SHARD - 1, SHARD, SHARD + 1, 3 * SHARD, ROWS - 1])
    for some in (rows, rows[:1], rows[:0], np.arange(ROWS)):
        np.testing.assert_array_equal(made[some], whole[some])


def test_an_epoch_has_every_row_once_in_an_order_of_its_own(files: PairFiles) -> None:
    pairs = Pairs(files, None, 0)
    first, again, second = pairs.epoch(0, 16), Pairs(files, None, 0).epoch(0, 16), pairs.epoch(1, 16)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert len(np.unique(first)) == len(pairs.train) // 16 * 16
    assert set(np.unique(first)) <= set(pairs.train)


def test_what_is_tested_or_missing_is_left_out(files: PairFiles) -> None:
    pairs, splits = Pairs(files, None, 0), np.load(files.features / "splits.npy")
    assert set(splits[pairs.train]) == {"train"}
    assert set(splits[pairs.validation]) == {"validation"}
    assert (len(pairs.train), len(pairs.validation), pairs.left_out) == (TRAIN, VALIDATION, 0)
    assert not set(pairs.groups[pairs.train]) & set(pairs.groups[pairs.validation])
    assert not BROKEN.keys() & {*pairs.train.tolist(), *pairs.validation.tolist()}


def test_a_threshold_leaves_rows_out_and_moves_none(files: PairFiles, tmp_path: Path) -> None:
    scores = np.load(files.features / "scores.npy")
    scores[-3:] = np.nan  # clips without annotations
    scores[:, 0] = np.nan  # a dimension that nobody measured
    scored = with_files(files, tmp_path, scores=scores)
    kept, every = Pairs(scored, 7.6, 0), Pairs(files, None, 0)
    wanted = np.flatnonzero((scores[:, 1:].mean(1) >= 7.6) & (np.load(files.features / "splits.npy") != "test"))
    assert np.array_equal(np.sort(np.concatenate([kept.train, kept.validation])), wanted)
    assert set(kept.train) <= set(every.train)
    assert kept.left_out == TRAIN + VALIDATION - len(wanted) > 0
    assert kept.hash() != every.hash() == Pairs(scored, None, 0).hash()


def test_statistics_are_of_the_training_rows(files: PairFiles) -> None:
    pairs = Pairs(files, None, 0)
    mean, std, norm = pairs.statistics(torch.nn.Identity(), torch.device("cpu"))
    embeddings, pictures = (
        Rows(files.features, name)[pairs.train].astype(float) for name in ("clap", PICTURES)
    )
    np.testing.assert_allclose(mean, embeddings.mean(0), rtol=1e-5)
    np.testing.assert_allclose(std, embeddings.std(0), rtol=1e-5)
    np.testing.assert_allclose(norm, np.linalg.norm(pictures, axis=1).mean(), rtol=1e-5)


def test_unfit_files_are_refused(files: PairFiles, tmp_path: Path) -> None:
    for threshold, changed, words in (
        (None, {"pictures": np.zeros((ROWS - 1, 8))}, "not of the same rows"),
        (None, {"clap": np.zeros((ROWS, 2, 2, 8))}, "features of another form"),
        (None, {"groups": np.zeros(ROWS)}, "whole number"),
        (None, {"splits": np.full(ROWS, "test")}, "too few"),
        (7.6, {"scores": np.full((ROWS, 5), 42)}, "scores are 0 to 10"),
        (7.6, {"scores": np.full((ROWS - 1, 5), 8)}, "must hold scores"),
    ):
        with pytest.raises(ValueError, match=words):
            Pairs(with_files(files, tmp_path, **changed), threshold, 0)
    bare = with_files(files, tmp_path)
    (bare.features / "scores.npy").unlink()
    with pytest.raises(ValueError, match="a threshold needs .*--annotations"):
        Pairs(bare, 7.6, 0)
    spoilt = Rows(files.features, "clap")[np.arange(ROWS)]
    spoilt[list(BROKEN)], spoilt[82] = 0, np.inf
    with pytest.raises(ValueError, match="row 82 .*not finite"):
        Pairs(with_files(files, tmp_path, clap=spoilt), None, 0).statistics(torch.nn.Identity(), torch.device("cpu"))


def test_an_array_that_is_not_whole_is_refused(files: PairFiles, tmp_path: Path) -> None:
    def spoilt(spoil: Callable[[Path], object]) -> Path:
        copy = with_files(files, tmp_path).features
        spoil(copy / "clap")
        return copy

    for spoil, words in (
        (lambda array: (array / "00002.npy").unlink(), "00002.npy is not there yet"),
        (lambda array: (array / "00002.npy").write_bytes((array / "00002.npy").read_bytes()[:-10]), "not a whole .npy"),
        (lambda array: np.save(array / "00002.npy", np.zeros((SHARD, WIDTH), np.float32)), "must be float16"),
        (lambda array: np.save(array / "00002.npy", np.zeros((SHARD - 1, WIDTH), np.float16)), "and not its rows"),
        (lambda array: (array / rows.MANIFEST).write_text("{"), "manifest.json is damaged"),
        (lambda array: shutil.rmtree(array), "there is no array"),
    ):
        with pytest.raises(ValueError, match=words):
            Rows(spoilt(spoil), "clap")


def test_a_damaged_or_foreign_state_is_refused(files: PairFiles, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    saved = out / "state.safetensors"
    good = saved.read_bytes()
    with pytest.raises(ValueError, match="other data or settings"):
        paired.train(files, replace(CONFIG, seed=1), out)
    (out / "curve.csv").unlink()
    with pytest.raises(ValueError, match="lacks rows"):
        paired.train(files, CONFIG, out)
    for damaged in (good[:-1000], good[:-1000] + bytes(1000), b"", b"{}" * 99):
        saved.write_bytes(damaged)
        with pytest.raises(ValueError, match="state.safetensors is damaged"):
            paired.train(files, CONFIG, out)


def test_a_finished_run_is_left_as_it_is(files: PairFiles, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(out / "model")
    paired.train(files, CONFIG, out)
    for name in ("curve.csv", "model/config.json", "model/README.md"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    again, weights = (load_file(folder / "model" / hub.WEIGHTS) for folder in (out, whole))
    assert all(torch.equal(again[name], value) for name, value in weights.items())


@torch.inference_mode()
def test_the_hubs_form_opens_here_and_in_the_demo(whole: Path, tmp_path: Path) -> None:
    opened = HubProjector.from_pretrained(whole / "model")
    opened.save_pretrained(tmp_path / "copy", "someone/projector")
    again = HubProjector.from_pretrained(str(tmp_path / "copy"))
    embedding = torch.randn(3, WIDTH)
    assert torch.equal(again(embedding), opened(embedding))
    assert torch.equal(Projector.load(whole / "model" / hub.WEIGHTS, "abc")(embedding), opened(embedding))
    with pytest.raises(ValueError, match="trained on encoder spec abc"):
        Projector.load(whole / "model" / hub.WEIGHTS, "another")
    card = (tmp_path / "copy" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: ")
    pairs = f"{TRAIN} pairs"
    for fact in ("license: apache-2.0", 'from_pretrained("someone/projector")', pairs, '"temperature": 0.07'):
        assert fact in card
    assert f"{again.card['best_epoch']['validation']:.4f}" in card


def test_an_unfit_model_folder_is_refused(whole: Path, tmp_path: Path) -> None:
    for i, spoil in enumerate(
        (
            lambda folder: (folder / hub.WEIGHTS).unlink(),
            lambda folder: (folder / hub.WEIGHTS).write_bytes(b"no weights"),
            lambda folder: (folder / hub.CONFIG).write_text(
                (folder / hub.CONFIG).read_text().replace(f'"features": [\n   {WIDTH}\n  ]', '"features": [3, 2, 4]')
            ),
            lambda folder: (folder / hub.CONFIG).write_text("{}"),
            lambda folder: (folder / hub.CONFIG).write_text(
                (folder / hub.CONFIG).read_text().replace('"outputs": 12', '"outputs": 13')
            ),
        )
    ):
        folder = shutil.copytree(whole / "model", tmp_path / str(i))
        spoil(folder)
        with pytest.raises(ValueError, match="is no projector of this project"):
            HubProjector.from_pretrained(folder)


def test_pushed_to_the_hub_and_back(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "hub"

    class Api:
        def create_repo(self, repo_id: str, private: bool | None, exist_ok: bool) -> SimpleNamespace:
            assert (private, exist_ok) == (True, True)
            return SimpleNamespace(repo_id=f"someone/{repo_id}")

        def upload_folder(self, repo_id: str, folder_path: str, commit_message: str) -> str:
            shutil.copytree(folder_path, kept / repo_id)
            return f"https://huggingface.co/{repo_id}/commit/1"

    def snapshot_download(repo_id: str, revision: str | None, allow_patterns: list[str]) -> str:
        assert revision == "1"
        return shutil.copytree(kept / repo_id, tmp_path / "cache", ignore=shutil.ignore_patterns("*.md"))

    monkeypatch.setattr(hub, "HfApi", Api)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    projector = HubProjector.from_pretrained(whole / "model")
    assert "someone/mine" in projector.push_to_hub("mine", private=True)
    assert {file.name for file in (kept / "someone/mine").iterdir()} == {"README.md", hub.CONFIG, hub.WEIGHTS}
    again = HubProjector.from_pretrained("someone/mine", revision="1")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), projector.parameters(), strict=True))
    assert again.card == projector.card


def test_the_command(files: PairFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "run.toml"
    config.write_text("[paired]\nhidden = [16, 16]\nbatch = 64\nepochs = 1\nrate = 1\nthreshold = 0\n")
    command = ["paired", "--features", str(files.features), "--encoder", "clap", "--config", str(config)]
    command += ["--out", str(tmp_path / "run")]
    assert main(command) == 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert (manifest["config"]["rate"], manifest["config"]["dropout"], manifest["seed"]) == (1.0, 0.0, 0)
    assert manifest["pairs"] == {"train": TRAIN, "validation": VALIDATION, "left_out": 0}
    assert manifest["versions"]["torch"] == torch.__version__
    assert manifest["encoder_spec"] == "abc"
    assert manifest["complete"]
    for wrong in ('rate = "1e-4"', "one_way = 1", "epochs = true", "epochs = 0", "batsh = 3", "[more]", "rate ="):
        config.write_text(f"[paired]\n{wrong}\n")
        assert main(command) == 1
        assert capsys.readouterr().err.strip().splitlines()[-1].startswith(f"error: {config}: ")
