"""Geometry by hand: rotations, ranks, subspaces and neighbours whose values are known."""

import numpy as np
import pytest

from training import geometry

RANDOM = np.random.default_rng(0)
CLOUD = RANDOM.standard_normal((30, 6))
ROTATION = np.linalg.qr(RANDOM.standard_normal((6, 6)))[0]


def test_cka_is_one_for_rotation_scale_shift_and_more_dimensions() -> None:
    assert geometry.linear_cka(CLOUD, CLOUD) == pytest.approx(1)
    assert geometry.linear_cka(CLOUD, 7 * CLOUD @ ROTATION + 3) == pytest.approx(1)
    assert geometry.linear_cka(CLOUD, np.pad(CLOUD, ((0, 0), (0, 5)))) == pytest.approx(1)


def test_cka_by_hand() -> None:
    x = np.array([[1.0, 0], [-1, 0], [0, 0], [0, 0]])
    y = np.array([[0.0], [0], [1], [-1]])
    assert geometry.linear_cka(x, y) == pytest.approx(0)  # what moves one leaves the other
    both = np.hstack([x[:, :1], y])
    assert geometry.linear_cka(x, both) == pytest.approx(1 / 2**0.5)  # |K|^2 = 4, |L|^2 = 8, <K, L> = 4


def test_cka_agrees_with_its_other_formula() -> None:
    other = CLOUD @ RANDOM.standard_normal((6, 4)) + RANDOM.standard_normal((30, 4))
    x, y = CLOUD - CLOUD.mean(0), other - other.mean(0)
    by_features = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert geometry.linear_cka(CLOUD, other) == pytest.approx(by_features)


def test_what_does_not_vary_has_neither_alignment_nor_rank() -> None:
    same = np.full((30, 6), 0.1, np.float32)
    assert np.isnan(geometry.linear_cka(CLOUD, same))
    assert np.isnan(geometry.effective_rank(same))
    with pytest.raises(ValueError, match="belong together"):
        geometry.linear_cka(CLOUD, CLOUD[:5])


def test_effective_rank_counts_directions() -> None:
    line = np.outer(np.arange(5.0), np.ones(3))
    assert geometry.effective_rank(line) == pytest.approx(1)
    cross = np.vstack([np.eye(4), -np.eye(4)])
    assert geometry.effective_rank(cross) == pytest.approx(4)
    assert geometry.effective_rank(100 * cross @ np.linalg.qr(CLOUD[:4, :4])[0] + 9) == pytest.approx(4)
    assert geometry.effective_rank(np.eye(5)) == pytest.approx(4)  # the mean takes one


def test_effective_rank_by_hand() -> None:
    uneven = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])  # singular values 3 and 1 times the root of 2
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert geometry.effective_rank(uneven) == pytest.approx(np.exp(entropy))


def test_the_residual_is_what_leaves_the_subspace_of_the_pictures() -> None:
    visual = np.zeros((4, 3))
    visual[:, 0] = [1, -1, 2, -2]
    assert geometry.orthogonal_residual(np.array([[5.0, 0, 0]]), visual) == pytest.approx(0)
    assert geometry.orthogonal_residual(np.array([[0.0, 7, 0]]), visual) == pytest.approx(1)
    assert geometry.orthogonal_residual(np.array([[3.0, 0, 4]]), visual) == pytest.approx(0.8)
    assert geometry.orthogonal_residual(np.array([[3.0, 0, 4], [1, 0, 0]]), visual) == pytest.approx(0.4)


def test_the_subspace_holds_the_share_it_should_and_starts_at_the_mean() -> None:
    visual = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]]) + 5  # variance 9 to 1
    along_second = np.array([[5.0, 8, 5]])
    assert geometry.orthogonal_residual(along_second, visual, kept=0.9) == pytest.approx(1)
    assert geometry.orthogonal_residual(along_second, visual, kept=0.95) == pytest.approx(0)
    assert geometry.orthogonal_residual(np.array([[5.0, 5, 5]]), visual) == 0  # in the middle of them


def test_neighbours_survive_rotation_and_padding() -> None:
    assert geometry.neighbour_overlap(CLOUD, 3 * CLOUD @ ROTATION, 10) == 1
    assert geometry.neighbour_overlap(CLOUD, np.pad(CLOUD, ((0, 0), (0, 9))), 10) == 1


def test_neighbours_by_hand() -> None:
    angles = np.radians([0, 10, 30, 60])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Nearest of 0, 10, 30 and 60 degrees: 10, 0, 10, 30. With 0 and 60 exchanged the rows have 2, 2, 1, 1.
    assert geometry.neighbour_overlap(x, x[[3, 1, 2, 0]], 1) == pytest.approx(1 / 4)
    assert geometry.neighbour_overlap(x, x[[3, 1, 2, 0]], 3) == 1  # all there are
    with pytest.raises(ValueError, match="neighbours"):
        geometry.neighbour_overlap(x, x, 4)


def test_a_setting_is_described_at_unit_length() -> None:
    clips = np.vstack([np.eye(4), -np.eye(4)])
    right = np.vstack([np.eye(8, dtype=bool)] * 2)
    tokens = np.vstack([clips, 50 * clips])
    described = geometry.describe(tokens, tokens, clips, right)
    assert described == {
        "cka": 1.0, "effective_rank": 4.0, "residual": 0.0, "overlap": 1.0, "neighbours": 10, "n": 16, "gallery": 8
    }
    assert geometry.describe(np.ones((16, 4)), tokens, clips, right)["cka"] is None
