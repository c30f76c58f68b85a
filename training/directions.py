"""One setting's searches as the results file has them: sound -> clip and clip -> sound, full gallery and pools."""

import numpy as np

from .bootstrap import interval, median
from .retrieval import POOL, found, pools, ranks


def summary(measures: dict[str, np.ndarray], gallery: int) -> dict[str, dict[str, float]]:
    """What `retrieval.found` gives, with intervals and the number of answers that were searched; ranks by median."""
    return {
        name: (median if name == "rank" else interval)(values) | {"gallery": gallery}
        for name, values in measures.items()
    }


def backward(scores: np.ndarray, right: np.ndarray, of: np.ndarray) -> dict[str, dict[str, float]]:
    """clip -> sound: clips ask for a recording of their category among all held-out ones.

    Args:
        scores, right: [N, C], of sounds by clips.
        of: bool [N], a group of recordings; the clips of its categories ask.
    """
    asking = right[of].any(axis=0)
    return summary(found(ranks(scores.T[asking], right.T[asking])), len(scores))


def in_pools(scores: np.ndarray, right: np.ndarray, of: np.ndarray) -> dict[str, dict]:
    """Both directions among pools of `POOL` answers; a direction with fewer answers is left out.

    Args:
        scores, right, of: as for `backward`.
    """
    asking = right[of].any(axis=0)
    ways = {
        "sound_to_clip": (scores[of], right[of]),
        "clip_to_sound": (scores.T[asking], right.T[asking]),
    }
    return {way: pools(*searched) for way, searched in ways.items() if searched[0].shape[1] >= POOL}
