"""The whole recipe on a made-up corpus: what it writes is what the demo runs on."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy

from soundclip_demo.audio import decode, resample
from soundclip_demo.config import Config
from soundclip_demo.encoders import ENCODERS, checkpoint
from soundclip_demo.engine import Engine
from soundclip_demo.events import PROTOCOLS, Setting
from soundclip_demo.results import analyze
from training import corpus, encoders, evaluate, manifest, projector, report, steps, verbs
from training.__main__ import main
from training.families import FAMILIES

SHORT = """
encoder = {epochs = 2}
projector = {epochs = 6, batch = 8}
evaluate = {tokens = 6, bert_layer = 1}

[llava]
batch = 2
picture_match = 3
picture_steps = 3
sound_match = 3
sound_steps = 3
rank = 2
projector_rank = 2
"""


@pytest.fixture(scope="module")
def folders(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> steps.Folders:
    """Every step run once with toy weights and a few steps each."""
    root = tmp_path_factory.mktemp("recipe")
    made = steps.Folders(toy.corpus_folder(root / "corpus"), root / "work", root / "assets")
    # Neither tokens nor map: the recipe makes them.
    shutil.copytree(workspace.gallery, made.assets / "gallery", ignore=shutil.ignore_patterns("*.npy", "gallery.json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
        assert main(["recipe", "compact", *options(made)]) == 0
    return made


def options(folders: steps.Folders) -> list[str]:
    """Of every verb; a few steps each."""
    config = folders.work.with_name("short.toml")
    config.write_text(SHORT)
    given = {"corpus": folders.corpus, "work": folders.work, "assets": folders.assets, "config": config}
    return [word for name, path in given.items() for word in (f"--{name}", str(path))]


def test_features_belong_to_the_sounds_they_stand_beside(folders: steps.Folders) -> None:
    made = folders.features()
    statistics = made.heard("whisper")
    assert len(made.sounds) == len(statistics) == 3 * (toy.RECORDINGS + 1)  # without the silent one
    assert statistics.shape[1:] == (4, toy.LAYERS, 2, toy.WIDTH)
    assert made.patches.shape == (3 * toy.PICTURES, 49, 1280)
    for name in ENCODERS:
        assert len(made.heard(name)) == len(made.sounds)
        assert np.isfinite(made.heard(name)).all()
    for sound, views in zip(made.sounds, statistics, strict=True):
        alike = [bool((views[0] == view).all()) for view in views[1:]]
        assert all(alike) == (sound.split != "train"), sound.file  # now and then augmentation leaves one as it is


def test_the_first_view_is_what_the_demo_encodes(folders: steps.Folders, workspace: toy.Workspace) -> None:
    made = folders.features()
    engine = Engine(workspace.config())
    for row in (0, 20):
        embedding, _ = engine.embed_file(made.sounds[row].file, Setting(encoder="whisper"))
        np.testing.assert_allclose(made.heard("whisper")[row, 0, -1, 0], embedding, atol=2e-3)


@pytest.mark.parametrize("encoder", FAMILIES)
def test_a_trained_encoder_gives_what_its_projector_was_trained_on(folders: steps.Folders, encoder: str) -> None:
    made = folders.features()
    opened = checkpoint.retrained(FAMILIES[encoder].kind, folders.checkpoints / f"{encoder}.safetensors")
    for row in (0, 20):
        sound = decode(made.sounds[row].file)
        window = resample(sound.window(sound.loudest()), sound.rate, opened.sample_rate)
        embedding = opened.encode(torch.from_numpy(window)[None])[0]
        np.testing.assert_allclose(made.heard(encoder)[row, 0], embedding, atol=0.02 * float(embedding.abs().max()))


def test_picture_tokens_are_standardised(folders: steps.Folders) -> None:
    tokens = np.asarray(folders.features().tokens, np.float32)
    np.testing.assert_allclose(tokens.mean(0), 0, atol=0.01)
    spread = tokens.std(0, ddof=1)
    assert np.median(spread) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(folders.features().patches.mean(1, dtype=np.float32), tokens, atol=0.05, rtol=0.05)


def test_an_engine_runs_on_what_was_trained(folders: steps.Folders, workspace: toy.Workspace, clip_sound: Path) -> None:
    config = Config(cache=workspace.cache, gallery=folders.assets / "gallery", checkpoints=folders.checkpoints)
    engine = Engine(config)
    assert [s.name for s in engine.encoders() if s.ready] == list(ENCODERS)
    for encoder in ENCODERS:
        result = analyze(engine, clip_sound, Setting(encoder=encoder, max_new_tokens=4, k=2))
        assert result["missing"] == []
        assert len(result["matches"]) == 5
        assert result["caption"] is not None


def test_the_gallery_is_embedded_with_the_new_statistics(folders: steps.Folders, workspace: toy.Workspace) -> None:
    config = Config(cache=workspace.cache, gallery=folders.assets / "gallery", checkpoints=folders.checkpoints)
    engine = Engine(config)
    token, _ = engine.look_at(engine.gallery.clips[5].poster)
    tokens = engine.gallery.tokens.astype(np.float32)
    cosines = tokens @ token.numpy() / np.linalg.norm(tokens, axis=1) / float(token.norm())
    assert cosines.argmax() == 5
    assert cosines[5] > 0.999
    assert engine.gallery.coordinates.shape == (toy.CLIPS, 2)
    assert np.isfinite(engine.gallery.coordinates).all()


def test_results_are_of_held_out_recordings(folders: steps.Folders) -> None:
    results = json.loads((folders.assets / "results" / "compact.json").read_text())
    tested = {s.recording for s in corpus.sounds(folders.corpus) if s.split == "test"} - {"dog/silent"}
    assert results["gallery_clips"] == toy.CLIPS
    assert results["groups"]["all"]["recordings"] == len(tested)
    assert results["groups"]["all"]["categories"] == len(toy.PITCH)
    assert results["groups"]["all"]["chance"]["top1"] == pytest.approx(1 / 3, abs=1e-3)
    assert [(row["encoder"], row["mode"]) for row in results["settings"]] == [
        (encoder, mode)
        for encoder in ENCODERS
        for mode in (*(["native"] if encoder in FAMILIES else []), *evaluate.SETTINGS)
    ]
    for row in results["settings"]:
        assert row["all"]["top1"]["n"] == len(tested)
        assert row["all"]["top1"]["mean"] <= row["all"]["top5"]["mean"]
        for protocol in PROTOCOLS:
            measured = row["all"].get(protocol, {})
            if row["mode"] not in evaluate.CAPTIONED:
                assert not measured
                continue
            assert 0 <= measured.pop("corpus_bleu") <= 1
            assert measured.keys() == results["caption_measures"].keys()
            captioned = -(-len(tested) // evaluate.ENDS[protocol])
            assert all(value["n"] == captioned for value in measured.values())
    assert list(results["caption_measures"]) == ["caption", "b3", "b1", "b2", "bleu", "rouge_l", "bertscore"]
    assert [row["share"] for row in results["sweep"]] == list(evaluate.SWEEP) * len(ENCODERS)
    assert len(evaluate.SWEEP) >= 9
    for row in results["sweep"]:
        assert {row["all"][name]["caption"]["n"] for name in PROTOCOLS} == {-(-len(tested) // evaluate.SWEPT)}
    groups = len(results["groups"])
    assert len(results["frontier"]) == len(ENCODERS) * len(PROTOCOLS) * groups
    assert all(row["shares"] for row in results["frontier"])


def test_tables_stand_beside_the_results(folders: steps.Folders) -> None:
    results = json.loads((folders.assets / "results" / "compact.json").read_text())
    said = (folders.assets / "results" / "README.md").read_text()
    assert said == report.page(results)
    for group in results["groups"]:
        table = report.summary_table(results, group)
        assert table.count("| whisperclip |") == 3
        assert f"## {table}" in said


def test_checkpoints_say_what_they_are(folders: steps.Folders) -> None:
    data = corpus.fingerprint(folders.corpus)
    card = json.loads((folders.checkpoints / "llava" / "card.json").read_text())
    assert card["data"] == data
    assert card["training"]["sound_steps"] == 3
    said = (folders.checkpoints / "README.md").read_text()
    assert said.count(data) == 2 * len(FAMILIES) + len(ENCODERS) + 2  # with joint spaces, fusion and LLaVA


def test_a_manifest_says_how_each_verb_was_run(folders: steps.Folders) -> None:
    about = {name: manifest.read(folders.work / f"manifests/{name}.json") for name in verbs.STEPS}
    assert about["encoder"]["config"] == asdict(toy.settings_of(encoders.Config, "encoder", epochs=2))
    assert about["projector"]["config"]["epochs"] == 6
    assert about["gallery"]["config"] == {}
    for name, said in about.items():
        assert said["complete"], name
        assert set(said["versions"]) == {"python", "torch", "transformers", "numpy"}
        assert (said["device"], said["threads"], said["seed"]) == ("cpu", 1, said["config"].get("seed"))
        assert said["seconds"] >= 0
    assert len({said["data"] for said in about.values()}) == len(verbs.STEPS)
    minutes = json.loads((folders.assets / "results" / "recipe.json").read_text())["minutes"]
    assert minutes == {name: round(said["seconds"] / 60, 1) for name, said in about.items()}
    assert not list((folders.work / "unfinished").iterdir())


def contents(*roots: Path) -> dict[Path, tuple[int, bytes]]:
    files = [file for root in roots for file in root.rglob("*") if file.is_file() and file.suffix != ".lock"]
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def test_what_is_complete_is_left_alone(
    folders: steps.Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = folders.assets / "results" / "recipe.json"
    before = contents(folders.assets, folders.work)
    monkeypatch.setattr(verbs, "STEPS", {name: replace(step, run=None) for name, step in verbs.STEPS.items()})
    assert main(["recipe", "compact", *options(folders)]) == 0
    after = contents(folders.assets, folders.work)
    assert after.pop(results)[1] == before.pop(results)[1]
    assert after == before
    assert capsys.readouterr().out.count("is complete for this data and these settings") == len(verbs.STEPS)


@pytest.fixture
def copied(folders: steps.Folders, tmp_path: Path) -> steps.Folders:
    made = replace(folders, work=tmp_path / "work", assets=tmp_path / "assets")
    shutil.copytree(folders.work, made.work)
    shutil.copytree(folders.assets, made.assets)
    return made


def test_only_what_something_changed_for_is_done_again(
    copied: steps.Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def noted(name: str, step: verbs.Step) -> verbs.Step:
        return replace(step, run=lambda *given: ran.append(name))

    monkeypatch.setattr(verbs, "STEPS", {name: noted(name, step) for name, step in verbs.STEPS.items()})

    def again(*more: str) -> list[str]:
        ran.clear()
        assert main(["recipe", "compact", *options(copied), *more]) == 0
        return ran

    assert again() == []
    statistics = copied.checkpoints / "wav2clip-projector.safetensors"
    statistics.write_bytes(statistics.read_bytes() + b" ")
    assert again() == ["projector", "llava", "evaluate", "reference"]  # its own file, and what reads it
    assert again() == []
    (copied.work / "clap-embeddings.spec").unlink()
    assert again() == ["encoder", "projector", "llava", "evaluate", "reference"]
    assert again("--anew") == list(verbs.STEPS)
    options(copied)
    file = copied.work.with_name("short.toml")
    monkeypatch.setitem(globals(), "SHORT", SHORT.replace("tokens = 6", "tokens = 7"))
    assert again() == ["evaluate"]
    assert "tokens = 7" in file.read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("projector = {epoch = 3}", "[projector] has unknown settings: epoch"),
        ("[projektor]", "unknown tables: projektor"),
        ('llava = {rate = "1e-4"}', "rate = '1e-4' should be float"),
        ("encoder = {seed = 0.5}", "seed = 0.5 should be int"),
        ("encoder = {seed = true}", "seed = True should be int"),
        ("encoder =", "Invalid value"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_runs(
    given: str, said: str, folders: steps.Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(given)
    command = ["recipe", "compact", "--corpus", str(folders.corpus), "--config", str(config)]
    assert main([*command, "--work", str(tmp_path / "work"), "--assets", str(tmp_path / "assets")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {config}: ")
    assert said in error
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


def test_features_are_not_used_for_another_corpus(folders: steps.Folders, tmp_path: Path) -> None:
    other = toy.corpus_folder(tmp_path / "other")
    (other / "sounds.csv").write_text((other / "sounds.csv").read_text().replace("cow/3", "cow/33"))
    with pytest.raises(ValueError, match="training features"):
        replace(folders, corpus=other).features()


def test_embeddings_of_another_checkpoint_are_not_used(folders: steps.Folders, tmp_path: Path) -> None:
    made = replace(folders, work=Path(shutil.copytree(folders.work, tmp_path / "work")))
    assert steps.load_models(made).keys() == ENCODERS.keys()
    made.features().spec_file("clap").write_text("of an older training")
    config = toy.settings_of(projector.Config, "projector")
    for step in (steps.load_models, lambda folders: steps.train_projectors(folders, config, tmp_path)):
        with pytest.raises(ValueError, match="embeddings of clap are not its own: run `python -m training encoder`"):
            step(made)
    made.features().spec_file("clap").unlink()
    with pytest.raises(ValueError, match="not its own"):
        steps.load_models(made)


def test_the_count_by_split(folders: steps.Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "--corpus", str(folders.corpus), "--work", str(tmp_path)]) == 0
    about = manifest.read(tmp_path / "manifests" / "corpus.json")
    assert about["data"] == corpus.fingerprint(folders.corpus)
    assert sum(found["sounds"] for found in about["splits"].values()) == 3 * (toy.RECORDINGS + 1) + 1
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines.keys() == {"train", "validation", "test"}
    assert sum(int(words[0]) for words in lines.values()) == 3 * (toy.RECORDINGS + 1) + 1
    assert sum(int(words[2]) for words in lines.values()) == 3 * toy.RECORDINGS + 1
