"""How one set of vectors lies beside another (paper-facts section 7; the definitions are those of section 12, 31).

All of it is computed in float64. Means are removed and lengths are kept: whoever compares by cosine gives unit vectors.
"""

import numpy as np

KEPT = 0.9  # share of the visual vectors' variance that their principal subspace holds
NEIGHBOURS = 10


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear centred kernel alignment of rows that belong together, [N, D] and [N, E] -> 0 to 1.

    1 for a rotation and for another scale; not a number where one side does not vary (Kornblith et al. 2019).

    Raises:
        ValueError: the numbers of rows differ.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} and {len(y)} rows do not belong together")
    x, y = _centred(x), _centred(y)
    kernel, other = x @ x.T, y @ y.T
    size = np.linalg.norm(kernel) * np.linalg.norm(other)
    return float((kernel * other).sum() / size) if size else float("nan")


def effective_rank(x: np.ndarray) -> float:
    """exp of the entropy of the normalised singular values of [N, D] (Roy & Vetterli 2007), 1 to min(N - 1, D).

    About the mean: where the cloud lies says nothing of how many directions it fills. Not a number where all rows are
    the same.
    """
    values = np.linalg.svd(_centred(x), compute_uv=False)
    if not values.sum():
        return float("nan")
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def orthogonal_residual(x: np.ndarray, visual: np.ndarray, kept: float = KEPT) -> float:
    """Share of the length of x [N, D] outside the principal subspace of `visual` [C, D], mean over rows, 0 to 1.

    The subspace goes through the mean of `visual` along the fewest principal directions that hold `kept` of its
    variance. Lengths are taken from that mean too, so a set that lies apart from the pictures counts as outside. As a
    share, since raw vectors come in any length.
    """
    mean = visual.astype(np.float64).mean(axis=0)
    _, values, directions = np.linalg.svd(visual - mean, full_matrices=False)
    held = np.cumsum(values**2) / (values**2).sum()
    basis = directions[: int(np.searchsorted(held, kept - 1e-12)) + 1]
    away = x - mean
    outside = away - away @ basis.T @ basis
    lengths = np.linalg.norm(away, axis=1)
    return float(np.mean(np.linalg.norm(outside, axis=1) / np.where(lengths, lengths, 1)))


def neighbour_overlap(x: np.ndarray, y: np.ndarray, k: int = NEIGHBOURS) -> float:
    """Mean share of the k nearest neighbours by cosine that a row has in both [N, D] and [N, E], itself left out.

    Of equally near ones the first is taken. Unrelated sets share k / (N - 1).

    Raises:
        ValueError: the numbers of rows differ, or there are no k neighbours.
    """
    if len(x) != len(y) or len(x) <= k:
        raise ValueError(f"{k} neighbours each cannot be compared among {len(x)} and {len(y)} rows")
    near, also = _neighbours(x, k), _neighbours(y, k)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(near, also, strict=True)]))


def describe(tokens: np.ndarray, heard: np.ndarray, clips: np.ndarray, right: np.ndarray) -> dict[str, float | None]:
    """All four of a setting's tokens [N, D], rounded; None where not a number.

    Alignment is with the mean of the clips [C, D] of the right category (bool [N, C]), the residual with all clips,
    neighbours with those among the embeddings `heard` [N, E] that the tokens were made from. All are taken at unit
    length, as search takes them.
    """
    tokens, heard, clips = map(_unit, (tokens, heard, clips))
    partners = right @ clips / right.sum(axis=1, keepdims=True)
    k = min(NEIGHBOURS, len(tokens) - 1)
    values = {
        "cka": linear_cka(tokens, partners),
        "effective_rank": effective_rank(tokens),
        "residual": orthogonal_residual(tokens, clips),
        "overlap": neighbour_overlap(tokens, heard, k),
    }
    rounded = {name: None if np.isnan(value) else round(value, 4) for name, value in values.items()}
    return rounded | {"neighbours": k, "n": len(tokens), "gallery": len(clips)}


def _neighbours(x: np.ndarray, k: int) -> np.ndarray:
    scores = _unit(x) @ _unit(x).T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def _unit(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(lengths, lengths, 1)


def _centred(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    # A mean of equal numbers can miss them by a rounding error, which would then pass for variance.
    return np.zeros_like(x) if (x == x[0]).all() else x - x.mean(axis=0)
