"""The tower read out of a LLaVA checkpoint is the one inside LLaVA, and nothing else is read."""

from pathlib import Path

import numpy as np
import pytest
import torch
import toy
import toy_llava
from PIL import Image
from transformers import LlavaNextForConditionalGeneration

from soundclip_demo import clip
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.weights import CheckpointError

CPU = torch.device("cpu")
TOWER = "vision_tower.vision_model."
PICTURES = [toy.picture(1, (480, 360)), toy.picture(2, (300, 500))]


@pytest.fixture(scope="module", params=["hub", "transformers 5"])
def folder(request: pytest.FixtureRequest, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_llava.checkpoint(tmp_path_factory.mktemp("llava") / "checkpoint", hub=request.param == "hub")


def load(folder: Path, dtype: torch.dtype = torch.float32) -> clip.ClipTower:
    return clip.load(folder, CPU, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_alone_it_sees_what_it_sees_inside_llava(folder: Path, dtype: torch.dtype) -> None:
    inside = LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=dtype).model.vision_tower
    alone = load(folder, dtype)
    tokens, patches = alone.look(PICTURES)
    assert tokens.shape == (2, toy_llava.WIDTH)
    assert patches.shape == (2, 576, toy_llava.WIDTH)
    assert tokens.dtype == patches.dtype == torch.float32

    with torch.inference_mode():
        pixels = alone.processor(PICTURES, return_tensors="pt").pixel_values.to(dtype)
        states = inside(pixel_values=pixels, output_hidden_states=True).hidden_states
    assert len(states) == 5
    assert torch.equal(torch.cat([tokens[:, None], patches], dim=1), states[-2].float())
    assert (states[-2] - states[-1]).abs().max() > 0.1
    again = clip.ClipTower(inside, alone.processor).look(PICTURES)
    assert torch.equal(again[0], tokens)
    assert torch.equal(again[1], patches)


@torch.inference_mode()
def test_its_patches_are_those_of_stock_llavas_base_view(folder: Path) -> None:
    model = LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    tower = load(folder)
    pixels = tower.processor(PICTURES[:1], return_tensors="pt").pixel_values
    views = torch.stack([pixels, torch.zeros_like(pixels), torch.ones_like(pixels)], dim=1)  # the base view, two tiles
    stock = model.get_image_features(pixel_values=views, image_sizes=torch.tensor([[336, 672]])).pooler_output[0]
    _, patches = tower.look(PICTURES[:1])
    ours = model.model.multi_modal_projector(patches[0])
    torch.testing.assert_close(stock[:576], ours)


def test_a_picture_alone_and_in_a_batch_is_the_same(folder: Path) -> None:
    tower = load(folder)
    tokens, patches = tower.look(PICTURES)
    for i, picture in enumerate(PICTURES):
        token, patch = tower.look([picture])
        torch.testing.assert_close(token[0], tokens[i], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(patch[0], patches[i], atol=1e-5, rtol=1e-5)
    assert (tokens[0] - tokens[1]).abs().max() > 0.1


def test_the_short_edge_becomes_336_and_the_centre_is_kept(folder: Path) -> None:
    picture = toy.picture(3, (672, 480))
    pixels = load(folder).processor([picture], return_tensors="pt").pixel_values[0]
    resized = np.asarray(picture.resize((470, 336), Image.Resampling.BICUBIC), dtype=np.float64) / 255
    centre = resized[:, 67 : 67 + 336]
    mean, deviation = (np.array(toy_llava.PREPROCESSOR[key]) for key in ("image_mean", "image_std"))
    wanted = torch.from_numpy((centre - mean) / deviation).permute(2, 0, 1).float()
    assert pixels.shape == (3, 336, 336)
    torch.testing.assert_close(pixels, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_other_kinds_are_seen_in_colour(folder: Path, mode: str) -> None:
    tower = load(folder)
    picture = PICTURES[0].convert(mode)
    assert torch.equal(tower.look([picture])[0], tower.look([picture.convert("RGB")])[0])


@pytest.mark.parametrize("k", [0, 15, 150, 576])
def test_the_k_patches_nearest_to_a_sound_in_raster_order(folder: Path, k: int) -> None:
    _, patches = load(folder).look(PICTURES[:1])
    sound = torch.randn(toy_llava.WIDTH, generator=torch.Generator().manual_seed(4))
    chosen = relevant_patches(sound, patches[0], k)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == k
    near = torch.nn.functional.cosine_similarity(patches[0], sound[None], dim=1)
    left_out = torch.ones(576, dtype=torch.bool)
    left_out[chosen] = False
    if 0 < k < 576:
        assert near[chosen].min() >= near[left_out].max()


# Reading


def test_files_without_the_tower_are_not_opened(tmp_path: Path) -> None:
    folder = toy_llava.checkpoint(tmp_path / "checkpoint", shards=8)
    wanted = load(folder).look(PICTURES[:1])[0]
    (folder / "model-00008-of-00008.safetensors").write_bytes(b"not weights")
    assert torch.equal(load(folder).look(PICTURES[:1])[0], wanted)
    (folder / "model-00001-of-00008.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        load(folder)


def test_a_checkpoint_in_one_file(tmp_path: Path) -> None:
    whole = toy_llava.checkpoint(tmp_path / "whole", shards=1)
    split = toy_llava.checkpoint(tmp_path / "split")
    assert [file.name for file in clip.shards(whole)] == ["model.safetensors"]
    assert len(clip.shards(split)) == 3
    assert torch.equal(load(whole).look(PICTURES[:1])[0], load(split).look(PICTURES[:1])[0])


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("encoder.layers.2.mlp.fc1.bias", None, "missing"),
        ("encoder.layers.4.mlp.fc1.bias", torch.zeros(64), "not known"),
        ("encoder.layers.2.mlp.fc1.bias", torch.zeros(63), "of another shape"),
        ("pre_layrnorm.weight", None, "missing"),
        ("visual_projection.weight", torch.zeros(16, 32), "not known"),
    ],
)
def test_a_tower_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, name: str, tensor: torch.Tensor | None, said: str
) -> None:
    folder = toy_llava.checkpoint(tmp_path / "checkpoint", **{TOWER + name: tensor})
    with pytest.raises(CheckpointError, match=rf"{said}: {name}\)"):
        load(folder)


def test_position_ids_of_older_files_are_no_harm(tmp_path: Path) -> None:
    positions = {f"{TOWER}embeddings.position_ids": torch.arange(577)[None]}
    folder = toy_llava.checkpoint(tmp_path / "checkpoint", **positions)
    plain = toy_llava.checkpoint(tmp_path / "plain")
    assert torch.equal(load(folder).look(PICTURES[:1])[0], load(plain).look(PICTURES[:1])[0])
