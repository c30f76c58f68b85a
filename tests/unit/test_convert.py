"""Packaged data files become the state dicts that our model classes want, and nothing in them is run."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from safetensors.torch import load_file
from torch import nn

from soundclip_demo import convert, vision
from soundclip_demo.encoders.whisper import POSITIONS, load_trunk

VARIABLES = {
    "encoder/a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "encoder/b": np.array([-3, 4], np.int8),
    "c": np.array(7, np.int16),
    "ü": np.array([1 << 30], np.int32),
    "half": np.array([[0.5]], np.float16),
}


def test_every_variable_is_read(tmp_path: Path) -> None:
    read = convert.read_ctranslate2(toy.ctranslate2(tmp_path / "model.bin", VARIABLES))
    assert list(read) == list(VARIABLES)
    for name, array in VARIABLES.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array, strict=True)


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    file = toy.ctranslate2(tmp_path / "model.bin", VARIABLES)
    content = file.read_bytes()
    for end in range(len(content)):
        file.write_bytes(content[:end])
        with pytest.raises(ValueError, match="ends too early"):
            convert.read_ctranslate2(file)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format 5"):
        convert.read_ctranslate2(toy.ctranslate2(tmp_path / "model.bin", VARIABLES, version=5))


def packaged_whisper(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """transformers' encoder in CTranslate2's names: query, key and value in one matrix, keys with a bias of zeros."""
    half = {name: value.half().numpy() for name, value in state.items()}

    def norm(theirs: str, ours: str) -> dict[str, np.ndarray]:
        return {f"{theirs}/gamma": half[f"{ours}.weight"], f"{theirs}/beta": half[f"{ours}.bias"]}

    def linear(theirs: str, ours: str) -> dict[str, np.ndarray]:
        return {f"{theirs}/{kind}": half[f"{ours}.{kind}"] for kind in ("weight", "bias")}

    packed = (
        linear("encoder/conv1", "conv1") | linear("encoder/conv2", "conv2") | norm("encoder/layer_norm", "layer_norm")
    )
    packed["encoder/position_encodings/encodings"] = half["embed_positions.weight"]
    packed["encoder/num_heads"] = np.array(1, np.int16)
    for i in range(toy.LAYERS):
        layer, at = f"layers.{i}", f"encoder/layer_{i}"
        for kind in ("weight", "bias"):
            parts = [half.get(f"{layer}.self_attn.{p}_proj.{kind}", np.zeros(toy.WIDTH, np.float16)) for p in "qkv"]
            packed[f"{at}/self_attention/linear_0/{kind}"] = np.concatenate(parts)
        packed |= linear(f"{at}/self_attention/linear_1", f"{layer}.self_attn.out_proj")
        packed |= norm(f"{at}/self_attention/layer_norm", f"{layer}.self_attn_layer_norm")
        packed |= norm(f"{at}/ffn/layer_norm", f"{layer}.final_layer_norm")
        packed |= linear(f"{at}/ffn/linear_0", f"{layer}.fc1") | linear(f"{at}/ffn/linear_1", f"{layer}.fc2")
    return packed | {"decoder/embeddings/weight": np.ones((3, 3), np.float16)}


def test_whisper_gives_exactly_the_encoder(tmp_path: Path) -> None:
    original = {name: value.half() for name, value in toy.trunk().state_dict().items()}
    convert.whisper(toy.ctranslate2(tmp_path / "model.bin", packaged_whisper(original)), tmp_path)
    converted = load_file(tmp_path / "model.safetensors")
    assert converted.keys() == original.keys()
    for name, value in original.items():
        assert torch.equal(converted[name], value), name


def test_the_converted_trunk_loads_on_a_short_context(tmp_path: Path) -> None:
    trunk = load_trunk(toy.whisper_folder(tmp_path))
    assert trunk.embed_positions.weight.shape == (POSITIONS, toy.WIDTH)
    assert torch.equal(trunk.embed_positions.weight, toy.trunk().embed_positions.weight[:POSITIONS].half().float())
    assert len(trunk.layers) == toy.LAYERS
    assert not trunk.training


class Bottleneck(nn.Module):
    """The names of a block of `efficientnet-lite-pytorch`."""

    def __init__(self, expand: bool) -> None:
        super().__init__()
        if expand:
            self._expand_conv, self._bn0 = nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4)
        self._depthwise_conv, self._bn1 = nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4)
        self._project_conv, self._bn2 = nn.Conv2d(4, 2, 1, bias=False), nn.BatchNorm2d(2)


class Published(nn.Module):
    """The names of `efficientnet-lite-pytorch`, with as many blocks as `vision._STAGES` has."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, 2, 3, bias=False), nn.BatchNorm2d(2)
        self._blocks = nn.ModuleList(Bottleneck(expand=i > 0) for i in range(sum(stage[2] for stage in vision._STAGES)))
        self._conv_head, self._bn1 = nn.Conv2d(2, 4, 1, bias=False), nn.BatchNorm2d(4)
        self._fc = nn.Linear(4, 10)


def test_efficientnet_gives_the_names_of_the_tower(tmp_path: Path) -> None:
    published = Published().state_dict()
    torch.save(published, tmp_path / "a.pth")
    convert.efficientnet(tmp_path / "a.pth", tmp_path)
    converted = load_file(tmp_path / "model.safetensors")
    wanted = {k for k in toy.tower().state_dict() if k not in ("mean", "std") and not k.endswith("num_batches_tracked")}
    assert converted.keys() == wanted
    assert torch.equal(converted["stem.norm.weight"], published["_bn0.weight"])
    assert torch.equal(converted["head.norm.running_var"], published["_bn1.running_var"])
    assert torch.equal(converted["blocks.0.depthwise.conv.weight"], published["_blocks.0._depthwise_conv.weight"])
    assert torch.equal(converted["blocks.0.depthwise.norm.bias"], published["_blocks.0._bn1.bias"])
    assert torch.equal(converted["blocks.3.expand.norm.weight"], published["_blocks.3._bn0.weight"])
    assert torch.equal(converted["blocks.3.project.conv.weight"], published["_blocks.3._project_conv.weight"])
    assert torch.equal(converted["blocks.3.project.norm.running_mean"], published["_blocks.3._bn2.running_mean"])


class Evil:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("run-by-unpickling"),)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"_conv_stem.weight": Evil()}, tmp_path / "a.pth")
    with pytest.raises(pickle.UnpicklingError):
        convert.efficientnet(tmp_path / "a.pth", tmp_path)
    assert not (tmp_path / "run-by-unpickling").exists()
