"""Captions of held-out recordings are measured against their own reference, their own sound and the right frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import toy
from PIL import Image
from test_training_evaluate import gallery

from soundclip_demo import weights
from soundclip_demo.encoders.joint import JointSpace
from training import features, held_out, judge, told
from training.corpus import SoundFile, categories

KINDS = ("cat", "dog", "cat")
ALL = np.arange(3)


def texts(given: Sequence[str]) -> torch.Tensor:
    """Cats one way, dogs the other."""
    return torch.tensor([[1.0, 0.0] if "cat" in text.lower() else [0.0, 1.0] for text in given])


def pictures(images: list[Image.Image]) -> torch.Tensor:
    """By the picture's size, which tells the posters apart."""
    return torch.tensor([[1.0, 0.0] if image.width == 40 else [0.0, 1.0] for image in images])


@pytest.fixture(scope="module")
def against(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> told.Told:
    folder = tmp_path_factory.mktemp("told")
    sounds, shown = [], gallery("dog", "cat", "cat")
    for i, kind in enumerate(KINDS):
        file = toy.write_sound(folder / f"{i}.wav", toy.tone(300 + 3000 * (i == 1), 3.0))
        sounds.append(SoundFile(file, kind, f"r{i}", "toy", "test"))
    for i, width in enumerate((60, 40, 80)):
        toy.picture(i).resize((width, 30)).save(folder / f"{i}.png")
    clips = tuple(replace(clip, poster=folder / f"{i}.png") for i, clip in enumerate(shown.clips))
    shown = replace(shown, clips=clips)
    joints = {"clap": JointSpace(texts=texts), "audioclip": JointSpace(pictures, texts)}
    heard = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])  # the third cat sounds like a dog
    np.save(folder / "clap-embeddings.npy", heard[:, None].numpy())
    stored = features.Features(sounds, [], np.zeros(0), np.zeros(0), folder)
    held = held_out.of_corpus(stored, {"clap": lambda x: x}, joints, shown)
    return held_out.told_of_corpus(stored, held, joints, shown, weights.folder("language", workspace.cache), 1)


def test_each_recording_has_a_reference_of_its_own(against: told.Told) -> None:
    cat, dog = (categories()[name].sentence for name in ("cat", "dog"))
    assert against.references == [
        [f"{cat} The sound is low and steady."],
        [f"{dog} The sound is high and steady."],
        [f"{cat} The sound is low and steady."],
    ]


def test_scores_by_hand(against: told.Told) -> None:
    found = against.scores([against.references[0][0], "cat", "Cat. Dog."], ALL)
    assert list(found) == list(against.about())
    for name in ("bleu", "rouge_l", "bertscore"):
        assert found[name][0] == pytest.approx(1)
        assert found[name][1] < 1
    # First sentence "A cat meows." fits, "The sound is low and steady." has no cat in it.
    assert found["b1"].tolist() == pytest.approx([0.5, 0, 0.5])
    assert found["b2"].tolist() == pytest.approx([0.5, 0, 0.5])  # the first clip of the category is the frame
    assert found["caption"].tolist() == [1, 0, 1]
    assert found["b3"].tolist() == [1, 0, 1]
    assert all(np.isfinite(values).all() for values in found.values())


def test_captions_of_some_are_measured_against_theirs(against: told.Told) -> None:
    captions = [against.references[0][0], "A dog. A cat.", "Cat. Dog."]
    every = against.scores(captions, ALL)
    some = against.scores(captions[1:], ALL[1:])
    for name, values in every.items():
        assert some[name].tolist() == pytest.approx(values[1:].tolist())


def test_a_judge_gives_its_marks_and_scale(against: told.Told) -> None:
    marks = iter(["7", "no", "no", "no", "12"])
    marked = replace(against, judge=judge.Asked(lambda prompt: next(marks)))
    found = marked.scores(["cat", "dog", "cat"], ALL)["judge"]
    assert found[0] == 7
    assert np.isnan(found[1])
    assert found[2] == 10
    assert marked.about()["judge"] == "marks of the judge, 0 to 10"


def test_the_threshold_tells_true_pairs_from_others() -> None:
    angles = {"A dog.": 0.0, "dog": 0.3, "A cat.": 2.0, "cat": 1.6, "A cow.": 4.0, "cow": 4.05}

    def circle(given: Sequence[str]) -> torch.Tensor:
        turned = torch.tensor([angles[text] for text in given])
        return 5 * torch.stack([turned.cos(), turned.sin()], dim=1)

    found = told.threshold(circle, [("A dog.", "dog"), ("A cat.", "cat"), ("A cow.", "cow")])
    assert found == pytest.approx(np.cos(0.4), abs=1e-6)  # the worst true pair; the best other one is 1.6 apart
