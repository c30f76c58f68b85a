"""What is said to be looked at is what the captioner is given; pictures are looked at once."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
import toy_llava
from events import SHORT, SILENT, calls_of, of

from soundclip_demo import llava_next, vision
from soundclip_demo.captioner import relevance, relevant_patches
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Matches
from soundclip_demo.suites import SUITES

CPU = torch.device("cpu")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    toy.picture(77, (200, 120)).save(tmp_path / "own.png")
    return tmp_path / "own.png"


@pytest.mark.parametrize("mode", ["raw", "projected"])
@pytest.mark.parametrize("source", ["best match", "own picture"])
def test_the_first_k_are_what_the_captioner_is_given(
    engine: Engine, clip_sound: Path, own: Path, monkeypatch: pytest.MonkeyPatch, mode: str, source: str
) -> None:
    setting = replace(SHORT, mode=mode, k=6, max_new_tokens=1, picture=str(own) if source == "own picture" else None)
    seen = engine.look(engine.load_sound(clip_sound), setting)
    with calls_of(engine.parts.captioner(), "stream", monkeypatch) as calls:
        list(engine.run_file(clip_sound, setting))
    best = of(Matches, list(engine.run_file(clip_sound, SILENT))).hits[0].clip  # of the projected token
    assert seen.clip == {"best match": best, "own picture": None}[source]
    _, patches = engine.look_at(own if source == "own picture" else engine.gallery.clip(seen.clip).poster)
    given = calls[0][0][1:]
    assert torch.equal(given, patches[sorted(seen.order[:6])])
    token = calls[0][0][0]
    expected = torch.nn.functional.cosine_similarity(patches, token[None])
    np.testing.assert_allclose(seen.cosines, expected, atol=1e-6)


def test_the_order_is_by_cosine_and_ties_go_to_the_first(engine: Engine, clip_sound: Path) -> None:
    seen = engine.look(engine.load_sound(clip_sound), SILENT)
    assert sorted(seen.order) == list(range(49))
    assert list(seen.order) == sorted(range(49), key=lambda i: (-seen.cosines[i], i))
    _, order = relevance(torch.ones(3), torch.ones(49, 3))
    assert order.tolist() == list(range(49))


def test_every_k_is_a_beginning_of_the_order() -> None:
    token, patches = torch.randn(8), torch.randn(49, 8)
    _, order = relevance(token, patches)
    for k in (0, 1, 15, 49):
        assert relevant_patches(token, patches, k).tolist() == sorted(order[:k].tolist())


def test_two_tokens_look_at_one_picture_and_see_other_parts(engine: Engine, clip_sound: Path) -> None:
    raw, projected = (
        engine.look(engine.load_sound(clip_sound), replace(SILENT, mode=mode))
        for mode in ("raw", "projected")
    )
    assert raw.clip == projected.clip
    assert raw.view.tobytes() == projected.view.tobytes()
    assert raw.order != projected.order


def test_the_view_is_what_the_tower_sees(engine: Engine, clip_sound: Path, own: Path) -> None:
    seen = engine.look(engine.load_sound(clip_sound), replace(SILENT, picture=str(own)))
    assert seen.grid == (7, 7)
    assert seen.view.size == (224, 224)
    ours = torch.from_numpy((np.asarray(seen.view, np.float32) - 127) / 128).permute(2, 0, 1)
    assert torch.equal(ours, vision.pixels(toy.picture(77, (200, 120))))


def test_the_paper_suites_view_is_what_its_tower_sees(tmp_path: Path, one_thread: None) -> None:
    folder = toy_llava.checkpoint(tmp_path / "checkpoint")
    tower = toy_llava.tower(llava_next.load(folder, CPU, four_bit=False), folder)
    picture = toy.picture(5, (640, 400))
    view = tower.view(picture)
    assert view.size == (336, 336)
    assert SUITES["paper"].grid == (24, 24)
    wanted = tower.processor([picture], return_tensors="pt").pixel_values
    again = tower.processor([view], return_tensors="pt", do_resize=False).pixel_values
    torch.testing.assert_close(again, wanted, atol=0.03, rtol=0)  # half a grey level
    for patches in (tower.look([picture])[1][0], tower.look([view])[1][0]):
        assert len(patches) == SUITES["paper"].patches


def test_a_picture_is_looked_at_once_and_again_when_it_changed(
    workspace: toy.Workspace, clip_sound: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Engine(workspace.config(picture_cache=2))
    sound = fresh.load_sound(clip_sound)
    with calls_of(fresh.parts.tower(), "look", monkeypatch) as calls:
        first = fresh.look(sound, replace(SILENT, picture=str(own)))
        for mode in ("raw", "projected"):
            fresh.look(sound, replace(SILENT, picture=str(own), mode=mode))
            list(fresh.run_file(clip_sound, replace(SHORT, picture=str(own), mode=mode, k=3, max_new_tokens=1)))
        assert len(calls) == 1
        toy.picture(78, (200, 120)).save(own)
        os.utime(own, (1, 1))
        assert fresh.look(sound, replace(SILENT, picture=str(own))).cosines != first.cosines
        assert len(calls) == 2
        for clip in ("c0", "c1", "c0"):  # the cache holds two
            fresh.look_at(fresh.gallery.clip(clip).poster)
        assert len(calls) == 4


@pytest.mark.parametrize("bad", [{"picture": "missing.png"}, {"k": 50}], ids=str)
def test_what_cannot_be_looked_at(engine: Engine, clip_sound: Path, bad: dict[str, object]) -> None:
    with pytest.raises(UserError):
        engine.look(engine.load_sound(clip_sound), replace(SILENT, **bad))



def test_without_a_projector_each_token_looks_at_its_own_best_match(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    for file in workspace.checkpoints.iterdir():
        if not file.name.endswith("-projector.safetensors"):
            (tmp_path / file.name).symlink_to(file)
    bare = Engine(workspace.config(checkpoints=tmp_path))
    setting = replace(SILENT, encoder="whisper", mode="raw")
    best = of(Matches, list(bare.run_file(clip_sound, setting))).hits[0].clip
    assert bare.look(bare.load_sound(clip_sound), setting).clip == best
