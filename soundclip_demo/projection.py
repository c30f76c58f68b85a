"""From an embedding to a token: projected, raw, or in between (paper section 3: the two token constructions)."""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from . import tensors


class Projector(nn.Module):
    """Three-layer MLP with layer norm and GELU, embedding [N, d] -> token [N, D] (paper-facts section 3).

    `hidden` are the widths of the two hidden layers. The input is standardised with the training embeddings'
    mean and standard deviation. InfoNCE trains the direction only, so the length is set to that of the average
    picture's token: what LLaVA sees then differs from a picture in nothing it could tell apart by size.
    """

    def __init__(self, inputs: int, outputs: int, hidden: tuple[int, int] = (512, 1024), dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = {"inputs": inputs, "outputs": outputs, "hidden": list(hidden), "dropout": dropout}
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.register_buffer("norm", torch.ones(()))
        widths = (inputs, *hidden)
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        for narrow, wide in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Linear(narrow, wide), nn.LayerNorm(wide), nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))

    def forward(self, embedding: Tensor) -> Tensor:
        return F.normalize(self.layers((embedding - self.mean) / self.std), dim=-1) * self.norm

    def save(self, file: Path, card: dict) -> None:
        """Writes the weights in float16 with shape and card (data, seed, command, quality) in the header."""
        state = {name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}
        tensors.save(file, state, {"shape": json.dumps(self.shape), "card": json.dumps(card)})

    @classmethod
    def load(cls, file: Path, spec_hash: str) -> "Projector":
        """Opens a projector and refuses one that was trained on another encoder.

        Raises:
            ValueError: the card names another encoder spec.
        """
        with safe_open(file, "pt") as checkpoint:
            metadata = checkpoint.metadata()
            state = {name: checkpoint.get_tensor(name).float() for name in checkpoint.keys()}
        if (trained_on := json.loads(metadata["card"])["encoder_spec"]) != spec_hash:
            raise ValueError(f"{file.name} was trained on encoder spec {trained_on}, not {spec_hash}")
        projector = cls(**json.loads(metadata["shape"]))
        projector.load_state_dict(state)
        return projector.eval()


def raw(embedding: Tensor, width: int) -> Tensor:
    """[N, d] -> [N, width]: zeros at the end, or the first `width` values; nothing learned, nothing rescaled."""
    return F.pad(embedding[:, :width], (0, max(0, width - embedding.shape[1])))


def blend(embedding: Tensor, projector: Projector | None, width: int, share: float) -> Tensor:
    """`(1 - share) raw + share projected`, [N, d] -> [N, width]; 0 is raw, without a projector, and 1 is projected."""
    if share == 0.0:
        return raw(embedding, width)
    projected = projector(embedding)
    return projected if share == 1.0 else (1 - share) * raw(embedding, width) + share * projected
