"""Ranks, recalls, pools and intervals are those one counts by hand."""

import itertools

import numpy as np
import pytest
import torch

from training import bootstrap, directions, retrieval

RIGHT = np.array([[True, False, False, False], [False, True, True, False], [False, False, False, True]])
SCORES = np.array([[0.9, 0.1, 0.2, 0.3], [0.5, 0.1, 0.4, 0.3], [0.4, 0.3, 0.2, 0.1]])


def test_ranks_and_what_is_made_of_them_by_hand() -> None:
    ranks = retrieval.ranks(SCORES, RIGHT)
    assert ranks.tolist() == [1, 2, 4]
    found = retrieval.found(ranks)
    assert list(found) == ["top1", "top5", "top10", "mrr", "rank"]
    assert found["top1"].tolist() == [1, 0, 0]
    assert found["top5"].tolist() == [1, 1, 1]
    assert found["mrr"].tolist() == pytest.approx([1, 1 / 2, 1 / 4])


def test_the_other_direction_is_the_transposed_matrix() -> None:
    # By column: only sound 0 is right for clip 0 and leads; sound 1 is last of three for clip 1 (0.1 ties with sound 0,
    # which comes first), first for clip 2; sound 2 is last for clip 3.
    assert retrieval.ranks(SCORES.T, RIGHT.T).tolist() == [1, 3, 1, 3]


def test_a_tie_with_a_wrong_answer_is_lost_and_with_a_right_one_is_none() -> None:
    right = np.array([[True, True, False, False]])
    assert retrieval.ranks(np.array([[0.5, 0.5, 0.4, 0.1]]), right).tolist() == [1]
    assert retrieval.ranks(np.array([[0.5, 0.2, 0.5, 0.5]]), right).tolist() == [3]


def test_vectors_that_fell_together_find_nothing() -> None:
    for same in (torch.zeros(5, 3), torch.ones(5, 3)):
        ranks = retrieval.ranks(retrieval.cosines(same, same), np.eye(5, dtype=bool))
        assert ranks.tolist() == [5] * 5


def test_what_has_no_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="without a right answer"):
        retrieval.ranks(np.zeros((1, 2)), np.array([[False, False]]))
    with pytest.raises(ValueError, match="not a number"):
        retrieval.ranks(np.array([[np.nan, 1.0]]), np.array([[True, False]]))


@pytest.mark.parametrize("top", [1, 2, 3, 4, 9])
def test_chance_is_that_of_all_draws(top: int) -> None:
    draws = list(itertools.combinations(range(4), min(top, 4)))
    by_hand = np.mean([np.mean([row[list(draw)].any() for draw in draws]) for row in RIGHT])
    assert retrieval.by_chance(RIGHT, top) == pytest.approx(by_hand)


def test_pools_of_all_answers_are_the_full_gallery() -> None:
    pools = retrieval.pools(SCORES, RIGHT, size=4, times=3)
    assert pools["top1"] == {"mean": 0.3333, "sd": 0.0, "chance": pytest.approx(1 / 3, abs=1e-4)}
    assert pools["top3"]["mean"] == pytest.approx(2 / 3, abs=1e-4)
    assert (pools["size"], pools["times"], pools["queries"]) == (4, 3, 3.0)


def test_pools_of_pairs_ask_as_many_as_they_hold() -> None:
    random = np.random.default_rng(0)
    pools = retrieval.pools(random.random((40, 40)), np.eye(40, dtype=bool), size=10, times=200)
    assert pools["queries"] == 10
    assert pools["top1"]["chance"] == 0.1
    assert pools["top1"]["mean"] == pytest.approx(0.1, abs=0.05)  # 40 fixed rows, not 2,000 draws
    assert pools["top10"] == {"mean": 1.0, "sd": 0.0, "chance": 1.0}
    assert pools == retrieval.pools(np.random.default_rng(0).random((40, 40)), np.eye(40, dtype=bool), 10, 200)


def test_the_deviation_of_pools_is_over_draws_and_divided_by_their_number() -> None:
    # Of two answers one is drawn: either the one that is found (only it is there) or the one nobody asks for.
    right, scores = np.array([[True, False], [False, True]]), np.zeros((2, 2))
    assert retrieval.pools(scores, right, size=1, times=5)["top1"] == {"mean": 1.0, "sd": 0.0, "chance": 1.0}
    # Of three, two are drawn: the first query meets its answer with or without the clip that beats it.
    right = np.array([[True, False, False]])
    pools = retrieval.pools(np.array([[0.5, 0.9, 0.1]]), right, size=2, times=50)
    share = pools["top1"]["mean"]
    assert 0 < share < 1
    assert pools["top1"]["sd"] == pytest.approx((share * (1 - share)) ** 0.5, abs=1e-3)


def test_too_few_answers_make_no_pool() -> None:
    with pytest.raises(ValueError, match="too few"):
        retrieval.pools(SCORES, RIGHT)
    assert directions.in_pools(SCORES, RIGHT, np.ones(3, bool)) == {}


def test_a_group_asks_backward_by_its_clips_among_all_recordings() -> None:
    found = directions.backward(SCORES, RIGHT, np.array([False, True, False]))
    assert found["top1"] == {"mean": 0.5, "low": 0.0, "high": 1.0, "n": 2, "gallery": 3}
    assert found["rank"]["median"] == 2
    assert found["rank"]["gallery"] == 3


def test_the_interval_of_a_median() -> None:
    found = bootstrap.median(np.array([1, 1, 1, 7, 7]))
    assert found == {"median": 1, "low": 1, "high": 7, "n": 5}


def test_a_paired_difference_by_hand() -> None:
    a, b = np.array([1.0, 1, 1, 0]), np.array([0.0, 1, 0, 0])
    found = bootstrap.paired(a, b)
    assert found["mean"] == 0.5
    assert (found["low"], found["high"]) == (0, 1)
    assert found["other_side"] == pytest.approx(1 / 16, abs=0.02)  # all draws hit what does not differ
    assert found["n"] == 4
    assert bootstrap.paired(b, a)["mean"] == -0.5
    assert bootstrap.paired(b, a)["other_side"] == found["other_side"]
    assert bootstrap.paired(a, a) == {"mean": 0, "low": 0, "high": 0, "other_side": 1, "n": 4}
    with pytest.raises(ValueError, match="same recordings"):
        bootstrap.paired(a, b[:3])


def test_pairing_is_sharper_than_two_intervals() -> None:
    random = np.random.default_rng(0)
    hard = random.random(200)
    a, b = (hard < 0.55).astype(float), (hard < 0.5).astype(float)
    assert bootstrap.interval(a)["low"] < bootstrap.interval(b)["high"]
    assert bootstrap.paired(a, b)["low"] > 0
