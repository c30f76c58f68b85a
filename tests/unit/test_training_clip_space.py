"""CLIP's joint space is what transformers' own CLIP gives, from a checkpoint in the hub's form."""

from pathlib import Path

import pytest
import torch
import toy
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

from training import clip_space


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.clip_folder(tmp_path_factory.mktemp("clip"))


@torch.inference_mode()
def test_both_sides_are_those_of_the_model(folder: Path) -> None:
    space, clip = clip_space.load(str(folder)), CLIPModel.from_pretrained(folder).eval()
    words, pixels = CLIPTokenizerFast.from_pretrained(folder), CLIPImageProcessor.from_pretrained(folder)
    images, texts = [toy.picture(1), toy.picture(2)], ["a dog.", "cat"]
    whole = clip(**words(texts, return_tensors="pt", padding=True), **pixels(images=images, return_tensors="pt"))
    for found, wanted in ((space.pictures(images), whole.image_embeds), (space.texts(texts), whole.text_embeds)):
        torch.testing.assert_close(torch.nn.functional.normalize(found, dim=1), wanted, atol=1e-5, rtol=1e-4)
    assert not torch.equal(*space.pictures(images))


def test_a_long_text_is_cut(folder: Path) -> None:
    space = clip_space.load(str(folder))
    long = "a dog barks at a cat all day."
    torch.testing.assert_close(space.texts([long]), space.texts([f"{long} and night."]))
    assert not torch.allclose(space.texts([long]), space.texts(["b" + long]))
