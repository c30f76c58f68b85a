"""Made-up weights: a rule that gives every tensor of a state dict its values from its name and shape alone.

The same rule filled the authors' networks when the arrays in `data/parity` were made, and fills our towers when
they are compared with those arrays, so no trained weight is needed. Values come from a uniform generator whose
bit stream numpy guarantees, seeded by the name.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

HANN = (0.5, 0.5)
BLACKMAN_HARRIS = (0.35875, 0.48829, 0.14128, 0.01168)


def weights(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The made-up state dict for names and shapes; a wider `dtype` holds the same float32 values."""
    return {name: _tensor(name, tuple(shape), dtype) for name, shape in shapes.items()}


def total(state: Mapping[str, Tensor]) -> float:
    """Sum of all magnitudes, stored with the arrays so that a change of the rule is told from a wrong tower."""
    return sum(float(tensor.double().abs().sum()) for tensor in state.values())


def _tensor(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    uniform = np.random.default_rng(zlib.crc32(name.encode())).random(shape, dtype=np.float32)
    middle, reach = _range(name, shape)
    values = np.asarray(middle, np.float32) + np.asarray(reach, np.float32) * (2 * uniform - 1)
    if len(shape) > 1 and name.endswith("weight"):  # no answer to what is alike everywhere, or sounds would look alike
        values -= values.mean(axis=tuple(range(1, len(shape))), dtype=np.float64, keepdims=True)
    return torch.from_numpy(np.asarray(values, np.float32)).to(dtype)


def _range(name: str, shape: tuple[int, ...]) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Middle and reach of the uniform distribution that a tensor's values come from."""
    match name.rsplit(".", 1)[-1]:
        # structural values: around what the authors publish or start from, off it enough to show when not used
        case "window":
            window = _window(shape[0], HANN if name.endswith("spectrogram.window") else BLACKMAN_HARRIS)
            return window, 1e-3 * window
        case "log_logit_scale":
            return math.log(20), 0.1
        case "m":  # starts at 0, where the window that it shapes is flat
            return 0.6, 0.4
        case "fb":
            return 1.0, 0.2
        case "fc":
            return np.arange(shape[0]), 0.1
        # statistics, tokens and biases
        case "running_mean":
            return 0.0, 0.1
        case "running_var":
            return 1.0, 0.5
        case "cls_token" | "pos_embed" | "bias_k" | "bias_v":
            return 0.0, 1.0
        case "bias" | "in_proj_bias":
            return 0.0, 0.1
    if len(shape) == 1:  # weight of a norm; of a bottleneck's last one smaller, or sixteen of them would blow up
        return (0.3, 0.1) if name.endswith("bn3.weight") else (1.0, 0.2)
    gain = 1 / 4 if name == "audio.conv1.weight" else 1.0  # this one reads decibels
    return 0.0, gain * math.sqrt(6 / math.prod(shape[1:]))  # He


def _window(length: int, cosines: tuple[float, ...]) -> np.ndarray:
    """A periodic window that is an alternating sum of cosines."""
    turn = 2 * math.pi * np.arange(length) / length
    return sum((-1) ** k * cosine * np.cos(k * turn) for k, cosine in enumerate(cosines))


def pixels(dtype: torch.dtype = torch.float32) -> Tensor:
    """Two different pictures [2, 3, 224, 224] as a CLIP network reads them: waves, values within 2.3."""
    y, x = np.mgrid[:224, :224] / 224
    waves = [[np.sin((3 + 2 * c) * x + (9 - c) * i * y) + np.cos(31 * x * y + c + i) for c in range(3)] for i in (1, 2)]
    return torch.from_numpy(1.15 * np.array(waves, np.float32)).to(dtype)
