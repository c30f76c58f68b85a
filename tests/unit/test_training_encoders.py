"""Encoders that learn from scratch, each from its family's own partners."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy
from torch import Tensor
from torch.nn import functional as F

from soundclip_demo.encoders import checkpoint
from soundclip_demo.encoders.audioclip import AudioClipConfig
from soundclip_demo.encoders.joint import Sides, Words
from soundclip_demo.encoders.wav2clip import Wav2ClipConfig
from training import encoders
from training.corpus import Category, SoundFile
from training.families import FAMILIES, Family
from training.features import Features

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 4
SIZES = {
    "wav2clip": (Wav2ClipConfig(width=8, layers=(1, 1, 1, 1), dim=16), 1),
    "audioclip": (AudioClipConfig(width=8, cardinality=2, layers=(1, 1, 1, 1), dim=16, n_fft=64, win=64, hop=64), 3),
}


@pytest.fixture(scope="module", autouse=True)
def small() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, (config, _) in SIZES.items():
            patch.setitem(FAMILIES, name, replace(FAMILIES[name], config=config))
        yield


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Features:
    """Spectrograms of four kinds, a bright band each, for both encoders."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("features")
    sounds = [
        SoundFile(Path(f"{split}-{kind}-{i}"), f"k{kind}", f"{split}-{kind}-{i}", "toy", split)
        for split, count in (("train", 12), ("validation", 4), ("test", 4))
        for kind in range(CLASSES)
        for i in range(count)
    ]
    for name, (_, channels) in SIZES.items():
        inputs = random.normal(size=(len(sounds), 2, channels, 32, 24))
        for row, sound in zip(inputs, sounds, strict=True):
            kind = int(sound.category[1:])
            row[:, :, 8 * kind : 8 * kind + 8] += 2
        np.save(folder / f"{name}-inputs.npy", inputs.astype(np.float16))
    return Features(sounds, [], np.empty(0), np.empty(0), folder)


@pytest.fixture(scope="module")
def targets() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {f"k{kind}": 3 * torch.randn(40) + torch.randn(5, 40) for kind in range(CLASSES)}


@pytest.fixture(scope="module")
def facing(targets: dict[str, Tensor]) -> encoders.Partners:
    table = torch.randn(300, 12, generator=torch.Generator().manual_seed(0))
    words = Words(lambda text, **_: SimpleNamespace(input_ids=[ord(c) % 300 for c in text]), table)
    known = {name: Category(name, (), (f"{name}ish",), f"A {name} sounds.") for name in targets}
    return encoders.partners(targets, known, words)


@pytest.fixture(scope="module", params=SIZES)
def trained(request: pytest.FixtureRequest, heard: Features, targets, facing):
    config = toy.settings_of(encoders.Config, "encoder", batch=16, epochs=24, rate=3e-3)
    return request.param, *encoders.train(request.param, heard, targets, facing, config)


def of_split(features: Features, split: str) -> tuple[list[int], Tensor]:
    rows = [i for i, sound in enumerate(features.sounds) if sound.split == split]
    return rows, torch.tensor([int(features.sounds[i].category[1:]) for i in rows])


def test_partners_are_all_pictures_and_all_words(targets: dict[str, Tensor], facing: encoders.Partners) -> None:
    assert [len(group) for group in facing.picture] == [5] * CLASSES
    assert [len(group) for group in facing.text] == [3] * CLASSES  # sentence, name and one more word
    assert all(torch.equal(a, b) for a, b in zip(facing.picture, targets.values(), strict=True))


@torch.inference_mode()
def test_an_encoder_learns(trained, heard: Features, facing: encoders.Partners) -> None:
    name, tower, joint, curve = trained
    rows, wanted = of_split(heard, "test")
    embedding = F.normalize(tower.embed(torch.from_numpy(heard.inputs(name)[rows, 0].astype(np.float32))), dim=1)
    assert curve[-1]["train"] < 0.8 * curve[0]["train"]
    for side in FAMILIES[name].sides:
        centres = torch.stack([joint[side](group).mean(0) for group in getattr(facing, side)])
        found = (embedding @ F.normalize(centres, dim=1).T).argmax(1)
        assert (found == wanted).float().mean() > 0.7, side  # chance is 0.25


def test_a_distilled_encoder_moves_towards_fixed_pictures(heard: Features, targets, facing) -> None:
    config = toy.settings_of(encoders.Config, "encoder", batch=16, epochs=24, rate=3e-3)
    joint = encoders.train("wav2clip", heard, targets, facing, config)[1]
    tokens = torch.cat(facing.picture)
    spread = joint["picture"].linear(joint["picture"].norm(tokens)).var(0)
    assert (spread.diff() <= 1e-3).all()  # principal directions, the widest first
    assert not joint["picture"].linear.weight.requires_grad
    assert FAMILIES["audioclip"].pairs != FAMILIES["wav2clip"].pairs
    learned = encoders.train("audioclip", heard, targets, facing, config)[1]
    assert sorted(learned) == ["picture", "text"]


def test_training_is_repeatable_and_blind_to_the_test_split(heard: Features, targets, facing, tmp_path: Path) -> None:
    config = toy.settings_of(encoders.Config, "encoder", batch=16, epochs=24, rate=3e-3)
    spoilt = np.array(heard.inputs("wav2clip"))
    spoilt[of_split(heard, "test")[0]] = np.nan
    np.save(tmp_path / "wav2clip-inputs.npy", spoilt)
    curves = [
        encoders.train("wav2clip", features, targets, facing, config)[2]
        for features in (heard, replace(heard, folder=tmp_path))
    ]
    assert curves[0] == curves[1]


@torch.inference_mode()
def test_saved_opened_and_embedded(trained, heard: Features, tmp_path: Path) -> None:
    name, tower, joint, _ = trained
    encoders.save(tmp_path, name, tower, joint, {"data": "toy"})
    opened = checkpoint.retrained(FAMILIES[name].kind, tmp_path / f"{name}.safetensors")
    encoders.embed(name, opened, heard, tmp_path, batch=7)
    stored = heard.heard(name)
    assert stored.shape == (len(heard.sounds), 2, 16)
    inputs = torch.from_numpy(heard.inputs(name)[:3, 1].astype(np.float32))
    np.testing.assert_allclose(stored[:3, 1], tower.embed(inputs), atol=0.02)
    again = Sides.load(tmp_path / f"{name}-joint.safetensors")
    assert sorted(again) == list(FAMILIES[name].sides)
    token = torch.randn(2, 40)
    torch.testing.assert_close(again["picture"](token), joint["picture"](token), atol=2e-3, rtol=0)


def test_masking_hides_a_part_and_leaves_the_given_alone() -> None:
    given = torch.randn(50, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    before = given.clone()
    masked = encoders._masked(given, 0.5, np.random.default_rng(0))
    assert torch.equal(given, before)
    changed = (masked != given).float().mean((1, 2, 3))
    assert 0.2 < changed.mean() < 0.6
    for one, out in zip(given, masked, strict=True):
        assert ((out == one) | (out == one.mean())).all()


def test_every_family_is_trained_in_its_own_way() -> None:
    ways = {name: (family.pairs, family.distilled) for name, family in FAMILIES.items()}
    assert len(set(ways.values())) == len(FAMILIES) == 4
    assert Family.sides.fget(FAMILIES["clap"]) == ("text",)
