"""Retrieval by rank: recall, median rank and mean reciprocal rank, on all answers or on pools of a fixed size.

A query may have several right answers (all clips of its category) or one (the clip it was cut from); its rank is that
of the best of them. The other direction is the transposed matrix.
"""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from soundclip_demo.gallery import Gallery

TOPS = (1, 5, 10)
POOL_TOPS = (1, 3, 5, 10)  # AVVA reports top 3 (paper-facts section 8.5)
POOL = 100  # answers in a pool, and how many pools are drawn (AVVA, paper-facts section 7)
POOLS = 100


def cosines(sounds: Tensor, clips: Tensor) -> np.ndarray:
    """[N, D] and [C, D] -> [N, C]; a vector of zeros is equally far from everything."""
    return (F.normalize(sounds, dim=1) @ F.normalize(clips, dim=1).T).numpy()


def of_category(wanted: list[str], gallery: Gallery) -> np.ndarray:
    """Which clips are of the wanted category, bool [N, C]."""
    return np.array(wanted)[:, None] == np.array([clip.category for clip in gallery.clips])


def ranks(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rank of each query's best right answer, from 1, int [N].

    A wrong answer with the same score comes first. So vectors that all fell together, or are all zero, find nothing;
    with half a rank for a tie they would seem to search.

    Args:
        scores: [N, C], higher is nearer.
        right: bool [N, C], at least one in every row.

    Raises:
        ValueError: a query has no right answer, or a score is not a number.
    """
    if not right.any(axis=1).all():
        raise ValueError("a query without a right answer has no rank")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not a number")
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return 1 + (~right & (scores >= best)).sum(axis=1)


def found(ranks: np.ndarray, tops: tuple[int, ...] = TOPS) -> dict[str, np.ndarray]:
    """Ranks [N] as what is reported of them, each [N]: `top1` ... (1 if among the first), `mrr` and `rank` itself."""
    return {f"top{top}": (ranks <= top).astype(float) for top in tops} | {"mrr": 1.0 / ranks, "rank": ranks}


def by_chance(right: np.ndarray, top: int) -> float:
    """Probability that `top` answers drawn at random hold a right one, mean over the queries of `right` [N, C]."""
    size, shown = right.shape[1], right.sum(axis=1)
    misses = np.prod([(size - shown - i) / (size - i) for i in range(min(top, size))], axis=0)
    return float(1 - np.mean(misses))


def pools(
    scores: np.ndarray, right: np.ndarray, size: int = POOL, times: int = POOLS, seed: int = 0
) -> dict[str, dict[str, float] | int]:
    """Recall among `size` answers drawn without duplicates, `times` times: AVVA's protocol (paper-facts section 7).

    A draw asks the queries that it holds a right answer for. Where every query has one answer of its own, these are
    `size` queries, as in AVVA; by category their number varies, and a few have more than one right answer.

    Args:
        scores, right: [N, C], as for `ranks`.

    Returns:
        `size`, `times`; for `top1`, `top3`, `top5`, `top10` mean and standard deviation over draws (divided by
        `times`, not `times - 1`, as AVVA's printed figures are) and the level of chance; `queries`, their mean number.

    Raises:
        ValueError: there are fewer than `size` answers.
    """
    if scores.shape[1] < size:
        raise ValueError(f"{scores.shape[1]} answers are too few for pools of {size}")
    random = np.random.default_rng(seed)
    drawn, levels, asked = [], [], []
    for _ in range(times):
        pool = random.choice(scores.shape[1], size, replace=False)
        asking = right[:, pool].any(axis=1)
        if not asking.any():
            continue
        held = right[asking][:, pool]
        hits = found(ranks(scores[asking][:, pool], held), POOL_TOPS)
        drawn.append([hits[f"top{top}"].mean() for top in POOL_TOPS])
        levels.append([by_chance(held, top) for top in POOL_TOPS])
        asked.append(int(asking.sum()))
    if not drawn:
        raise ValueError("no pool held a right answer")
    mean, deviation, level = np.mean(drawn, axis=0), np.std(drawn, axis=0), np.mean(levels, axis=0)
    tops = {
        f"top{top}": {"mean": round(float(m), 4), "sd": round(float(s), 4), "chance": round(float(c), 4)}
        for top, m, s, c in zip(POOL_TOPS, mean, deviation, level, strict=True)
    }
    return {"size": size, "times": len(drawn), "queries": round(float(np.mean(asked)), 1)} | tops
