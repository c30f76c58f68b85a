"""AudioCLIP's audio tower, ESResNeXt-fbsp: a learned bank of wavelets and a ResNeXt-50 with attention gates.

Guzhov, Raue, Hees and Dengel, "AudioCLIP: Extending CLIP to Image, Text and Audio", ICASSP 2022, arXiv:2106.13043;
the network is from their "ESResNe(X)t-fbsp: Learning Robust Time-Frequency Transformation of Audio", IJCNN 2021,
arXiv:2104.11587. Code and weights are MIT. The module names are the ones in the authors' checkpoint.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..suites import Fetch
from .base import Kind
from .joint import JointSpace

SAMPLE_RATE = 44_100
INTEGER_SCALE = 32_768  # the network was trained on 16-bit units; fed [-1, 1] it would see everything 90 dB lower
POWER_FLOOR = 1e-18
EPS = 1e-8
BANDS = 3  # the spectrum is cut into three bands, which stand for the colours of a picture
BLACKMAN_HARRIS = (0.35875, -0.48829, 0.14128, -0.01168)
GATE_KERNELS = ((3, 1), (1, 5), (3, 1), (1, 5), (3, 5))  # bins and frames in turn, in the end both


@dataclass(frozen=True)
class AudioClipConfig:
    """Sizes of the tower; the defaults are the published network.

    Attributes:
        width: channels of the stem. Stage s (0 to 3) has 4 width 2^s channels, and half as many inside its blocks.
        cardinality: groups of the blocks' 3x3 convolutions; divides 2 width.
        layers: blocks in each of the four stages.
        dim: of the embedding.
        n_fft, win, hop: length of the wavelets, of a frame and of the step between frames, in samples.
    """

    width: int = 64
    cardinality: int = 32
    layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    dim: int = 1024
    n_fft: int = 2048
    win: int = 1654
    hop: int = 561


# Trained here from scratch, with a frame each 20 ms. Its wavelets stay a Fourier transform.
COMPACT = AudioClipConfig(width=16, cardinality=8, layers=(1, 2, 2, 1), dim=256, n_fft=1024, win=882, hop=882)


class Wavelets(nn.Module):
    """Frequency B-spline wavelets of `n_fft` samples: of order `m`, bandwidth `fb` and centre frequency `fc`.

    The three are [n_fft / 2 + 1]. As initialised, with order 0 and centres 0, 1, 2, ..., the wavelets are nearly those
    of the Fourier transform. `kept` of them are used, as many as three equal bands hold: of the published 1025 not the
    top two.
    """

    def __init__(self, n_fft: int) -> None:
        super().__init__()
        bins = n_fft // 2 + 1
        self.n_fft, self.kept = n_fft, bins // BANDS * BANDS
        self.m = nn.Parameter(torch.zeros(bins))
        self.fb = nn.Parameter(torch.ones(bins))
        self.fc = nn.Parameter(torch.arange(bins, dtype=torch.float32))
        self.bias = nn.Parameter(torch.empty(0))  # there is none, but the checkpoint has the name

    def forward(self, length: int) -> Tensor:
        """The middle `length` samples of the kept wavelets: real parts, then imaginary parts, [2 kept, length].

        A frame is shorter than a wavelet and lies in its middle; the zeros around it need no factors.
        """
        m, fb, fc = (parameter[: self.kept, None] for parameter in (self.m, self.fb, self.fc))
        start = (self.n_fft - length) // 2
        t = math.pi * torch.linspace(-1, 1, self.n_fft, device=m.device)[start : start + length] + EPS
        argument = fb * t / (m + EPS)
        lobes = argument.sin() / argument
        # The sinc is raised to a real power as a complex number: its negative lobes, at angle pi, get to pi m.
        size, angle = (fb / self.n_fft).sqrt() * lobes.abs() ** m, math.pi * m * (lobes < 0)
        real, imaginary = size * angle.cos(), size * angle.sin()
        # Times exp(-i fc t), not as a sum of angles: fc t goes to 3200, where float32 has steps of 2e-4.
        cos, sin = (fc * t).cos(), (fc * t).sin()
        return torch.cat((real * cos + imaginary * sin, imaginary * cos - real * sin))


class Bottleneck(nn.Module):
    """A ResNeXt block: [N, inside, H, W] -> [N, outside, H / stride, W / stride]."""

    def __init__(self, inside: int, outside: int, stride: int, cardinality: int) -> None:
        super().__init__()
        inner = outside // 2
        self.conv1 = nn.Conv2d(inside, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, groups=cardinality, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample = nn.Identity()
        if stride > 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, maps: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(maps))


class Gate(nn.Module):
    """What a stage's output is multiplied by, from its input: [N, inside, H, W] -> [N, outside, *size] in (0, 1)."""

    def __init__(self, inside: int, outside: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2)
        self.conv_depth = nn.Conv2d(inside, inside, kernel, padding=padding, groups=inside)
        self.conv_point = nn.Conv2d(inside, outside, 1)
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        pooled = F.adaptive_max_pool2d(maps, size)
        return self.bn(self.conv_point(self.conv_depth(pooled))).sigmoid()


