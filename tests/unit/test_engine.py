"""A whole analysis on toy checkpoints: what comes, in which order, and what happens when something is missing."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy

from soundclip_demo import parts as parts_module
from soundclip_demo import weights
from soundclip_demo.audio import Sound, resample
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import CaptionPart, Event, Heard, Matches, Missing, Placed, Setting, Timing
from soundclip_demo.projection import raw
from soundclip_demo.results import analyze, encoder_table

SHORT = Setting(max_new_tokens=8)
SILENT = replace(SHORT, caption=False)
STAGES = ["decode", "encode", "project", "search", "place", "caption_first_token", "caption"]


def of(kind: type, events: list[Event]) -> Event:
    """The only event of its kind."""
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def link_cache(workspace: toy.Workspace, folder: Path, *names: str) -> Path:
    """A cache that holds only these parts."""
    (folder / "weights").mkdir(parents=True)
    for name in names:
        there = weights.folder(name, workspace.cache)
        (folder / "weights" / there.name).symlink_to(there)
    return folder


@contextmanager
def calls_of(owner: object, method: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple]]:
    """Arguments of every call of a method, which goes on to do its work."""
    calls: list[tuple] = []
    original: Callable = getattr(owner, method)

    def noted(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, noted)
        yield calls


# Events


def test_events_come_in_order(engine: Engine, clip_sound: Path) -> None:
    events = list(engine.run_file(clip_sound, SHORT))
    kinds = [type(event) for event in events]
    assert kinds[:3] == [Heard, Matches, Placed]
    assert kinds[-1] is Timing
    assert set(kinds[3:-1]) == {CaptionPart}
    captions = events[3:-1]
    assert [part.done for part in captions] == [False] * (len(captions) - 1) + [True]
    assert captions[-1].text == captions[-2].text
    assert len(captions) > 2


def test_every_stage_has_its_time(engine: Engine, clip_sound: Path) -> None:
    timing = of(Timing, list(engine.run_file(clip_sound, SHORT)))
    assert list(timing.ms) == STAGES
    assert all(ms >= 0 for ms in timing.ms.values())
    assert timing.ms["caption"] >= timing.ms["caption_first_token"] > 0
    assert list(of(Timing, list(engine.run_file(clip_sound, SILENT))).ms) == STAGES[:5]


def test_what_was_heard(engine: Engine, clip_sound: Path, tmp_path: Path) -> None:
    def heard(path: Path, start: float | None = None) -> Heard:
        return of(Heard, list(engine.run_file(path, SILENT, start)))

    loudest = heard(clip_sound)
    assert (loudest.seconds, loudest.chosen, loudest.truncated) == (5.0, "loudest", False)
    assert loudest.window == pytest.approx((1.5, 4.5), abs=0.02)
    assert heard(clip_sound, 0.25) == Heard(5.0, (0.25, 3.25), "visitor")
    assert heard(clip_sound, 99.0).window == (2.0, 5.0)
    assert heard(clip_sound, -1.0).window == (0.0, 3.0)
    short = toy.write_sound(tmp_path / "short.wav", toy.noise(1.25))
    assert heard(short, 0.5) == Heard(1.25, (0.0, 1.25), "whole")


def test_matches_are_the_nearest_clips(engine: Engine, clip_sound: Path) -> None:
    matches = of(Matches, list(engine.run_file(clip_sound, replace(SILENT, top=7))))
    _, token = engine.embed_file(clip_sound, SILENT)
    tokens = engine.gallery.tokens
    cosines = tokens @ token.numpy() / np.linalg.norm(tokens, axis=1) / float(token.norm())
    order = np.argsort(-cosines)[:7]
    assert [hit.rank for hit in matches.hits] == list(range(1, 8))
    assert [hit.clip for hit in matches.hits] == [f"c{i}" for i in order]
    assert [hit.category for hit in matches.hits] == [toy.CLASSES[i % 3] for i in order]
    np.testing.assert_allclose([hit.score for hit in matches.hits], cosines[order], atol=1e-5)
    standard = (cosines - cosines.mean()) / cosines.std()
    np.testing.assert_allclose([hit.deviations for hit in matches.hits], standard[order], atol=1e-3)
    assert matches.gallery_size == toy.CLIPS


def test_the_token_is_encoder_then_projection(engine: Engine, clip_sound: Path) -> None:
    sound = engine.load_sound(clip_sound)
    window = resample(sound.window(sound.loudest()), sound.rate, 16_000)
    for name in ("whisper", "whisperclip"):
        embedding, token = engine.embed_file(clip_sound, Setting(encoder=name))
        assert torch.equal(embedding, engine.parts.encoder(name).encode(torch.from_numpy(window)[None])[0])
        with torch.inference_mode():
            assert torch.equal(token, engine.parts.projector(name)(embedding[None])[0])
        _, unlearned = engine.embed_file(clip_sound, Setting(encoder=name, mode="raw"))
        assert torch.equal(unlearned, raw(embedding[None], 1280)[0])
        _, half = engine.embed_file(clip_sound, Setting(encoder=name, mode="blend", t=0.25))
        torch.testing.assert_close(half, 0.75 * unlearned + 0.25 * token)


def test_other_rates_are_resampled(engine: Engine, tmp_path: Path) -> None:
    """The same tone at two rates gives nearly the same embedding; read at the wrong rate it would not."""
    def embedding(hertz: float, rate: int) -> torch.Tensor:
        file = toy.write_sound(tmp_path / f"{hertz}-{rate}.wav", toy.tone(hertz, 3.0, rate), rate, subtype="FLOAT")
        return engine.embed_file(file, Setting(encoder="whisper"))[0]

    same = (embedding(1000, 16_000) - embedding(1000, 44_100)).norm()
    other = (embedding(1000, 16_000) - embedding(1000 * 16_000 / 44_100, 16_000)).norm()
    assert same < 0.2 * other


def test_on_and_off_the_map(workspace: toy.Workspace, engine: Engine, clip_sound: Path, tmp_path: Path) -> None:
    """A gallery with a clip whose token is the sound's own: the sound lands on it; the toy gallery has none."""
    _, token = engine.embed_file(clip_sound, SILENT)
    folder = Path(shutil.copytree(workspace.gallery, tmp_path / "gallery"))
    tokens = np.load(folder / "tokens.npy")
    tokens[4] = token.numpy()
    np.save(folder / "tokens.npy", tokens)
    known = Engine(replace(workspace.config(), gallery=folder))
    events = list(known.run_file(clip_sound, SILENT))
    matches, placed = of(Matches, events), of(Placed, events)
    assert matches.hits[0].clip == "c4"
    assert matches.hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert matches.above_chance
    assert not placed.off_map
    assert (placed.x, placed.y) == pytest.approx(tuple(known.gallery.coordinates[4]), abs=0.01)

    events = list(engine.run_file(clip_sound, SILENT))
    assert not of(Matches, events).above_chance
    assert of(Placed, events).off_map


