"""WhisperCLIP: all of Whisper's layers fused (paper abstract; paper-facts section 5 and section 12, points 20 and 21).

Sound events live in the middle layers that a speech recogniser's last one has already forgotten. Each layer's
output is summarised over time by mean and standard deviation; a softmax-weighted sum over the layers, with learned
weights per statistic, gives the embedding. The paper gives no formula; this is the recommended reading of it.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from .. import tensors
from ..config import WINDOW_SECONDS
from .base import EncoderSpec
from .whisper import (
    CHECKPOINT,
    PADDED_SECONDS,
    PAPER_CHECKPOINT,
    PAPER_PREPROCESSING,
    PREPROCESSING,
    Trunk,
    Whisper,
)

STATISTICS = 2  # mean and standard deviation over time
POOLING = "mean and standard deviation over time of every layer, softmax-weighted over layers"
SPEC = EncoderSpec("whisperclip", CHECKPOINT, PREPROCESSING, POOLING, WINDOW_SECONDS)
PAPER_SPEC = EncoderSpec("whisperclip", PAPER_CHECKPOINT, PAPER_PREPROCESSING, POOLING, PADDED_SECONDS)


class Fusion(nn.Module):
    """Softmax-weighted sum over layers of the standardised statistics, [N, L, 2, width] -> [N, 2 * width].

    With `concatenate` nothing is summed and nothing learned: all of them side by side, [N, L * 2 * width].
    """

    def __init__(self, layers: int, width: int, concatenate: bool = False) -> None:
        super().__init__()
        self.weight = None if concatenate else nn.Parameter(torch.zeros(layers, STATISTICS))
        self.register_buffer("mean", torch.zeros(layers, STATISTICS, width))
        self.register_buffer("std", torch.ones(layers, STATISTICS, width))

    def forward(self, summary: Tensor) -> Tensor:
        # Layers differ in scale by an order of magnitude: unscaled, the weights would only undo that.
        standard = (summary - self.mean) / self.std
        if self.weight is None:
            return standard.flatten(1)
        return (standard * self.weight.softmax(0)[..., None]).sum(1).flatten(1)

    @property
    def dim(self) -> int:
        """Of what it gives."""
        layers, statistics, width = self.mean.shape
        return statistics * width * (layers if self.weight is None else 1)

    def save(self, file: Path, card: dict) -> None:
        """Writes the weights with their card in the header."""
        state = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        tensors.save(file, state, {"card": json.dumps(card)})


def load_fusion(file: Path) -> Fusion:
    """The trained fusion weights."""
    state = {name: tensor.float() for name, tensor in load_file(file).items()}
    layers, _, width = state["mean"].shape
    fusion = Fusion(layers, width, concatenate="weight" not in state)
    fusion.load_state_dict(state)
    return fusion.eval()


class WhisperClip(Whisper):
    """Whisper with a learned fusion of all its layers in place of the last one."""

    def __init__(self, trunk: Trunk, fusion: Fusion, spec: EncoderSpec) -> None:
        super().__init__(trunk, spec)
        self.fusion, self.dim = fusion, fusion.dim

    @torch.inference_mode()
    def pool(self, heard: Tensor) -> Tensor:
        """[N, L, 2, width] -> [N, dim]."""
        return self.fusion(heard)
