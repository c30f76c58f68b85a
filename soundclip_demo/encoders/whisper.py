"""Whisper's audio encoder: last layer, mean over the positions that hold the window.

Whisper pads every sound to 30 s and has no mask; 3 s are 150 of 1500 positions that attend to silence. The paper
suite does as published and takes the mean over those 150. The compact suite runs the encoder on a 3-second context
(its first 150 position embeddings), which is ten times less work; its checkpoint is tiny.en: 4 blocks of width 384.

The network is written here, after Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision",
arXiv:2212.04356, section 2.2: importing transformers' takes two seconds, for which the first visitor would wait. The
tests hold it against that one.
"""

from pathlib import Path
from weakref import WeakValueDictionary

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from ..config import WINDOW_SECONDS
from ..packed import pack
from ..weights import SOURCES
from .base import Encoder, EncoderSpec
from .checkpoint import load_strict

SAMPLE_RATE = 16_000
HOP, FRAME = 160, 400  # samples
A_SECOND = 50  # positions, two hops each
POSITIONS = round(WINDOW_SECONDS * A_SECOND)
PADDED_SECONDS = 30
HEAD = 64  # width of an attention head of every Whisper size
PEAK = 0.9  # on the short context windows are scaled to this peak: there is no silence to compare them with

CHECKPOINT = "{0.package}=={0.version} sha256:{0.member_sha256}".format(SOURCES["whisper"])
PREPROCESSING = f"16 kHz, peak {PEAK}, 80 log-mel bands, {WINDOW_SECONDS:g} s without padding"
PAPER_CHECKPOINT = f"{SOURCES['whisper-paper'].title} {SOURCES['whisper-paper'].key}"
PAPER_PREPROCESSING = f"16 kHz, 80 log-mel bands, padded to {PADDED_SECONDS} s"
POOLING = f"last layer, mean over {POSITIONS} positions"
SPEC = EncoderSpec("whisper", CHECKPOINT, PREPROCESSING, "last layer, mean over time", WINDOW_SECONDS)
PAPER_SPEC = EncoderSpec("whisper", PAPER_CHECKPOINT, PAPER_PREPROCESSING, POOLING, PADDED_SECONDS)

_trunks: WeakValueDictionary[tuple[Path, bool], "Trunk"] = WeakValueDictionary()


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, states: Tensor) -> Tensor:
        """[N, P, width] -> the same shape."""
        heads = self.qkv(self.self_attn_layer_norm(states)).unflatten(2, (3, -1, HEAD))
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        states = states + self.out_proj(attended)
        return states + self.fc2(F.gelu(self.fc1(self.final_layer_norm(states))))


class Trunk(nn.Module):
    """The network of both Whisper encoders.

    Args:
        bands: of the log-mel features.
        positions: of the context, `A_SECOND` a second.
        blocks, width, inner: how many, their width and that of their MLPs.
    """

    def __init__(self, bands: int, positions: int, blocks: int, width: int, inner: int) -> None:
        super().__init__()
        self.bands, self.positions, self.width = bands, positions, width
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(positions, width)
        self.layers = nn.ModuleList(Block(width, inner) for _ in range(blocks))
        self.layer_norm = nn.LayerNorm(width)
        filters = melscale_fbanks(FRAME // 2 + 1, 0.0, SAMPLE_RATE / 2, bands, SAMPLE_RATE, "slaney", "slaney")
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("hann", torch.hann_window(FRAME), persistent=False)

    def log_mel(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> [N, bands, 2 * positions]; what the window does not fill is silence."""
        windows = windows.to(self.hann.device)
        if self.positions == POSITIONS:
            windows = windows * (PEAK / windows.abs().amax(1, keepdim=True).clamp(min=1e-6))
        windows = F.pad(windows, (0, 2 * HOP * self.positions - windows.shape[1]))
        power = torch.stft(windows, FRAME, HOP, window=self.hann, return_complex=True)[..., :-1].abs() ** 2
        mel = (self.filters.T @ power).clamp(min=1e-10).log10()
        return (mel.maximum(mel.amax((1, 2), keepdim=True) - 8) + 4) / 4

    def forward(self, features: Tensor) -> list[Tensor]:
        """[N, bands, 2 * positions] -> each block's output [N, positions, width], the last one after the final norm."""
        states = F.gelu(self.conv2(F.gelu(self.conv1(features))))
        states, layers = states.transpose(1, 2) + self.embed_positions.weight, []
        for block in self.layers:
            states = block(states)
            layers.append(states)
        return [*layers[:-1], self.layer_norm(states)]

    @torch.inference_mode()
    def statistics(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> mean and standard deviation of each layer over the window's positions, [N, L, 2, width]."""
        layers = torch.stack([layer[:, :POSITIONS] for layer in self(self.log_mel(windows))], 1)
        mean = layers.mean(2, keepdim=True)
        # Not `std`, which takes ten times as long over a dimension that is not the last.
        deviation = ((layers - mean).square().sum(2) / (POSITIONS - 1)).sqrt()
        return torch.stack([mean.squeeze(2), deviation], 2)


def load_trunk(weights: Path, padded: bool = False) -> Trunk:
    """The encoder with the sizes its state dict has; Whisper and WhisperCLIP share it while either is in use.

    Args:
        padded: keeps the whole 30-second context; else it is cut to `POSITIONS` and stays on the processor.

    Raises:
        CheckpointError: the file is not a Whisper encoder.
    """
    if (trunk := _trunks.get((weights, padded))) is not None:
        return trunk
    file = weights / "model.safetensors"
    state = {name.replace("self_attn.", ""): tensor.float() for name, tensor in load_file(file).items()}
    blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("layers."))
    for number in range(blocks):
        _fuse(state, f"layers.{number}.")
    positions = len(state["embed_positions.weight"]) if padded else POSITIONS
    state["embed_positions.weight"] = state["embed_positions.weight"][:positions]
    width, bands, _ = state["conv1.weight"].shape
    trunk = Trunk(bands, positions, blocks, width, inner=len(state["layers.0.fc1.weight"]))
    load_strict(trunk, state, SOURCES["whisper"].title)
    if not padded:
        pack(trunk, POSITIONS)
    _trunks[weights, padded] = trunk
    return trunk


def _fuse(state: dict[str, Tensor], at: str) -> None:
    """Query, key (which has no bias) and value of a block as one product."""
    query, key, value = (state.pop(f"{at}{part}_proj.weight") for part in "qkv")
    before, after = (state.pop(f"{at}{part}_proj.bias") for part in "qv")
    state[f"{at}qkv.weight"] = torch.cat([query, key, value])
    state[f"{at}qkv.bias"] = torch.cat([before, torch.zeros_like(before), after])


class Whisper(Encoder):
    """The last layer, after Whisper's final norm, averaged over time."""

    sample_rate = SAMPLE_RATE
    joint = None

    def __init__(self, trunk: Trunk, spec: EncoderSpec) -> None:
        self.trunk, self.spec = trunk, spec
        self.dim = trunk.width

    def hear(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> each layer's mean and standard deviation over time, [N, L, 2, width]."""
        return self.trunk.statistics(windows).cpu()

    def pool(self, heard: Tensor) -> Tensor:
        """[N, L, 2, width] -> the last layer's mean [N, width]."""
        return heard[:, -1, 0]