# Caches


def test_switching_what_comes_after_the_encoder_encodes_nothing(
    workspace: toy.Workspace, clip_sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Engine(workspace.config())
    settings = [SILENT, replace(SILENT, mode="raw"), replace(SILENT, mode="blend", t=0.3), replace(SILENT, top=2)]
    with calls_of(fresh.parts.encoder("whisperclip"), "encode", monkeypatch) as calls:
        tokens = [fresh.embed_file(clip_sound, setting)[1] for setting in settings]
        for setting in settings:
            list(fresh.run_file(clip_sound, setting))
        assert len(calls) == 1
        list(fresh.run_file(clip_sound, SILENT, 0.0))
        assert len(calls) == 2  # another window is another embedding
    assert not torch.equal(tokens[0], tokens[1])
    with calls_of(fresh.parts.encoder("whisper"), "encode", monkeypatch) as calls:
        list(fresh.run_file(clip_sound, replace(SILENT, encoder="whisper")))
        assert len(calls) == 1


def test_a_sound_is_decoded_once_and_again_when_it_changed(engine: Engine, tmp_path: Path) -> None:
    path = toy.write_sound(tmp_path / "a.wav", toy.noise(1.0))
    first = engine.load_sound(path)
    assert engine.load_sound(path) is first
    toy.write_sound(path, toy.noise(2.0))
    import os

    os.utime(path, (1, 1))
    assert engine.load_sound(path).seconds == 2.0


def test_the_cache_forgets_what_was_used_longest_ago(workspace: toy.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Engine(workspace.config(embedding_cache=2))
    a, b, c = (Sound(toy.noise(3.0, seed=seed), toy.RATE) for seed in range(3))
    with calls_of(small.parts.encoder("whisper"), "encode", monkeypatch) as calls:
        for sound in (a, b, a, c, a):
            list(small.run(sound, replace(SILENT, encoder="whisper")))
        assert len(calls) == 3
        list(small.run(b, replace(SILENT, encoder="whisper")))
        assert len(calls) == 4


# Captions


def test_closing_in_the_middle_of_a_caption_ends_the_work(engine: Engine, clip_sound: Path) -> None:
    captioner = engine.parts.captioner()
    calls: list[int] = []
    hook = captioner.llava.register_forward_hook(lambda *_: calls.append(1))
    try:
        events = engine.run_file(clip_sound, replace(SHORT, max_new_tokens=300))
        for event in events:
            if isinstance(event, CaptionPart):
                break
        done = len(calls)
        events.close()
        time.sleep(0.2)
        assert 0 < done < 20
        assert len(calls) == done
    finally:
        hook.remove()


def test_the_captioner_sees_the_token_alone(engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with calls_of(engine.parts.captioner(), "stream", monkeypatch) as calls:
        list(engine.run_file(clip_sound, replace(SHORT, prompt="What is it?", temperature=0.5)))
    visual, prompt, count, temperature = calls[0]
    assert torch.equal(visual, engine.embed_file(clip_sound, SHORT)[1][None])
    assert (prompt, count, temperature) == ("What is it?", 8, 0.5)


@pytest.mark.parametrize("own", [True, False])
def test_patches_are_those_of_the_picture_in_use(
    engine: Engine, clip_sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    toy.picture(77).save(tmp_path / "own.png")
    setting = replace(SHORT, k=5, picture=str(tmp_path / "own.png") if own else None)
    with calls_of(engine.parts.captioner(), "stream", monkeypatch) as calls:
        events = list(engine.run_file(clip_sound, setting))
    best = of(Matches, events).hits[0].clip
    _, token = engine.embed_file(clip_sound, SHORT)
    _, patches = engine.look_at(tmp_path / "own.png" if own else engine.gallery.clip(best).poster)
    visual = calls[0][0]
    assert torch.equal(visual[0], token)
    torch.testing.assert_close(visual[1:], patches[relevant_patches(token, patches, 5)])


def test_a_caption_may_be_empty(engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = engine.parts.captioner()
    monkeypatch.setattr(captioner, "_choose", lambda *_: captioner.tokenizer.eos_token_id)
    events = list(engine.run_file(clip_sound, SHORT))
    assert of(CaptionPart, events) == CaptionPart("", done=True)
    assert "caption" in of(Timing, events).ms


# What is missing


@pytest.mark.usefixtures("offline")
def test_without_the_language_model_matches_still_come(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
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
def test_without_the_encoder_nothing_but_a_sentence_comes(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
    lost = Engine(replace(workspace.config(), cache=link_cache(workspace, tmp_path / "cache", "vision", "language")))
    kinds = [type(event) for event in lost.run_file(clip_sound, SHORT)]
    assert kinds == [Heard, Missing, Timing]
    assert any("Whisper" in sentence for sentence in lost.status())


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
    "an encoder that is not ready": {"encoder": "clap"},
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


# Several visitors


def test_visitors_at_the_same_time_do_not_mix(engine: Engine, workspace: toy.Workspace) -> None:
    sounds = [Sound(toy.noise(3.0, seed=9) if i % 2 else toy.tone(300 * (i + 1), 3.0), toy.RATE) for i in range(4)]
    settings = [replace(SHORT, encoder=name, mode=mode) for name in ("whisper", "whisperclip") for mode in ("raw", "projected")]

    def run(on: Engine, i: int) -> list[Event]:
        events = on.run(sounds[i], settings[i])
        return [event for event in events if not isinstance(event, Timing)]

    alone = [run(engine, i) for i in range(4)]
    assert len({of(Matches, events).hits for events in alone}) == 4
    together = Engine(workspace.config())
    with ThreadPoolExecutor(4) as pool:
        for i, events in enumerate(pool.map(lambda i: run(together, i), range(4))):
            assert events == alone[i]


# As plain data


def test_the_result_is_what_the_contract_says(engine: Engine, clip_sound: Path) -> None:
    result = json.loads(json.dumps(analyze(engine, clip_sound, replace(SHORT, top=3))))
    missing = result.pop("missing")
    assert missing == []
    assert list(result) == ["sound", "suite", "encoder", "mode", "matches", "caption", "map", "ms"]
    assert result["sound"] == {"seconds": 5.0, "window": pytest.approx([1.5, 4.5], abs=0.02)}
    assert (result["suite"], result["encoder"], result["mode"]) == ("compact", "whisperclip", "projected")
    assert [list(row) for row in result["matches"]] == [["rank", "clip", "category", "caption", "score"]] * 3
    assert [row["rank"] for row in result["matches"]] == [1, 2, 3]
    assert list(result["map"]) == ["x", "y", "off_map"]
    assert isinstance(result["map"]["off_map"], bool)
    assert list(result["ms"]) == STAGES
    final = [e for e in engine.run_file(clip_sound, SHORT) if isinstance(e, CaptionPart)][-1]
    assert result["caption"] == final.text


def test_no_caption_is_null(engine: Engine, clip_sound: Path) -> None:
    assert analyze(engine, clip_sound, SILENT)["caption"] is None


def test_the_window_can_be_chosen(engine: Engine, clip_sound: Path) -> None:
    assert analyze(engine, clip_sound, SILENT, start=0.5)["sound"]["window"] == [0.5, 3.5]


def test_the_table_of_encoders_is_plain_data(engine: Engine) -> None:
    table = json.loads(json.dumps(encoder_table(engine.config)))
    assert len(table) == 12
    assert all(list(row) == ["name", "title", "suite", "ready", "reason"] for row in table)
