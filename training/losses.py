"""The contrastive loss of the projector."""

import torch
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.07  # AVVA's value (paper-facts section 3)


def info_nce(sound: Tensor, picture: Tensor, groups: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Symmetric InfoNCE over a batch of pairs.

    Args:
        sound, picture: tokens [N, D] of any length; compared by cosine.
        groups: int [N]; two pairs of one group show the same thing and are never each other's negatives.

    Returns:
        Mean of the sound-to-picture and picture-to-sound cross-entropies.
    """
    logits = F.normalize(sound, dim=1) @ F.normalize(picture, dim=1).T / temperature
    same = groups[:, None] == groups[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -torch.inf)
    target = torch.arange(len(sound), device=sound.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
