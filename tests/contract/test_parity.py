"""Our towers against what the authors' code gave for the same inputs and made-up weights (`tests/data/parity`)."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import made_up
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from soundclip_demo.encoders import checkpoint
from soundclip_demo.encoders.audioclip import AudioClipConfig, AudioClipTower
from soundclip_demo.encoders.base import Tower
from soundclip_demo.encoders.imagebind import ImageBindConfig, ImageBindTower
from soundclip_demo.encoders.pictures import ModifiedResNet
from soundclip_demo.encoders.wav2clip import Wav2ClipConfig, Wav2ClipTower

DATA = Path(__file__).parents[1] / "data/parity"
KEYS = {
    name: {key: tuple(shape) for key, shape in shapes.items()}
    for name, shapes in json.loads((DATA / "keys.json").read_text()).items()
}
TOWERS = {
    "imagebind": lambda: ImageBindTower(ImageBindConfig()),
    "wav2clip": lambda: Wav2ClipTower(Wav2ClipConfig()),
    "audioclip": lambda: AudioClipTower(AudioClipConfig()),
}
FEATURES = {"imagebind": 2e-5, "wav2clip": 2e-5, "audioclip": 2.5e-4}  # largest relative differences, see the README
EMBEDDING = {"imagebind": 2e-4, "wav2clip": 7e-5, "audioclip": 2e-3}
PICTURES = 1.5e-6  # of what CLIP's ResNet gives
EXACT = 1e-9  # of an embedding in double precision
THREE_SECONDS = ("sweep", "clicks", "chord")
SOUNDS = [(name, sound) for name in TOWERS for sound in THREE_SECONDS + (("short", "long") * (name != "audioclip"))]


@dataclass
class Golden:
    """One encoder: its arrays, and our tower with the weights that they were made with."""

    name: str
    arrays: dict[str, np.ndarray]
    tower: Tower

    def window(self, sound: str) -> Tensor:
        with np.load(DATA / "sounds.npz") as sounds:
            return torch.from_numpy(sounds[f"{sound}_{self.tower.sample_rate}"]).float() / 2**15

    def check(self, sound: str, features: Tensor, embedding: Tensor) -> None:
        """One sound's features [...] and embedding [dim] against the stored ones."""
        assert features.shape == tuple(self.arrays[f"{sound}.shape"])
        sampled = features.flatten()[:: int(self.arrays["step"])]
        assert off(sampled, self.arrays[f"{sound}.features"]) <= FEATURES[self.name]
        assert off(embedding, self.arrays[f"{sound}.embedding"]) <= EMBEDDING[self.name]


def off(found: Tensor, stored: np.ndarray) -> float:
    """Length of the difference, relative to the length of what is stored."""
    assert found.numpy().dtype == stored.dtype and found.shape == stored.shape
    return float(np.linalg.norm(found.numpy() - stored) / np.linalg.norm(stored))


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest, one_thread: None) -> Golden:
    name = request.param
    with np.load(DATA / f"{name}.npz") as arrays:
        arrays = dict(arrays)
    state = made_up.weights(KEYS[name])
    assert made_up.total(state) == pytest.approx(float(arrays["total"]), rel=1e-7), "made up otherwise than the goldens"
    return Golden(name, arrays, checkpoint.load_strict(TOWERS[name](), state, "made up"))


@pytest.fixture
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", TOWERS)
def test_the_state_dict_has_the_authors_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        tower = TOWERS[name]()
    assert isinstance(tower, nn.Module)
    assert {key: tuple(tensor.shape) for key, tensor in tower.state_dict().items()} == KEYS[name]


@pytest.mark.parametrize(("golden", "sound"), SOUNDS, indirect=["golden"])
@torch.inference_mode()
def test_a_sound_alone(golden: Golden, sound: str) -> None:
    features = golden.tower.features(golden.window(sound)[None])
    golden.check(sound, features[0], golden.tower.embed(features)[0])


@pytest.mark.parametrize("golden", TOWERS, indirect=True)
@torch.inference_mode()
def test_sounds_in_a_batch(golden: Golden) -> None:
    features = golden.tower.features(torch.stack([golden.window(sound) for sound in THREE_SECONDS]))
    for sound, *found in zip(THREE_SECONDS, features, golden.tower.embed(features), strict=True):
        golden.check(sound, *found)


@pytest.mark.parametrize("golden", TOWERS, indirect=True)
@torch.inference_mode()
def test_in_double_precision_nothing_is_left(golden: Golden, in_double: None) -> None:
    """Without rounding noise even an eps of another size shows."""
    tower = copy.deepcopy(golden.tower).double()
    embedding = tower.embed(tower.features(golden.window("clicks")[None].double()))[0]
    assert off(embedding, golden.arrays["clicks.exact"]) <= EXACT


# The pictures that AudioCLIP's sounds meet


def resnet(dtype: torch.dtype) -> ModifiedResNet:
    return checkpoint.load_strict(ModifiedResNet(), made_up.weights(KEYS["resnet"], dtype), "made up")


def test_clips_resnet_has_its_authors_names_and_shapes() -> None:
    with torch.device("meta"):
        network = ModifiedResNet()
    assert {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()} == KEYS["resnet"]


@torch.inference_mode()
def test_clips_resnet_sees_what_its_authors_does(one_thread: None) -> None:
    with np.load(DATA / "resnet.npz") as arrays:
        seen = resnet(torch.float32)(made_up.pixels())
        assert max(off(*pair) for pair in zip(seen, arrays["embedding"], strict=True)) <= PICTURES


@torch.inference_mode()
def test_clips_resnet_in_double_precision(in_double: None) -> None:
    with np.load(DATA / "resnet.npz") as arrays:
        seen = resnet(torch.float64)(made_up.pixels(torch.float64))
        assert max(off(*pair) for pair in zip(seen, arrays["exact"], strict=True)) <= EXACT
