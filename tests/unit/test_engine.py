"""A whole analysis on toy checkpoints: what comes, in which order, for several visitors at once."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from events import SHORT, SILENT, STAGES, calls_of, of

from soundclip_demo import atlas
from soundclip_demo.audio import Sound, resample
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.engine import Engine
from soundclip_demo.events import CaptionPart, Event, Heard, Matches, Placed, Setting, Timing
from soundclip_demo.landscape import Landscape
from soundclip_demo.projection import raw
from soundclip_demo.search import FlatIndex

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
    tokens = engine.gallery.tokens.astype(np.float32)
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
    """A gallery with a clip whose token is the sound's own: a match, and placed by its nearest clips."""
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
    nearest = FlatIndex(tokens.astype(np.float32)).search(token.numpy(), atlas.NEIGHBOURS)
    assert (placed.x, placed.y) == pytest.approx(Landscape(known.gallery.coordinates).place(nearest), abs=0.01)

    events = list(engine.run_file(clip_sound, SILENT))
    assert not of(Matches, events).above_chance
    assert of(Placed, events).off_map


# Caches


def test_switching_what_comes_after_the_encoder_encodes_nothing(
    workspace: toy.Workspace, clip_sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Engine(workspace.config())
    settings = [SILENT, replace(SILENT, mode="raw"), replace(SILENT, mode="blend", t=0.3), replace(SILENT, top=2)]
    with calls_of(fresh.parts.encoder("whisperclip"), "hear", monkeypatch) as calls:
        tokens = [fresh.embed_file(clip_sound, setting)[1] for setting in settings]
        for setting in settings:
            list(fresh.run_file(clip_sound, setting))
        assert len(calls) == 1
        list(fresh.run_file(clip_sound, SILENT, 0.0))
        assert len(calls) == 2  # another window is another embedding
    assert not torch.equal(tokens[0], tokens[1])
    with calls_of(fresh.parts.encoder("clap"), "hear", monkeypatch) as calls:
        list(fresh.run_file(clip_sound, replace(SILENT, encoder="clap")))
        assert len(calls) == 1


def test_switching_to_an_encoder_of_the_same_network_runs_it_no_more(
    workspace: toy.Workspace, clip_sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, orders = Engine(workspace.config()), (("whisper", "whisperclip"), ("whisperclip", "whisper"))
    with calls_of(fresh.parts.encoder("whisper").trunk, "statistics", monkeypatch) as calls:
        for count, (start, order) in enumerate(zip((0.0, 1.5), orders, strict=True), 1):
            sound = fresh.load_sound(clip_sound)
            for name in order:
                list(fresh.run(sound, replace(SILENT, encoder=name), start))
            assert len(calls) == count


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
    a, b, c, d = (Sound(toy.noise(3.0, seed=seed), toy.RATE) for seed in range(4))
    with calls_of(small.parts.encoder("whisper"), "hear", monkeypatch) as calls:
        for sound in (a, b, a, c, a, d, a):
            list(small.run(sound, replace(SILENT, encoder="whisper")))
        assert len(calls) == 4
        list(small.run(b, replace(SILENT, encoder="whisper")))
        assert len(calls) == 5


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


# Several visitors


def test_visitors_at_the_same_time_do_not_mix(engine: Engine, workspace: toy.Workspace) -> None:
    sounds = [Sound(toy.noise(3.0, seed=9) if i % 2 else toy.tone(300 * (i + 1), 3.0), toy.RATE) for i in range(4)]
    settings = [
        replace(SHORT, encoder=name, mode=mode) for name in ("whisper", "whisperclip") for mode in ("raw", "projected")
    ]

    def run(on: Engine, i: int) -> list[Event]:
        events = on.run(sounds[i], settings[i])
        return [event for event in events if not isinstance(event, Timing)]

    alone = [run(engine, i) for i in range(4)]
    assert len({of(Matches, events).hits for events in alone}) == 4
    together = Engine(workspace.config())
    with ThreadPoolExecutor(4) as pool:
        for i, events in enumerate(pool.map(lambda i: run(together, i), range(4))):
            assert events == alone[i]
