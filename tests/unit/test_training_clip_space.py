"""CLIP's joint space is what transformers' own CLIP gives, from a checkpoint in the hub's form."""

from pathlib import Path

import pytest
import torch
import toy
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPTokenizerFast, CLIPVisionConfig

from training import clip_space

LETTERS = "abcdefghijklmnopqrstuvwxyz."
POSITIONS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP that reads letters."""
    folder = tmp_path_factory.mktemp("clip")
    pieces = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[]).save_pretrained(folder)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": len(pieces) - 2, "eos_token_id": len(pieces) - 1}
    words = CLIPTextConfig(vocab_size=len(pieces), max_position_embeddings=POSITIONS, **size, **ends)
    pixels = CLIPVisionConfig(image_size=32, patch_size=8, **size)
    torch.manual_seed(0)
    config = CLIPConfig(text_config=words.to_dict(), vision_config=pixels.to_dict(), projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    side = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side).save_pretrained(folder)
    return folder


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