class EsResNeXt(nn.Module):
    """The whole network: `pictures`, its front end, and `forward`, the ResNeXt."""

    def __init__(self, config: AudioClipConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width, *(4 * config.width * 2**stage for stage in range(4))]
        self.register_buffer("window", _blackman_harris(config.win))
        self.fbsp = Wavelets(config.n_fft)
        self.conv1 = nn.Conv2d(BANDS, config.width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.layer1 = _stage(widths[0], widths[1], config.layers[0], 1, config.cardinality)
        self.layer2 = _stage(widths[1], widths[2], config.layers[1], 2, config.cardinality)
        self.layer3 = _stage(widths[2], widths[3], config.layers[2], 2, config.cardinality)
        self.layer4 = _stage(widths[3], widths[4], config.layers[3], 2, config.cardinality)
        self.att1 = Gate(widths[0], widths[1], GATE_KERNELS[0])
        self.att2 = Gate(widths[1], widths[2], GATE_KERNELS[1])
        self.att3 = Gate(widths[2], widths[3], GATE_KERNELS[2])
        self.att4 = Gate(widths[3], widths[4], GATE_KERNELS[3])
        self.att5 = Gate(widths[4], widths[4], GATE_KERNELS[4])
        self.fc = nn.Linear(widths[4], config.dim)

    def pictures(self, samples: Tensor) -> Tensor:
        """Samples [N, T] in 16-bit units -> decibels [N, 3, bins // 3, frames], low frequencies first."""
        config = self.config
        samples = (samples + INTEGER_SCALE) * 2 / (2 * INTEGER_SCALE - 1) - 1  # -32768 to 32767 becomes -1 to 1
        steps = math.ceil((samples.shape[1] - config.win) / config.hop)
        padding = steps * config.hop + config.win - samples.shape[1]  # the last frame is full
        frames = F.pad(samples, (padding // 2, padding - padding // 2)).unfold(1, config.win, config.hop)
        waves = (frames * self.window) @ self.fbsp(config.win).T
        power = waves.square().unflatten(2, (2, -1)).sum(2)
        decibels = 10 * power.masked_fill(power == 0, POWER_FLOOR).log10()
        return decibels.transpose(1, 2).unflatten(1, (BANDS, -1))

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, dim]."""
        maps = F.max_pool2d(F.relu(self.bn1(self.conv1(pictures))), 3, 2, padding=1)
        stages = (self.layer1, self.layer2, self.layer3, self.layer4, nn.AdaptiveAvgPool2d(1))
        gates = (self.att1, self.att2, self.att3, self.att4, self.att5)
        for stage, gate in zip(stages, gates, strict=True):
            after = stage(maps)
            maps = after * gate(maps, after.shape[2:])
        return self.fc(maps.flatten(1))


class AudioClipTower(nn.Module):
    """ESResNeXt-fbsp under the checkpoint's prefix `audio`."""

    sample_rate = SAMPLE_RATE

    def __init__(self, config: AudioClipConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self.audio = EsResNeXt(config)

    def features(self, windows: Tensor) -> Tensor:
        """Windows [N, T] in [-1, 1] -> decibels [N, 3, bins // 3, 1 + ceil((T - win) / hop)]."""
        return self.audio.pictures(windows * INTEGER_SCALE)

    def embed(self, features: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, dim], not of unit length."""
        return self.audio(features)


def _blackman_harris(length: int) -> Tensor:
    """The periodic window, [length]."""
    turn = 2 * math.pi * torch.arange(length, dtype=torch.float64) / length
    return sum(factor * (order * turn).cos() for order, factor in enumerate(BLACKMAN_HARRIS)).float()


def _stage(inside: int, outside: int, blocks: int, stride: int, cardinality: int) -> nn.Sequential:
    return nn.Sequential(
        Bottleneck(inside, outside, stride, cardinality),
        *(Bottleneck(outside, outside, 1, cardinality) for _ in range(blocks - 1)),
    )


def joint(fetch: Fetch, device: torch.device) -> JointSpace:
    """The space of the published sounds: pictures, by CLIP's ResNet-50, which partial training left unchanged."""
    from . import pictures

    file = fetch("audioclip-paper") / "pictures.safetensors"
    return pictures.joint(pictures.ModifiedResNet(), file, device)


AUDIOCLIP = Kind(
    "audioclip",
    AudioClipTower,
    AudioClipConfig,
    "44.1 kHz in 16-bit units, B-spline wavelets in decibels",
    "mean over the map, linear",
)
