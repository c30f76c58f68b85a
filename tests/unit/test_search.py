"""Nearest clips, and how far above chance they are."""

import numpy as np
import pytest

from soundclip_demo.search import CHANCE, FlatIndex, chance_level

TOKENS = np.random.default_rng(0).normal(size=(132, 64)).astype(np.float32)
TOKENS *= np.random.default_rng(1).uniform(0.1, 50, (132, 1)).astype(np.float32)


def cosines(token: np.ndarray) -> np.ndarray:
    return TOKENS @ token / np.linalg.norm(TOKENS, axis=1) / np.linalg.norm(token)


@pytest.mark.parametrize("k", [1, 5, 132])
def test_neighbours_are_exact(k: int) -> None:
    token = np.random.default_rng(2).normal(size=64).astype(np.float32)
    found = FlatIndex(TOKENS).search(token, k)
    wanted = cosines(token)
    np.testing.assert_array_equal(found.ids, np.argsort(-wanted)[:k])
    np.testing.assert_allclose(found.scores, np.sort(wanted)[::-1][:k], atol=1e-6)
    assert found.mean == pytest.approx(wanted.mean(), abs=1e-6)
    assert found.std == pytest.approx(wanted.std(), abs=1e-6)
    np.testing.assert_allclose(found.deviations(), ((wanted - wanted.mean()) / wanted.std())[found.ids], atol=1e-4)


def test_more_neighbours_than_clips() -> None:
    index = FlatIndex(TOKENS[:4])
    found = index.search(TOKENS[2], 15)
    assert index.size == 4
    assert found.ids[0] == 2
    assert sorted(found.ids) == [0, 1, 2, 3]


def test_a_clips_own_token_finds_it_whatever_its_length() -> None:
    index = FlatIndex(TOKENS)
    for row in (0, 77, 131):
        found = index.search(TOKENS[row] * 0.01, 1)
        assert found.ids[0] == row
        assert found.scores[0] == pytest.approx(1, abs=1e-5)


def test_a_token_of_zeros_finds_nothing_but_does_not_fail() -> None:
    found = FlatIndex(TOKENS).search(np.zeros(64, np.float32), 3)
    assert found.scores.tolist() == [0, 0, 0]
    assert found.deviations().tolist() == [0, 0, 0]


def test_searching_does_not_change_the_tokens() -> None:
    before = TOKENS.copy()
    FlatIndex(TOKENS).search(TOKENS[0], 3)
    np.testing.assert_array_equal(TOKENS, before)


@pytest.mark.parametrize("size", [4, 12, 132, 2000])
def test_chance_is_exceeded_as_often_as_it_says(size: int) -> None:
    cosines = np.random.default_rng(0).normal(size=(8000, size))
    best = (cosines.max(axis=1) - cosines.mean(axis=1)) / cosines.std(axis=1)
    assert np.mean(best > chance_level(size)) == pytest.approx(CHANCE, abs=0.01)


def test_one_or_two_clips_cannot_tell() -> None:
    assert chance_level(1) == chance_level(2) == np.inf


def test_random_tokens_pass_for_matches_as_often_as_chance_says() -> None:
    """The whole way: cosines of random directions, standardised by their own mean and deviation."""
    index, random = FlatIndex(TOKENS), np.random.default_rng(3)
    best = [index.search(random.normal(size=64).astype(np.float32), 1).deviations()[0] for _ in range(2000)]
    assert np.mean(np.array(best) > chance_level(132)) == pytest.approx(CHANCE, abs=0.025)


@pytest.mark.parametrize("size", [3, 6])
def test_a_perfect_match_in_a_small_gallery_can_be_above_chance(size: int) -> None:
    found = FlatIndex(np.eye(size, 8, dtype=np.float32)).search(np.eye(8, dtype=np.float32)[0], 1)
    assert found.deviations()[0] > chance_level(size)
