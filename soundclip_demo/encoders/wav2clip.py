"""Wav2CLIP's audio tower: a ResNet-18 on log spectrograms and an MLP into CLIP's space.

Wu, Seetharaman, Kumar and Bello, "Wav2CLIP: Learning Robust Audio Representations From CLIP", ICASSP 2022,
arXiv:2110.11499. Code and weights are MIT. The module names are the ones in the authors' checkpoint.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram

from ..suites import Fetch
from .base import Kind
from .joint import JointSpace

SAMPLE_RATE = 16_000
POWER_FLOOR = 1e-7  # all that makes the loudness of the waveform matter
DEVIATION_FLOOR = 1e-9


@dataclass(frozen=True)
class Wav2ClipConfig:
    """Sizes of the tower; the defaults are the published network.

    Attributes:
        width: channels of the stem and the first stage; each later stage has twice those of the one before.
        layers: blocks in each of the four stages.
        dim: of the embedding.
        n_fft, hop: of the spectrogram, in samples; the Hann window is as long as the FFT.
    """

    width: int = 64
    layers: tuple[int, int, int, int] = (2, 2, 2, 2)
    dim: int = 512
    n_fft: int = 512
    hop: int = 353


# Trained here from scratch.
COMPACT = Wav2ClipConfig(width=24, layers=(1, 1, 1, 1), dim=256)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: [N, inside, H, W] -> [N, outside, H / stride, W / stride]."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = nn.Identity()
        if stride > 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, maps: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(maps)))
        return F.relu(self.bn2(self.conv2(inner)) + self.downsample(maps))


class AudioEncoder(nn.Module):
    """Spectrogram and ResNet: they share a prefix in the checkpoint.

    `forward` takes pictures [N, 1, bins, frames] and gives the mean over the last maps, [N, 8 width].
    """

    def __init__(self, config: Wav2ClipConfig) -> None:
        super().__init__()
        self.spectrogram = Spectrogram(config.n_fft, hop_length=config.hop)  # power, periodic Hann, centred, reflected
        widths = [config.width * 2**stage for stage in range(4)]
        self.conv1 = nn.Conv2d(1, config.width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.layer1 = _stage(config.width, widths[0], config.layers[0], stride=1)
        self.layer2 = _stage(widths[0], widths[1], config.layers[1], stride=2)
        self.layer3 = _stage(widths[1], widths[2], config.layers[2], stride=2)
        self.layer4 = _stage(widths[2], widths[3], config.layers[3], stride=2)

    def forward(self, pictures: Tensor) -> Tensor:
        maps = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
        return maps.mean((2, 3))


class Transform(nn.Module):
    """The MLP behind the ResNet: [N, width] -> [N, dim]."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        # The identity makes the second layer's index 3, which is its name in the checkpoint.
        self.sequential = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Identity(), nn.Linear(width, dim))

    def forward(self, pooled: Tensor) -> Tensor:
        return self.sequential(pooled)


class Wav2ClipTower(nn.Module):
    """Log spectrogram of the whole window, ResNet, MLP."""

    sample_rate = SAMPLE_RATE

    def __init__(self, config: Wav2ClipConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.audio_encoder = AudioEncoder(config)
        self.audio_transform = Transform(8 * config.width, config.dim)

    def features(self, windows: Tensor) -> Tensor:
        """Windows [N, T] -> log spectrograms [N, 1, n_fft / 2 + 1, 1 + T // hop], each of mean 0 and deviation 1.

        The authors' code takes mean and deviation over the whole batch, so that a batch changes its members'
        embeddings. Here each window has its own: what their code does with a batch of one.
        """
        logs = (self.audio_encoder.spectrogram(windows) + POWER_FLOOR).log()
        mean, deviation = logs.mean((1, 2), keepdim=True), logs.std((1, 2), keepdim=True)
        return ((logs - mean) / (deviation + DEVIATION_FLOOR)).unsqueeze(1)

    def embed(self, features: Tensor) -> Tensor:
        """[N, 1, bins, frames] -> [N, dim], not of unit length."""
        return self.audio_transform(self.audio_encoder(features))


def _stage(inside: int, outside: int, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(inside, outside, stride), *(BasicBlock(outside, outside, 1) for _ in range(blocks - 1))
    )


def joint(fetch: Fetch, device: torch.device) -> JointSpace:
    """The space of the published sounds: pictures, by CLIP ViT-B/32.

    An assumption: the authors never name their CLIP, but its width and their demo's default point here.
    """
    from transformers import CLIPVisionConfig

    from . import pictures

    file = fetch("vit-b-32") / "model.safetensors"
    config = CLIPVisionConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        patch_size=32,
        projection_dim=512,
        hidden_act="quick_gelu",
    )
    return pictures.joint(pictures.VisionTransformer(config), file, device)


WAV2CLIP = Kind(
    "wav2clip",
    Wav2ClipTower,
    Wav2ClipConfig,
    "16 kHz, log power spectrum of 512 each 353, standardised per window",
    "mean over the map, MLP",
)
