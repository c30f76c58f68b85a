"""The contrastive loss of the projector."""

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from .processes import gather

TEMPERATURE = 0.07  # AVVA's value (paper-facts section 3)


def info_nce(
    sound: Tensor, picture: Tensor, groups: Tensor, temperature: float | Tensor = TEMPERATURE, one_way: bool = False
) -> Tensor:
    """Symmetric InfoNCE over a batch of pairs.

    Args:
        sound, picture: tokens [N, D] of any length; compared by cosine.
        groups: int [N]; two pairs of one group show the same thing and are never each other's negatives.
        one_way: only from sound to picture.

    Returns:
        Mean of the sound-to-picture and picture-to-sound cross-entropies, or the former alone.
    """
    logits = F.normalize(sound, dim=1) @ F.normalize(picture, dim=1).T / temperature
    same = groups[:, None] == groups[None, :]
    same.fill_diagonal_(False)
    logits = logits.masked_fill(same, -torch.inf)
    target = torch.arange(len(sound), device=sound.device)
    found = F.cross_entropy(logits, target)
    return found if one_way else (found + F.cross_entropy(logits.T, target)) / 2


def gathered_info_nce(
    sound: Tensor, picture: Tensor, groups: Tensor, temperature: float | Tensor = TEMPERATURE, one_way: bool = False
) -> Tensor:
    """This process's part of `info_nce` over the batches of all processes: its own pairs against everybody's.

    The mean of the parts over the processes is the loss of the joint batch; so is the mean of the parameters'
    gradients, which is what `DistributedDataParallel` makes of them. Every process must bring the same number of
    pairs. No process computes more than its share of the N x N similarities.
    """
    sound, picture = F.normalize(sound, dim=1), F.normalize(picture, dim=1)
    everybody = gather(groups)
    first = dist.get_rank() * len(groups)
    found = _against(sound, gather(picture), groups, everybody, first, temperature)
    return found if one_way else (found + _against(picture, gather(sound), groups, everybody, first, temperature)) / 2


def _against(
    queries: Tensor, keys: Tensor, groups: Tensor, everybody: Tensor, first: int, temperature: float | Tensor
) -> Tensor:
    """Cross-entropy of queries [n, D] against keys [N, D], of which those from `first` on are their partners."""
    target = torch.arange(first, first + len(queries), device=queries.device)
    same = groups[:, None] == everybody[None, :]
    same.scatter_(1, target[:, None], False)
    return F.cross_entropy((queries @ keys.T / temperature).masked_fill(same, -torch.inf), target)
