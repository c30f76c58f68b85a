"""The contrastive loss, and projectors that learn with it."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from soundclip_demo.encoders.whisperclip import Fusion, load_fusion
from soundclip_demo.projection import Projector
from training import pairs, projector
from training.corpus import SoundFile
from training.features import WHISPER, Features
from training.losses import info_nce

CLASSES = 5
pytestmark = pytest.mark.usefixtures("one_thread")


def naive(sound: Tensor, picture: Tensor, groups: list[int], temperature: float) -> float:
    """Written out pair by pair."""

    def direction(queries: Tensor, keys: Tensor) -> float:
        losses = []
        for i, query in enumerate(queries):
            scores = [
                float(F.cosine_similarity(query, key, dim=0)) / temperature
                for j, key in enumerate(keys)
                if j == i or groups[j] != groups[i]
            ]
            own = float(F.cosine_similarity(query, keys[i], dim=0)) / temperature
            losses.append(-own + math.log(sum(map(math.exp, scores))))
        return sum(losses) / len(losses)

    return (direction(sound, picture) + direction(picture, sound)) / 2


@pytest.mark.parametrize("groups", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 2], [0, 0, 0, 0, 0, 0]])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_the_loss_pair_by_pair(groups: list[int], temperature: float) -> None:
    torch.manual_seed(0)
    sound, picture = torch.randn(6, 8) * 3, torch.randn(6, 8) * 5
    loss = info_nce(sound, picture, torch.tensor(groups), temperature)
    assert float(loss) == pytest.approx(naive(sound, picture, groups, temperature), abs=1e-4)


def test_pairs_of_one_group_do_not_push_each_other_away() -> None:
    sound = torch.randn(2, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    info_nce(sound, torch.randn(2, 8), torch.tensor([4, 4])).backward()
    assert torch.equal(sound.grad, torch.zeros_like(sound))


def stored(folder: Path, sounds: list[SoundFile], statistics: np.ndarray) -> Features:
    """Features with Whisper's layer statistics only."""
    np.save(folder / f"{WHISPER}.npy", statistics.astype(np.float16))
    return Features(sounds, [], np.empty(0), np.empty(0), folder)


@pytest.fixture(scope="module")
def separable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Features, dict[str, Tensor]]:
    """Statistics that tell five categories apart in one of the layers only, and pictures at random directions."""
    random = np.random.default_rng(0)
    kinds = random.normal(size=(CLASSES, toy.WIDTH))
    sounds, statistics = [], []
    for split, count in (("train", 16), ("validation", 4), ("test", 8)):
        for kind in range(CLASSES):
            for i in range(count):
                sounds.append(SoundFile(Path(f"{split}-{kind}-{i}"), f"k{kind}", f"{split}-{kind}-{i}", "toy", split))
                summary = random.normal(size=(2, toy.LAYERS, 2, toy.WIDTH))
                summary[:, -1, 0] = kinds[kind] + 0.5 * summary[:, -1, 0]
                statistics.append(summary)
    features = stored(tmp_path_factory.mktemp("features"), sounds, np.stack(statistics))
    targets = {
        f"k{kind}": torch.from_numpy(random.normal(size=(3, 32)) + 3 * random.normal(size=32)).float()
        for kind in range(CLASSES)
    }
    return features, targets


WITHOUT_TOWER = ("whisper", "whisperclip")


def config(epochs: int, seed: int = 0) -> projector.Config:
    return toy.settings_of(projector.Config, "projector", epochs=epochs, batch=16, seed=seed)


@pytest.fixture(scope="module", params=WITHOUT_TOWER)
def trained(request: pytest.FixtureRequest, separable):
    return request.param, *projector.train(request.param, *separable, config(6))


@torch.inference_mode()
def test_a_projector_learns(trained, separable) -> None:
    _, fusion, made, curve = trained
    features, targets = separable
    rows = [i for i, sound in enumerate(features.sounds) if sound.split == "test"]
    wanted = torch.tensor([int(features.sounds[i].category[1:]) for i in rows])
    token = made(fusion(torch.from_numpy(features.heard("whisper")[rows, 0]).float()))
    centres = torch.stack([targets[f"k{kind}"].mean(0) for kind in range(CLASSES)])
    found = (F.normalize(token, dim=1) @ F.normalize(centres, dim=1).T).argmax(1)
    assert (found == wanted).float().mean() > 0.8  # chance is 0.2
    assert len(curve) == 6
    assert curve[-1]["train"] < 0.7 * curve[0]["train"]


@torch.inference_mode()
def test_tokens_are_as_long_as_the_average_picture(trained, separable) -> None:
    _, fusion, made, _ = trained
    features, targets = separable
    token = made(fusion(torch.from_numpy(features.heard("whisper")[:4, 0]).float()))
    length = torch.cat(list(targets.values())).norm(dim=1).mean()
    torch.testing.assert_close(token.norm(dim=1), length.expand(4))


@torch.inference_mode()
def test_the_best_epoch_is_kept(trained, separable) -> None:
    _, fusion, made, curve = trained
    features, targets = separable
    rows, groups = pairs.rows_of(features.sounds, "validation", targets)
    tokens = [targets[name] for name in sorted(targets)]
    pictures = pairs.draw(tokens, groups, np.random.default_rng(0))
    loss = info_nce(
        made(fusion(torch.from_numpy(features.heard("whisper")[rows, 0]).float())), pictures, torch.from_numpy(groups)
    )
    assert float(loss) == pytest.approx(min(epoch["validation"] for epoch in curve), abs=1e-3)


def test_training_is_repeatable(separable) -> None:
    first, second = (projector.train("whisper", *separable, config(3))[1:] for _ in range(2))
    assert first[1] == second[1]
    assert all(torch.equal(a, b) for a, b in zip(first[0].parameters(), second[0].parameters(), strict=True))
    other = projector.train("whisper", *separable, config(3, seed=1))
    assert other[2] != first[1]


def test_test_recordings_are_never_looked_at(separable, tmp_path: Path) -> None:
    features, targets = separable
    spoilt = np.array(features.heard("whisper"))
    spoilt[[i for i, sound in enumerate(features.sounds) if sound.split == "test"]] = np.nan
    blind = stored(tmp_path, features.sounds, spoilt)
    assert (
        projector.train("whisperclip", blind, targets, config(1))[2]
        == projector.train("whisperclip", features, targets, config(1))[2]
    )


@torch.inference_mode()
def test_saved_and_opened_by_the_product(trained, separable, tmp_path: Path) -> None:
    encoder, fusion, made, _ = trained
    projector.save(tmp_path / "new", encoder, fusion, made, {"encoder_spec": "abc"})
    opened = Projector.load(tmp_path / "new" / f"{encoder}-projector.safetensors", "abc")
    statistics = torch.from_numpy(separable[0].heard("whisper")[:4, 0]).float()
    file = tmp_path / "new" / f"{encoder}-fusion.safetensors"
    assert file.exists() == isinstance(fusion, Fusion)
    again = load_fusion(file) if file.exists() else fusion
    assert torch.equal(again(statistics), fusion(statistics))
    alike = F.cosine_similarity(opened(again(statistics)), made(fusion(statistics)))
    assert alike.min() > 0.999
    with safe_open(tmp_path / "new" / f"{encoder}-projector.safetensors", "pt") as saved:
        assert "abc" in saved.metadata()["card"]
