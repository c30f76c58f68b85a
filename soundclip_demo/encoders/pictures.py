"""The picture sides of the spaces that published encoders share with CLIP: its transformers and its ResNet.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021, arXiv:2103.00020.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from .checkpoint import load_strict
from .joint import JointSpace


class Pictures:
    """A picture side with its preprocessing: short edge to 224, centre crop, CLIP's mean and deviation."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval()
        self._prepare = CLIPImageProcessorPil()

    @torch.inference_mode()
    def __call__(self, images: list[Image.Image]) -> Tensor:
        """N pictures -> unit vectors [N, dim] float32 in main memory."""
        pixels = self._prepare([image.convert("RGB") for image in images], return_tensors="pt").pixel_values
        device = next(self.network.parameters()).device
        return F.normalize(self.network(pixels.to(device)), dim=-1).cpu()


class VisionTransformer(CLIPVisionModelWithProjection):
    """transformers' own: pixels [N, 3, 224, 224] -> [N, dim]."""

    def forward(self, pixels: Tensor) -> Tensor:
        return super().forward(pixels).image_embeds


class ModifiedResNet(nn.Module):
    """CLIP's ResNet (section 2.4 of its paper); the defaults are RN50, the names those of its state dict.

    Three convolutions in the stem, averages instead of strides, and attention instead of the last mean.
    """

    def __init__(
        self, layers: tuple[int, int, int, int] = (3, 4, 6, 3), width: int = 64, heads: int = 32, dim: int = 1024
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width // 2, 3, 2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, 4 * width, layers[0], 1)
        self.layer2 = _stage(4 * width, 8 * width, layers[1], 2)
        self.layer3 = _stage(8 * width, 16 * width, layers[2], 2)
        self.layer4 = _stage(16 * width, 32 * width, layers[3], 2)
        self.attnpool = AttentionPool(32 * width, heads, dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, 3, 224, 224] -> [N, dim]."""
        maps = F.relu(self.bn1(self.conv1(pixels)))
        maps = F.relu(self.bn2(self.conv2(maps)))
        maps = F.avg_pool2d(F.relu(self.bn3(self.conv3(maps))), 2)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
        return self.attnpool(maps)


class Bottleneck(nn.Module):
    """[N, inside, H, W] -> [N, outside, H / stride, W / stride], strides by average."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        inner, self.stride = outside // 4, stride
        self.conv1 = nn.Conv2d(inside, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride > 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside))

    def forward(self, maps: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(maps)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(F.avg_pool2d(inner, self.stride)))
        if self.downsample is not None:
            maps = self.downsample(F.avg_pool2d(maps, self.stride))
        return F.relu(inner + maps)


class AttentionPool(nn.Module):
    """What the mean of a 7 x 7 map looks at in the map and in itself: [N, width, 7, 7] -> [N, dim]."""

    def __init__(self, width: int, heads: int, dim: int, side: int = 7) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.zeros(side**2 + 1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, dim)

    def forward(self, maps: Tensor) -> Tensor:
        cells = maps.flatten(2).transpose(1, 2)
        cells = torch.cat([cells.mean(1, keepdim=True), cells], 1) + self.positional_embedding
        query, key, value = (
            projected.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for projected in (self.q_proj(cells[:, :1]), self.k_proj(cells), self.v_proj(cells))
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.c_proj(seen.transpose(1, 2).flatten(1))


def joint(network: nn.Module, file: Path, device: torch.device) -> JointSpace:
    """The space of the picture side `network`, with the weights in the safetensors `file`.

    Raises:
        CheckpointError: a key is missing, extra or of another shape.
    """
    opened = load_strict(network, load_file(file), f"{file.parent.name}/{file.name}")
    return JointSpace(pictures=Pictures(opened.to(device)))


def _stage(inside: int, outside: int, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        Bottleneck(inside, outside, stride), *(Bottleneck(outside, outside, 1) for _ in range(blocks - 1))
    )
