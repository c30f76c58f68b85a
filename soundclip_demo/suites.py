"""The two suites: which CLIP space, which tower and which captioner. Nothing else asks which suite it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import adapter, weights
from .config import Config
from .events import PROTOCOLS

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from .captioner import Captioner

Fetch = Callable[[str], Path]  # name in `sources.SOURCES` -> folder of the converted checkpoint


class VisionTower(Protocol):
    """The CLIP tower of a suite."""

    def look(self, images: "list[Image.Image]") -> "tuple[Tensor, Tensor]":
        """N pictures -> tokens [N, D] and patches [N, P, D] in raster order, float32 in main memory."""

    def view(self, image: "Image.Image") -> "Image.Image":
        """The square of a picture that `look` sees; the patches divide it evenly."""


@dataclass(frozen=True)
class Space:
    """A CLIP space. A gallery says in which one it was embedded.

    Attributes:
        spec: changes with the weights of the tower that leads there; empty where they are missing.
    """

    name: str
    spec: str


@dataclass(frozen=True)
class Suite:
    """What is shared by all encoders of a suite.

    Attributes:
        grid: rows and columns of a picture's patches.
        language: where LLaVA's words come from, a name in `weights.SOURCES`.
        tower, captioner: loaders; the captioner is the frozen one.
    """

    space: Callable[[Config], Space]
    grid: tuple[int, int]
    language: str
    tower: Callable[[Fetch, Config], VisionTower]
    captioner: Callable[[Fetch, Config, VisionTower], "Captioner"]

    @property
    def patches(self) -> int:
        """P, how many a picture has."""
        return self.grid[0] * self.grid[1]


def device() -> "torch.device":
    """Where the paper suite runs; the compact one is quicker in main memory than on its way to a GPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def llava_folder(config: Config) -> Path:
    """What `training` leaves of LLaVA."""
    return config.checkpoints / "llava"


def llava_spec(config: Config, protocol: str) -> str:
    """Changes with the weights of the LLaVA of a protocol."""
    suite = SUITES[config.suite]
    trained = sorted(llava_folder(config).rglob("*.safetensors"))
    own = [file for file in trained if protocol == "tuned" or "adapter" not in file.parts]
    return " ".join([suite.space(config).spec, weights.SOURCES[suite.language].key, *map(weights.sha256, own)])


def protocols(config: Config) -> tuple[str, ...]:
    """How LLaVA came to sounds, as far as there are checkpoints: `frozen`, and where an adapter is, `tuned`."""
    return PROTOCOLS if adapter.trained(llava_folder(config)) else PROTOCOLS[:1]


def _compact_space(config: Config) -> Space:
    file = _statistics(config)
    spec = f"{weights.SOURCES['vision'].key} {weights.sha256(file)[:12]}" if file.exists() else ""
    return Space("compact CLIP space (EfficientNet-Lite0)", spec)


def _statistics(config: Config) -> Path:
    """What training found of its pictures; part of the compact tower."""
    return config.checkpoints / "vision-statistics.safetensors"


def _compact_tower(fetch: Fetch, config: Config) -> VisionTower:
    from . import vision

    return vision.load(fetch("vision"), _statistics(config))


def _compact_captioner(fetch: Fetch, config: Config, tower: VisionTower) -> "Captioner":
    from . import llava

    return llava.load(tower, fetch("language"), llava_folder(config))


def _paper_space(config: Config) -> Space:
    return Space("CLIP ViT-L/14-336, layer -2", weights.SOURCES["llava-paper"].key)


def _paper_tower(fetch: Fetch, config: Config) -> VisionTower:
    from . import clip, llava_next

    return clip.load(fetch("llava-paper"), device(), llava_next.precision(device()))


def _paper_captioner(fetch: Fetch, config: Config, tower: VisionTower) -> "Captioner":
    from . import llava_next

    return llava_next.load(fetch("llava-paper"), device(), config.four_bit)


SUITES = {
    "compact": Suite(_compact_space, (7, 7), "language", _compact_tower, _compact_captioner),
    "paper": Suite(_paper_space, (24, 24), "llava-paper", _paper_tower, _paper_captioner),
}
