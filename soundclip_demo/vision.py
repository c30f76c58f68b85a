"""The compact CLIP tower: a frame becomes one token and 49 patches in "compact CLIP space".

EfficientNet-Lite0 (Tan & Le 2019, ReLU6 and no squeeze-and-excitation; ImageNet weights) gives a 7 x 7 map of
width 1280. Its values are all non-negative, so every picture would look like every other; they are centred and
scaled per dimension by the training pictures' statistics. The mean of the 49 patches stands in the CLS slot.
"""


from pathlib import Path

import numpy as np
import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

SIZE = 224  # pixels
RESIZED = 256  # short edge before the centre crop (ratio 0.875, as in its training)

# expansion, channels, blocks, first stride, kernel (EfficientNet-B0's table; Lite keeps stem and head widths)
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class EfficientNetLiteConfig(PretrainedConfig):
    """`width` scales every channel count: 1.0 is the published network, tests use less."""

    model_type = "efficientnet_lite"

    def __init__(self, width: float = 1.0, hidden_size: int = 1280, image_size: int = SIZE, **kwargs) -> None:
        self.width, self.hidden_size, self.image_size = width, hidden_size, image_size
        super().__init__(**kwargs)


class _ConvNorm(nn.Module):
    """Convolution padded the TensorFlow way (more on the right), then batch norm."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        pad = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in (x.shape[-1], x.shape[-2])]
        x = F.pad(x, [side for p in pad for side in (p // 2, p - p // 2)])
        return self.norm(self.conv(x))


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        if expansion > 1:
            self.expand = _ConvNorm(inputs, hidden, 1)
        self.depthwise = _ConvNorm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = _ConvNorm(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.expand(x)) if hasattr(self, "expand") else x
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class EfficientNetLite(PreTrainedModel):
    """The tower LLaVA sees through, in the form transformers expects of one.

    `hidden_states[-1]` is `[N, 1 + 49, 1280]`: the token first, then the patches in raster order.
    """

    config_class = EfficientNetLiteConfig
    main_input_name = "pixel_values"

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        channels = max(8, round(32 * config.width))
        self.stem = _ConvNorm(3, channels, 3, stride=2)
        blocks = []
        for expansion, width, count, stride, kernel in _STAGES:
            outputs = max(8, round(width * config.width))
            for i in range(count):
                blocks.append(_Block(channels, outputs, expansion, stride if i == 0 else 1, kernel))
                channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = _ConvNorm(channels, config.hidden_size, 1)
        self.register_buffer("mean", torch.zeros(config.hidden_size))
        self.register_buffer("std", torch.ones(config.hidden_size))
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: object) -> BaseModelOutputWithPooling:
        """`pixel_values [N, 3, 224, 224]` -> token and patches, standardised."""
        x = F.relu6(self.stem(pixel_values))
        for block in self.blocks:
            x = block(x)
        patches = F.relu6(self.head(x)).flatten(2).mT  # [N, P, D]
        patches = (patches - self.mean) / self.std
        hidden = torch.cat([patches.mean(1, keepdim=True), patches], dim=1)
        return BaseModelOutputWithPooling(
            last_hidden_state=hidden, pooler_output=hidden[:, 0], hidden_states=(hidden,)
        )

    @torch.inference_mode()
    def look(self, images: list[Image.Image]) -> tuple[Tensor, Tensor]:
        """Pictures -> tokens `[N, D]` and patches `[N, P, D]`."""
        hidden = self(torch.stack([pixels(image) for image in images])).last_hidden_state
        return hidden[:, 0], hidden[:, 1:]

    @staticmethod
    def view(image: Image.Image) -> Image.Image:
        """The part of a picture that `look` sees, as large as it sees it."""
        return cropped(image)


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLite)


def load(weights: Path, statistics: Path | None) -> EfficientNetLite:
    """The tower from the packaged weights and the training pictures' statistics (`mean`, `std`, each [D]).

    Without statistics it gives unstandardised features, from which the statistics are then computed.
    """
    tower = EfficientNetLite(EfficientNetLiteConfig())
    width = tower.config.hidden_size
    standard = load_file(statistics) if statistics else {"mean": torch.zeros(width), "std": torch.ones(width)}
    tower.load_state_dict(load_file(weights / "model.safetensors") | standard)
    return tower.eval().to(memory_format=torch.channels_last)


def pixels(image: Image.Image) -> Tensor:
    """A picture -> `[3, 224, 224]` in [-1, 1]."""
    return torch.from_numpy((np.asarray(cropped(image), dtype=np.float32) - 127.0) / 128.0).permute(2, 0, 1)


def cropped(image: Image.Image) -> Image.Image:
    """224 x 224 pixels of a picture: short edge to 256, centre crop, as in the tower's training."""
    image = image.convert("RGB")
    scale = RESIZED / min(image.size)
    image = image.resize([max(SIZE, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    return image.crop((left, top, left + SIZE, top + SIZE))
