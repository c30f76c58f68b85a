"""The space an encoder shares with pictures or words, where retrieval is called native.

The compact retrains share theirs with the CLIP tower's tokens and with bags of SmolLM2's word embeddings; the published
encoders with CLIP's pictures (`pictures.py`) or, CLAP, with its own text tower (`clap.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from PIL import Image

    from ..suites import VisionTower


@dataclass(frozen=True)
class JointSpace:
    """What an encoder's embeddings are compared with, by cosine: N pictures or N texts -> unit vectors [N, dim].

    `tokens` takes pictures as the CLIP tower's tokens [N, D], where those are what the picture side reads.
    """

    pictures: "Callable[[list[Image.Image]], Tensor] | None" = None
    texts: Callable[[Sequence[str]], Tensor] | None = None
    tokens: Callable[[Tensor], Tensor] | None = None


class Side(nn.Module):
    """What a sound is compared with, [N, inputs] -> unit vectors [N, dim]."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.linear = nn.Linear(inputs, dim)

    def forward(self, given: Tensor) -> Tensor:
        return F.normalize(self.linear(self.norm(given)), dim=-1)


class Words:
    """Texts as the mean of their tokens' input embeddings in a language model."""

    def __init__(self, tokenizer, table: Tensor) -> None:
        self._tokenizer, self._table = tokenizer, table

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """N texts -> [N, width]; words count, their order does not."""
        ids = [self._tokenizer(f" {text}", add_special_tokens=False).input_ids for text in texts]
        return torch.stack([self._table[row].float().mean(0) for row in ids])


class Sides(nn.ModuleDict):
    """The sides a compact retrain was trained with: `picture`, `text` or both."""

    @classmethod
    def load(cls, file: Path) -> "Sides":
        state = {name: tensor.float() for name, tensor in load_file(file).items()}
        sides = {name.split(".")[0] for name in state}
        shapes = {side: state[f"{side}.linear.weight"].shape for side in sorted(sides)}
        opened = cls({side: Side(inputs, dim) for side, (dim, inputs) in shapes.items()})
        opened.load_state_dict(state)
        return opened.eval()


def retrained(file: Path, tower: "VisionTower", language: Path) -> JointSpace:
    """The space of a compact retrain.

    Args:
        file: where its sides are.
        tower: looks at the pictures.
        language: folder of the model whose word embeddings stand for texts.
    """
    sides = Sides.load(file)
    words = cache(lambda: load_words(language))

    @torch.inference_mode()
    def tokens(given: Tensor) -> Tensor:
        return sides["picture"](given)

    def pictures(images: "list[Image.Image]") -> Tensor:
        return tokens(tower.look(images)[0])

    @torch.inference_mode()
    def texts(given: Sequence[str]) -> Tensor:
        return sides["text"](words()(given))

    seen = {"pictures": pictures, "tokens": tokens} if "picture" in sides else {}
    return JointSpace(texts=texts if "text" in sides else None, **seen)


def load_words(language: Path) -> Words:
    """The word embeddings of the language model in folder `language`; the rest of it is not read."""
    from transformers import AutoTokenizer

    with safe_open(language / "model.safetensors", "pt") as model:
        table = model.get_tensor("model.embed_tokens.weight")
    return Words(AutoTokenizer.from_pretrained(language), table)
