"""The whole recipe on a made-up corpus: what it writes is what the demo runs on."""

import json
import shutil
from dataclasses import replace
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
from training import captioned, corpus, evaluate, features, held_out, llava, projector, report, steps
from training.__main__ import main
from training.families import FAMILIES

PITCH = {"dog": 300, "cat": 1500, "cow": 5000}
RECORDINGS = 12
PICTURES = 4


def make_corpus(folder: Path) -> Path:
    """Three categories told apart by pitch; one recording in two files, and one that is silent."""
    sounds, pictures = ["file,category,recording,source"], ["file,category,kind"]
    for name, hertz in PITCH.items():
        for i in range(RECORDINGS):
            for part in range(1 + (i == 0)):
                file = f"sounds/{name}-{i}-{part}.wav"
                toy.write_sound(folder / file, toy.tone(hertz + 10 * i, 1.0) + toy.noise(1.0, level=0.02, seed=i))
                sounds.append(f"{file},{name},{name}/{i},toy")
        for i in range(PICTURES):
            (folder / "pictures").mkdir(exist_ok=True)
            toy.picture(100 + i + 10 * hertz).save(folder / f"pictures/{name}-{i}.png")
            pictures.append(f"pictures/{name}-{i}.png,{name},photo")
    toy.write_sound(folder / "sounds" / "silent.wav", np.zeros(toy.RATE, np.float32))
    sounds.append("sounds/silent.wav,dog,dog/silent,toy")
    (folder / "sounds.csv").write_text("\n".join(sounds) + "\n")
    (folder / "pictures.csv").write_text("\n".join(pictures) + "\n")
    return folder


@pytest.fixture(scope="module")
def folders(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> steps.Folders:
    """Every step run once with toy weights and a few steps each."""
    root = tmp_path_factory.mktemp("recipe")
    made = steps.Folders(make_corpus(root / "corpus"), root / "work", root / "assets")
    # Neither tokens nor map: the recipe makes them.
    shutil.copytree(workspace.gallery, made.assets / "gallery", ignore=shutil.ignore_patterns("*.npy", "gallery.json"))
    short_projector = projector.Config(epochs=6, batch=8)
    short_llava = llava.Config(
        batch=2, picture_match=3, picture_steps=3, sound_match=3, sound_steps=3, rank=2, projector_rank=2
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
        for name, family in FAMILIES.items():
            patch.setitem(FAMILIES, name, replace(family, epochs=2))
        patch.setattr(projector, "Config", lambda: short_projector)
        patch.setattr(llava, "Config", lambda: short_llava)
        patch.setattr(captioned, "TOKENS", 6)
        patch.setattr(held_out, "BERT_LAYER", 1)
        options = ["--corpus", str(made.corpus), "--work", str(made.work), "--assets", str(made.assets)]
        assert main(["recipe", "compact", *options]) == 0
    return made


def test_features_belong_to_the_sounds_they_stand_beside(folders: steps.Folders) -> None:
    made = folders.features()
    statistics = made.heard("whisper")
    assert len(made.sounds) == len(statistics) == 3 * (RECORDINGS + 1)  # without the silent one
    assert statistics.shape[1:] == (features.VIEWS, toy.LAYERS, 2, toy.WIDTH)
    assert made.patches.shape == (3 * PICTURES, 49, 1280)
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
    cosines = (
        engine.gallery.tokens @ token.numpy() / np.linalg.norm(engine.gallery.tokens, axis=1) / float(token.norm())
    )
    assert cosines.argmax() == 5
    assert cosines[5] > 0.999
    assert engine.gallery.coordinates.shape == (toy.CLIPS, 2)
    assert np.isfinite(engine.gallery.coordinates).all()


def test_results_are_of_held_out_recordings(folders: steps.Folders) -> None:
    results = json.loads((folders.assets / "results" / "compact.json").read_text())
    tested = {s.recording for s in corpus.sounds(folders.corpus) if s.split == "test"} - {"dog/silent"}
    assert results["gallery_clips"] == toy.CLIPS
    assert results["groups"]["all"]["recordings"] == len(tested)
    assert results["groups"]["all"]["categories"] == len(PITCH)
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
    table = report.summary(results)
    assert table.count("| whisperclip |") == 3 * len(results["groups"])


def test_checkpoints_say_what_they_are(folders: steps.Folders) -> None:
    data = corpus.fingerprint(folders.corpus)
    card = json.loads((folders.checkpoints / "llava" / "card.json").read_text())
    assert card["data"] == data
    assert card["training"]["sound_steps"] == 3
    said = (folders.checkpoints / "README.md").read_text()
    assert said.count(data) == 2 * len(FAMILIES) + len(ENCODERS) + 2  # with joint spaces, fusion and LLaVA
    assert list(json.loads((folders.assets / "results" / "recipe.json").read_text())["minutes"]) == [
        name for name, _ in steps.RECIPE
    ]


def test_features_are_not_computed_twice_nor_used_for_another_corpus(
    folders: steps.Folders, workspace: toy.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
    before = {file: file.stat().st_mtime_ns for file in folders.work.iterdir()}
    steps.make_features(folders)
    assert {file: file.stat().st_mtime_ns for file in folders.work.iterdir()} == before
    other = make_corpus(tmp_path / "other")
    (other / "sounds.csv").write_text((other / "sounds.csv").read_text().replace("cow/3", "cow/33"))
    with pytest.raises(ValueError, match="training features"):
        replace(folders, corpus=other).features()


def test_embeddings_of_another_checkpoint_are_not_used(folders: steps.Folders, tmp_path: Path) -> None:
    made = replace(folders, work=Path(shutil.copytree(folders.work, tmp_path / "work")))
    assert steps.load_models(made).keys() == ENCODERS.keys()
    made.features().spec_file("clap").write_text("of an older training")
    for step in (steps.load_models, steps.train_projectors):
        with pytest.raises(ValueError, match="embeddings of clap are not its own: run `python -m training encoder`"):
            step(made)
    made.features().spec_file("clap").unlink()
    with pytest.raises(ValueError, match="not its own"):
        steps.load_models(made)


def test_the_count_by_split(folders: steps.Folders, capsys: pytest.CaptureFixture[str]) -> None:
    steps.show_corpus(folders)
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines.keys() == {"train", "validation", "test"}
    assert sum(int(words[0]) for words in lines.values()) == 3 * (RECORDINGS + 1) + 1
    assert sum(int(words[2]) for words in lines.values()) == 3 * RECORDINGS + 1
