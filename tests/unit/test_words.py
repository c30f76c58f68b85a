"""Typed words among the clips of a toy gallery."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy

from soundclip_demo import encoders
from soundclip_demo.config import Config
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.words import LENGTH, checked


@pytest.fixture(scope="module")
def config(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return toy.worded(workspace, tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="module")
def knowing(config: Config) -> Engine:
    return Engine(config)


def test_words_meet_pictures_where_they_can(knowing: Engine) -> None:
    assert knowing.knows_words()
    found = knowing.search_words("  a dog \n barks ", top=3)
    assert (found.text, found.encoder, found.meets) == ("a dog barks", "AudioCLIP (compact retrain)", "pictures")
    joint = encoders.load("audioclip", knowing.config).joint()
    clips = joint.tokens(torch.from_numpy(knowing.gallery.tokens.astype(np.float32)))
    cosines = (joint.texts(["a dog barks"]) @ clips.T)[0].numpy()
    best = np.argsort(-cosines)[:3]
    assert [hit.clip for hit in found.matches.hits] == [knowing.gallery.clips[row].id for row in best]
    assert found.matches.hits[0].score == pytest.approx(cosines[best[0]], abs=1e-4)
    low, high = knowing.gallery.coordinates.min(0), knowing.gallery.coordinates.max(0)
    room = 0.1 * (high - low)
    assert (low - room <= (found.placed.x, found.placed.y)).all()
    assert ((found.placed.x, found.placed.y) <= high + room).all()


def test_tokens_are_the_pictures_that_the_tower_saw(knowing: Engine) -> None:
    from PIL import Image

    joint = encoders.load("audioclip", knowing.config).joint()
    posters = [Image.open(clip.poster) for clip in knowing.gallery.clips[:2]]
    tokens = torch.from_numpy(knowing.gallery.tokens[:2].astype(np.float32))
    torch.testing.assert_close(joint.pictures(posters), joint.tokens(tokens), atol=0.02, rtol=0.02)


def test_words_meet_sounds_where_there_are_no_pictures(config: Config, tmp_path: Path) -> None:
    shutil.copytree(config.checkpoints, tmp_path, dirs_exist_ok=True)
    (tmp_path / "audioclip-joint.safetensors").unlink()
    found = Engine(replace(config, checkpoints=tmp_path)).search_words("dog")
    assert (found.encoder, found.meets) == ("CLAP (compact retrain)", "sounds")
    assert len(found.matches.hits) == 5


def test_a_suite_without_words_says_so(engine: Engine) -> None:
    assert not engine.knows_words()
    with pytest.raises(UserError, match="No encoder"):
        engine.search_words("dog")


def test_a_damaged_space_costs_only_the_search(config: Config, tmp_path: Path) -> None:
    shutil.copytree(config.checkpoints, tmp_path, dirs_exist_ok=True)
    (tmp_path / "audioclip-joint.safetensors").write_bytes(b"nothing")
    broken = Engine(replace(config, checkpoints=tmp_path))
    with pytest.raises(UserError, match="search by words is not available"):
        broken.search_words("dog")


@pytest.mark.parametrize("text", ["", "   ", "?!", None, 5, ["dog"], "a" * (LENGTH + 1)])
def test_what_is_no_text_is_refused(text: object) -> None:
    with pytest.raises(UserError):
        checked(text)
