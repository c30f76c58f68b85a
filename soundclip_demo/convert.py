"""Turns each packaged data file into safetensors in the names our model classes use.

Every function reads one file, writes one folder, and unpickles nothing but plain tensors.
"""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1  # part of the cache folder's name: raise it when a conversion changes

_EFFICIENTNET_NAMES = (
    ("_conv_stem.", "stem.conv."),
    ("_conv_head.", "head.conv."),
    ("_blocks.", "blocks."),
    ("_expand_conv.", "expand.conv."),
    ("_depthwise_conv.", "depthwise.conv."),
    ("_project_conv.", "project.conv."),
)


def efficientnet(data: Path, out: Path) -> None:
    """EfficientNet-Lite0's `.pth` (a plain state dict) to the names of `vision.EfficientNetLite`."""
    import torch
    from safetensors.torch import save_file

    state = torch.load(data, map_location="cpu", weights_only=True)
    renamed = {_efficientnet_name(k): v.contiguous() for k, v in state.items() if not k.startswith("_fc.")}
    renamed = {k: v for k, v in renamed.items() if not k.endswith("num_batches_tracked")}
    save_file(renamed, out / "model.safetensors")


def _efficientnet_name(name: str) -> str:
    for old, new in _EFFICIENTNET_NAMES:
        name = name.replace(old, new)
    if name.startswith("_bn"):  # norms outside the blocks: 0 follows the stem, 1 the head
        return name.replace("_bn0.", "stem.norm.").replace("_bn1.", "head.norm.")
    # Block 0 of the checkpoint has no expansion and therefore no `_bn0`, so the numbers keep their meaning.
    return name.replace("_bn0.", "expand.norm.").replace("_bn1.", "depthwise.norm.").replace("_bn2.", "project.norm.")


_WHISPER_NAMES = (
    ("encoder/", ""),
    ("conv1/", "conv1."),
    ("conv2/", "conv2."),
    ("position_encodings/encodings", "embed_positions.weight"),
    ("layer_norm/", "layer_norm."),
    ("self_attention/linear_1/", "self_attn.out_proj."),
    ("self_attention/layer_norm.", "self_attn_layer_norm."),
    ("ffn/layer_norm.", "final_layer_norm."),
    ("ffn/linear_0/", "fc1."),
    ("ffn/linear_1/", "fc2."),
    ("beta", "bias"),
    ("gamma", "weight"),
)


def whisper(data: Path, out: Path) -> None:
    """CTranslate2's `model.bin` (float16) to the names of transformers' `WhisperEncoder`; the decoder is left out."""
    from safetensors.numpy import save_file

    state = {}
    for name, array in read_ctranslate2(data).items():
        if not name.startswith("encoder/") or name.endswith("num_heads") or array.dtype != np.float16:
            continue
        for old, new in _WHISPER_NAMES:
            name = name.replace(old, new)
        if name.startswith("layer_") and not name.startswith("layer_norm"):
            index, rest = name.removeprefix("layer_").split("/", 1)
            name = f"layers.{index}.{rest}"
        if "self_attention/linear_0/" in name:  # one matrix for query, key and value
            head, kind = name.split("self_attention/linear_0/")
            for part, piece in zip("qkv", np.split(array, 3), strict=True):
                if (part, kind) != ("k", "bias"):  # Whisper's keys have no bias; the stored one is zero
                    state[f"{head}self_attn.{part}_proj.{kind}"] = np.ascontiguousarray(piece)
        else:
            state[name] = array
    save_file(state, out / "model.safetensors")


_CTRANSLATE2_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_ctranslate2(file: Path) -> dict[str, np.ndarray]:
    """All variables of a CTranslate2 model file, format version 6.

    Layout, little-endian: version, spec name, revision, count; then for each variable its name, rank, shape,
    type and bytes. A name is a 2-byte length and that many bytes, the last of them zero.

    Raises:
        ValueError: another version, or a length that runs past the end of the file.
    """
    content = memoryview(file.read_bytes())
    position = 0

    def take(size: int) -> memoryview:
        nonlocal position
        if position + size > len(content):
            raise ValueError("the model file ends too early")
        position += size
        return content[position - size : position]

    def number(code: str) -> int:
        return struct.unpack(f"<{code}", take(struct.calcsize(code)))[0]

    def text() -> str:
        return bytes(take(number("H"))).rstrip(b"\0").decode()

    if (version := number("I")) != 6:
        raise ValueError(f"CTranslate2 format {version} is not supported")
    text()  # name of the model class
    number("I")  # its revision
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind = _CTRANSLATE2_TYPES[number("B")]
        variables[name] = np.frombuffer(take(number("I")), kind).reshape(shape)
    return variables


def smollm2(data: Path, out: Path) -> None:
    """SmolLM2's GGUF (4-bit) to a float16 folder that `AutoModelForCausalLM` and `AutoTokenizer` load."""

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    AutoTokenizer.from_pretrained(data.parent, gguf_file=data.name).save_pretrained(out)
    unpack = GgufConfig(gguf_file=data.name, dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        data.parent, gguf_file=data.name, quantization_config=unpack, dtype=torch.float16
    )
    model.save_pretrained(out)


_COUNTED = ("position_ids", "token_type_ids")  # 0, 1, 2, ... and zeros: older files store what networks make


def _tensors(data: Path, *prefixes: str) -> "dict[str, Tensor]":
    """The tensors of a state dict, pickled or not, whose names begin with one of `prefixes`."""
    import torch
    from safetensors import safe_open

    if data.suffix == ".safetensors":
        with safe_open(data, "pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(prefixes)}
    state = torch.load(data, map_location="cpu", weights_only=True, mmap=True)
    return {name: tensor.contiguous() for name, tensor in state.items() if name.startswith(prefixes)}


def _save(state: "dict[str, Tensor]", file: Path, less: str = "") -> None:
    """Writes tensors as safetensors, under their names without the prefix `less`."""
    from safetensors.torch import save_file

    save_file({n.removeprefix(less): tensor for n, tensor in state.items() if not n.endswith(_COUNTED)}, file)


def clap(data: Path, out: Path) -> None:
    """CLAP's sound side, and its text side."""
    _save(_tensors(data, "audio_model.", "audio_projection."), out / "model.safetensors")
    _save(_tensors(data, "text_model.", "text_projection."), out / "texts.safetensors")


def imagebind(data: Path, out: Path) -> None:
    """One of ImageBind's six towers."""
    parts = ("modality_preprocessors", "modality_trunks", "modality_heads", "modality_postprocessors")
    _save(_tensors(data, *(f"{part}.audio." for part in parts)), out / "model.safetensors")


def wav2clip(data: Path, out: Path) -> None:
    """Wav2CLIP without what only its training needed."""
    _save(_tensors(data, "audio_encoder.", "audio_transform."), out / "model.safetensors")


def audioclip(data: Path, out: Path) -> None:
    """AudioCLIP's audio tower, and the ResNet of CLIP that stands beside it in the file."""
    _save(_tensors(data, "audio."), out / "model.safetensors")
    _save(_tensors(data, "visual."), out / "pictures.safetensors", less="visual.")


def clip_pictures(data: Path, out: Path) -> None:
    """transformers' CLIP -> its picture side."""
    _save(_tensors(data, "vision_model.", "visual_projection."), out / "model.safetensors")


def whisper_encoder(data: Path, out: Path) -> None:
    """transformers' Whisper -> its encoder alone in float16, in the names of `WhisperEncoder`."""
    prefix = "model.encoder."
    state = {name: tensor.half() for name, tensor in _tensors(data, prefix).items()}
    _save(state, out / "model.safetensors", less=prefix)
