"""Captions of held-out recordings are measured against their own reference, their own sound and the right frame."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from PIL import Image
from test_training_evaluate import gallery

from soundclip_demo.encoders.joint import JointSpace
from training import told
from training.corpus import SoundFile, categories

KINDS = ("cat", "dog", "cat")


def texts(given: Sequence[str]) -> torch.Tensor:
    """Cats one way, dogs the other."""
    return torch.tensor([[1.0, 0.0] if "cat" in text.lower() else [0.0, 1.0] for text in given])


def pictures(images: list[Image.Image]) -> torch.Tensor:
    """By the picture's size, which tells the posters apart."""
    return torch.tensor([[1.0, 0.0] if image.width == 40 else [0.0, 1.0] for image in images])


@pytest.fixture
def against(tmp_path: Path) -> told.Against:
    sounds, shown = [], gallery("dog", "cat", "cat")
    for i, kind in enumerate(KINDS):
        file = toy.write_sound(tmp_path / f"{i}.wav", toy.tone(300 + 3000 * (i == 1), 3.0))
        sounds.append(SoundFile(file, kind, f"r{i}", "toy", "test"))
    for i, width in enumerate((60, 40, 80)):
        toy.picture(i).resize((width, 30)).save(tmp_path / f"{i}.png")
    clips = tuple(replace(clip, poster=tmp_path / f"{i}.png") for i, clip in enumerate(shown.clips))
    joints = {"clap": JointSpace(texts=texts), "audioclip": JointSpace(pictures, texts)}
    heard = {"clap": torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])}  # the third cat sounds like a dog
    return told.against(sounds, replace(shown, clips=clips), joints, heard.__getitem__)


def test_each_recording_has_a_reference_of_its_own(against: told.Against) -> None:
    cat, dog = (categories()[name].sentence for name in ("cat", "dog"))
    assert against.references == [
        f"{cat} The sound is low and steady.",
        f"{dog} The sound is high and steady.",
        f"{cat} The sound is low and steady.",
    ]


def test_scores_by_hand(against: told.Against) -> None:
    found = against.scores([against.references[0], "cat", "Cat. Dog."])
    assert found.keys() == told.ABOUT.keys()
    for name in ("bleu", "rouge_l"):
        assert found[name][0] == pytest.approx(1)
        assert found[name][1] == 0
    # First sentence "A cat meows." fits, "The sound is low and steady." has no cat in it.
    assert found["b1"].tolist() == pytest.approx([0.5, 0, 0.5])
    assert found["b2"].tolist() == pytest.approx([0.5, 0, 0.5])  # the first clip of the category is the frame
    assert all(np.isfinite(values).all() for values in found.values())
