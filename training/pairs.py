"""How batches of pairs are drawn: which rows, which partner of each, and mixtures of two pairs."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .corpus import SoundFile


def rows_of(sounds: list[SoundFile], split: str, targets: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split whose category has a picture, and the category's number for each."""
    number = {name: i for i, name in enumerate(sorted(targets))}
    rows = [i for i, sound in enumerate(sounds) if sound.split == split and sound.category in number]
    return np.array(rows, dtype=int), np.array([number[sounds[i].category] for i in rows], dtype=int)


def mixed(
    heard: Tensor, shown: dict[str, Tensor], share: float, random: np.random.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mixes some pairs with another of the batch: sounds, and what each is shown with, in the same proportion.

    Things often sound together; and a network that was never sure of a mixture ranks second guesses better.
    """
    other = torch.from_numpy(random.permutation(len(heard)))
    kept = np.where(random.random(len(heard)) < share, random.uniform(0.5, 1.0, len(heard)), 1.0)
    kept = torch.from_numpy(kept).float()

    def mix(values: Tensor) -> Tensor:
        part = kept.view(-1, *[1] * (values.dim() - 1))
        return part * values + (1 - part) * values[other]

    return mix(heard), {name: mix(F.normalize(given, dim=1)) for name, given in shown.items()}


def draw(choices: list[Tensor], groups: np.ndarray, random: np.random.Generator) -> Tensor:
    """One of the rows [n, D] of each category in `groups` -> [N, D]."""
    return torch.stack([choices[group][random.integers(len(choices[group]))] for group in groups])


def balance(groups: np.ndarray) -> np.ndarray:
    """How likely each row is drawn, [N]: large categories a little less often than they are large."""
    weights = 1 / np.sqrt(np.maximum(3, np.bincount(groups)))[groups]
    return weights / weights.sum()
