"""WhisperCLIP: all of Whisper's layers fused (paper abstract; paper-facts section 5 and section 12, points 20 and 21).

Sound events live in the middle layers that a speech recogniser's last one has already forgotten. Each layer's
output is summarised over time by mean and standard deviation; a softmax-weighted sum over the layers, with learned
weights per statistic, gives the embedding. The paper gives no formula; this is the recommended reading of it.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..config import WINDOW_SECONDS
from .base import EncoderSpec
from .whisper import CHECKPOINT, PREPROCESSING, SAMPLE_RATE, log_mel

STATISTICS = 2  # mean and standard deviation over time
POOLING = "mean and standard deviation over time of every layer, softmax-weighted over layers"
SPEC = EncoderSpec("whisperclip", CHECKPOINT, PREPROCESSING, POOLING, WINDOW_SECONDS)


def statistics(trunk: WhisperEncoder, windows: Tensor) -> Tensor:
    """Windows [N, 48000] -> mean and standard deviation over time of each block's output, [N, L, 2, width].

    The last block's output is taken after Whisper's final norm, as transformers returns it; its mean is the
    embedding of the plain Whisper encoder.
    """
    states = trunk(log_mel(windows, trunk.config.num_mel_bins), output_hidden_states=True).hidden_states
    layers = torch.stack(states[1:], dim=1)  # the first one is the input of block 1
    return torch.stack([layers.mean(2), layers.std(2)], dim=2)


class Fusion(nn.Module):
    """Softmax-weighted sum over layers of the standardised statistics, [N, L, 2, width] -> [N, 2 * width]."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(layers, STATISTICS))
        self.register_buffer("mean", torch.zeros(layers, STATISTICS, width))
        self.register_buffer("std", torch.ones(layers, STATISTICS, width))

    def forward(self, summary: Tensor) -> Tensor:
        # Layers differ in scale by an order of magnitude: unscaled, the weights would only undo that.
        standard = (summary - self.mean) / self.std
        return (standard * self.weight.softmax(0)[..., None]).sum(1).flatten(1)


def load_fusion(file: Path) -> Fusion:
    """The trained fusion weights."""
    state = {name: tensor.float() for name, tensor in load_file(file).items()}
    layers, _, width = state["mean"].shape
    fusion = Fusion(layers, width)
    fusion.load_state_dict(state)
    return fusion.eval()


class WhisperClip:
    """Whisper's trunk with a learned fusion of its layers."""

    spec = SPEC
    sample_rate = SAMPLE_RATE

    def __init__(self, trunk: WhisperEncoder, fusion: Fusion) -> None:
        self.trunk, self.fusion = trunk, fusion
        self.dim = STATISTICS * trunk.config.d_model

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> [N, 768]."""
        return self.fusion(statistics(self.trunk, windows))
