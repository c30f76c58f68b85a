"""95 % intervals by resampling recordings with a fixed seed, of one setting or of the difference of two."""

from collections.abc import Callable

import numpy as np

RESAMPLES = 2000


def interval(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Mean of values [N] with its interval; `n` is their number."""
    return {"mean": round(float(values.mean()), 4)} | _spread(_resampled(values, np.mean, seed)) | {"n": len(values)}


def median(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Median of values [N] with its interval."""
    return {"median": float(np.median(values))} | _spread(_resampled(values, np.median, seed)) | {"n": len(values)}


def paired(a: np.ndarray, b: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Mean of `a - b`, two settings measured on the same recordings [N], with its interval.

    `other_side` is the share of resamples in which the difference is 0 or has the other sign: near 0, the sign is
    sure; near 0.5, it could as well be the other.

    Raises:
        ValueError: they are not of the same recordings.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values are not of the same recordings")
    differences = a - b
    mean, means = float(differences.mean()), _resampled(differences, np.mean, seed)
    other = float(np.mean(np.sign(means) != np.sign(mean))) if mean else 1.0
    return {"mean": round(mean, 4)} | _spread(means) | {"other_side": round(other, 4), "n": len(a)}


def _resampled(values: np.ndarray, statistic: Callable[..., np.ndarray], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return statistic(values[random.integers(0, len(values), (RESAMPLES, len(values)))], axis=1)


def _spread(statistics: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(statistics, [2.5, 97.5])
    return {"low": round(float(low), 4), "high": round(float(high), 4)}
