"""What an analysis does when a part is missing or a setting cannot be used."""

import gc
import shutil
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
from events import SHORT, SILENT, STAGES, of

from soundclip_demo import encoders, search_large, weights
from soundclip_demo import parts as parts_module
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Heard, Matches, Missing, Timing
from soundclip_demo.results import analyze


def link_cache(workspace: toy.Workspace, folder: Path, *names: str) -> Path:
    """A cache that holds only these parts."""
    (folder / "weights").mkdir(parents=True)
    for name in names:
        there = weights.folder(name, workspace.cache)
        (folder / "weights" / there.name).symlink_to(there)
    return folder


# What is missing


@pytest.mark.usefixtures("offline")
def test_without_the_language_model_matches_still_come(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    cache = link_cache(workspace, tmp_path / "cache", "vision", "whisper")
    result = analyze(Engine(replace(workspace.config(), cache=cache)), clip_sound, SHORT)
    assert len(result["matches"]) == 5
    assert result["map"]
    assert result["caption"] is None
    (said,) = result["missing"]
    assert "caption model" in said
    assert "SmolLM2" in said
    assert list(result["ms"]) == STAGES[:5]


@pytest.mark.usefixtures("offline")
def test_without_the_encoder_nothing_but_a_sentence_comes(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    lost = Engine(replace(workspace.config(), cache=link_cache(workspace, tmp_path / "cache", "vision", "language")))
    kinds = [type(event) for event in lost.run_file(clip_sound, SHORT)]
    assert kinds == [Heard, Missing, Timing]
    assert any("Whisper" in sentence for sentence in lost.status())


def test_a_damaged_search_index_costs_a_sentence(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace.gallery, tmp_path / "gallery")
    search_large.build(tmp_path / "gallery")
    whole = replace(workspace.config(), gallery=tmp_path / "gallery")
    exact = of(Matches, list(Engine(workspace.config()).run_file(clip_sound, SILENT)))
    assert of(Matches, list(Engine(whole).run_file(clip_sound, SILENT))).hits[0].clip == exact.hits[0].clip
    (tmp_path / "gallery" / "moments.npy").write_bytes(b"rubbish")
    lost = Engine(whole)
    heard, missing, _ = lost.run_file(clip_sound, SILENT)
    assert missing.part == "search"
    assert "search index" in missing.message
    assert missing.message in lost.status()


def test_a_projector_of_another_encoder_is_not_used(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
    checkpoints = Path(shutil.copytree(workspace.checkpoints, tmp_path / "checkpoints"))
    shutil.copy(checkpoints / "whisper-projector.safetensors", checkpoints / "whisperclip-projector.safetensors")
    mixed = Engine(replace(workspace.config(), checkpoints=checkpoints))
    missing = of(Missing, list(mixed.run_file(clip_sound, SILENT)))
    assert "projector of WhisperCLIP" in missing.message
    assert str(tmp_path) not in missing.message
    assert of(Matches, list(mixed.run_file(clip_sound, replace(SILENT, encoder="whisper")))).hits


def test_a_failure_is_remembered_for_a_while_and_then_tried_again(
    workspace: toy.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = tmp_path / "checkpoints"
    lost = Engine(replace(workspace.config(), checkpoints=checkpoints))
    with pytest.raises(parts_module.NotReady, match="CLIP tower is not available"):
        lost.parts.tower()
    checkpoints.symlink_to(workspace.checkpoints)
    with pytest.raises(parts_module.NotReady):
        lost.parts.tower()
    monkeypatch.setattr(parts_module, "RETRY_SECONDS", 0.0)
    assert lost.parts.tower() is lost.parts.tower()
    assert lost.status() == []


def test_warming_loads_everything(workspace: toy.Workspace) -> None:
    cold = Engine(workspace.config())
    assert cold.status() == []
    cold.warm()
    assert cold.status() != []
    deadline = time.monotonic() + 60
    while cold.status() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert cold.status() == []
    began = time.monotonic()
    cold.parts.captioner()
    cold.parts.projector("whisperclip")
    assert time.monotonic() - began < 0.5


def test_parts_are_loaded_once_however_many_ask(workspace: toy.Workspace) -> None:
    cold = Engine(workspace.config())
    with ThreadPoolExecutor(4) as pool:
        trunks = list(pool.map(lambda _: cold.parts.encoder("whisper"), range(4)))
    assert len({id(trunk) for trunk in trunks}) == 1


# What cannot be used

BAD = {
    "an encoder that does not exist": {"encoder": "nope"},
    "no encoder": {"encoder": ""},
    "a mode that does not exist": {"mode": "both"},
    "t below 0": {"mode": "blend", "t": -0.01},
    "t above 1": {"mode": "blend", "t": 1.01},
    "t that is no number": {"mode": "blend", "t": float("nan")},
    "k below 0": {"k": -1},
    "k above the number of patches": {"k": 50},
    "no matches": {"top": 0},
    "too many matches": {"top": 51},
    "a temperature that is no number": {"temperature": float("nan")},
    "a picture that is missing": {"k": 1, "picture": "missing.png"},
    "a picture that is none": {"k": 1, "picture": __file__},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_settings_are_refused_with_a_sentence(engine: Engine, clip_sound: Path, bad: dict[str, object]) -> None:
    with pytest.raises(UserError):
        list(engine.run_file(clip_sound, replace(SHORT, **bad)))


def test_an_encoder_that_was_not_trained_is_refused(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    bare = Engine(replace(workspace.config(), checkpoints=tmp_path))
    with pytest.raises(UserError, match="clap"):
        list(bare.run_file(clip_sound, replace(SILENT, encoder="clap")))


def test_raw_mode_needs_no_projector(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
    bare = Engine(replace(workspace.config(), checkpoints=tmp_path))
    setting = replace(SILENT, encoder="whisper", mode="raw")
    assert of(Matches, list(bare.run_file(clip_sound, setting))).hits
    missing = of(Missing, list(bare.run_file(clip_sound, replace(setting, mode="projected"))))
    assert "projector of Whisper is not available" in missing.message


# Memory


def test_the_encoder_used_longest_ago_goes_first(workspace: toy.Workspace) -> None:
    few = Engine(replace(workspace.config(), encoders_kept=2))
    clap, imagebind = few.parts.encoder("clap"), few.parts.encoder("imagebind")
    assert few.parts.encoder("clap") is clap  # and is now the one used last
    few.parts.encoder("wav2clip")
    assert few.parts.encoder("clap") is clap
    assert few.parts.encoder("imagebind") is not imagebind


def test_an_encoder_let_go_is_freed(workspace: toy.Workspace) -> None:
    few = Engine(replace(workspace.config(), encoders_kept=1))
    gone = weakref.ref(few.parts.encoder("clap"))
    few.parts.encoder("wav2clip")
    gc.collect()
    assert gone() is None


def test_going_back_to_an_encoder_encodes_nothing(workspace: toy.Workspace, clip_sound: Path) -> None:
    few = Engine(replace(workspace.config(), encoders_kept=1))
    first = few.embed_file(clip_sound, replace(SILENT, encoder="clap"))[0]
    few.embed_file(clip_sound, replace(SILENT, encoder="wav2clip"))
    few.parts.encoder = None  # would fail if it were called
    assert few.embed_file(clip_sound, replace(SILENT, encoder="clap"))[0] is first
    assert of(Matches, list(few.run_file(clip_sound, replace(SILENT, encoder="clap", mode="raw")))).hits


def test_encoders_are_loaded_one_at_a_time(workspace: toy.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    loading, most = [], []

    def slow(name: str, *_: object) -> object:
        loading.append(name)
        most.append(len(loading))
        time.sleep(0.05)
        loading.remove(name)
        return object()

    monkeypatch.setattr(encoders, "load", slow)
    cold = Engine(workspace.config())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cold.parts.encoder, ("clap", "wav2clip", "imagebind", "audioclip")))
    assert most == [1, 1, 1, 1]


def test_whisper_and_whisperclip_share_one_trunk(engine: Engine) -> None:
    assert engine.parts.encoder("whisper").trunk is engine.parts.encoder("whisperclip").trunk


def test_the_ends_of_the_ranges_are_allowed(engine: Engine, clip_sound: Path) -> None:
    for good in ({"mode": "blend", "t": 0.0}, {"mode": "blend", "t": 1.0}, {"top": 1}, {"top": 50}):
        assert of(Matches, list(engine.run_file(clip_sound, replace(SILENT, **good)))).hits
    assert list(engine.run_file(clip_sound, replace(SHORT, k=49, max_new_tokens=2)))[-2].done


def test_a_start_that_is_no_number(engine: Engine, clip_sound: Path) -> None:
    with pytest.raises(UserError):
        list(engine.run_file(clip_sound, SILENT, float("nan")))


def test_silence_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="silent"):
        list(engine.run_file(toy.write_sound(tmp_path / "a.wav", np.zeros(50_000, np.float32)), SILENT))


def test_a_sound_that_is_gone(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no longer here"):
        list(engine.run_file(tmp_path / "gone.wav", SILENT))
