"""The space an encoder shares with pictures or words, where retrieval is called native.

The compact retrains share theirs with the CLIP tower's tokens and with bags of SmolLM2's word embeddings.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


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
        return torch.stack([self._table[row].mean(0) for row in ids])


class JointSpace(nn.ModuleDict):
    """The sides an encoder was trained with: `picture`, `text` or both."""

    @classmethod
    def load(cls, file: Path) -> "JointSpace":
        state = {name: tensor.float() for name, tensor in load_file(file).items()}
        sides = {name.split(".")[0] for name in state}
        shapes = {side: state[f"{side}.linear.weight"].shape for side in sorted(sides)}
        joint = cls({side: Side(inputs, dim) for side, (dim, inputs) in shapes.items()})
        joint.load_state_dict(state)
        return joint.eval()


def load_words(language: Path) -> Words:
    """The word embeddings of the language model in folder `language`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    table = AutoModelForCausalLM.from_pretrained(language, dtype=torch.float32).get_input_embeddings().weight
    return Words(AutoTokenizer.from_pretrained(language), table.detach())
