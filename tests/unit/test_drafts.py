"""Guessed words make a caption quicker and never another: what is guessed, and what the model makes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from soundclip_demo import drafts, tradeoff
from soundclip_demo.captioner import Captioner
from soundclip_demo.drafts import Drafts

END = 0
BARKS, MEOWS = [5, 6, 7, 8, END], [9, 6, 7, 8, END]
PROMPTED = "What is this?"


def test_what_followed_before_is_proposed() -> None:
    known = Drafts([BARKS, BARKS, MEOWS])
    assert known.propose([5]) == [6, 7, 8, END]
    assert known.propose([1, 2, 9, 6]) == [7, 8, END]
    assert known.propose([5], most=2) == [6, 7]
    assert known.propose([4]) == known.propose([END]) == known.propose([]) == []
    assert Drafts().propose([5]) == []


def test_the_longest_context_decides() -> None:
    known = Drafts([[1, 3, 4], [1, 3, 4], [2, 3, 5], [2, 3, 5], *[[7, 3, 5]] * 4])
    assert known.propose([1, 3]) == [4]
    assert known.propose([2, 3]) == [5]
    assert known.propose([9, 3]) == [5]  # the commoner


def test_what_is_unlikely_is_not_worth_a_longer_pass() -> None:
    assert Drafts([[1, follower] for follower in (2, 3, 4)]).propose([1]) == []
    assert Drafts([[1, 2]]).propose([1]) == [2]  # seen once, so as likely as not


def test_captions_that_results_keep_are_read(tmp_path: Path) -> None:
    file = tmp_path / "compact.json"
    assert tradeoff.captions(file, "tuned") == []
    file.write_text(
        '{"settings": [{"caption_examples": {"tuned": [{"category": "dog", "caption": "A dog barks."}]}}, {}]}'
    )
    assert tradeoff.captions(file, "tuned") == ["A dog barks."]
    assert tradeoff.captions(file, "frozen") == []


@pytest.fixture
def visual() -> torch.Tensor:
    """A token [1, D]."""
    return torch.randn(1, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def plain(captioner: Captioner, visual: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The growing text of a captioner that guesses nothing, which ends by itself after 12 tokens."""
    said = captioner.llava.generate(inputs_embeds=captioner.embed(visual, PROMPTED), max_new_tokens=13)[0].tolist()
    assert said[12] not in said[:12]
    monkeypatch.setattr(captioner.llava.generation_config, "eos_token_id", said[12])
    monkeypatch.setattr(captioner, "said", said, raising=False)
    return list(captioner.stream(visual, PROMPTED, 40))


class Guessing:
    """Proposes what it is given, whatever was written."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids

    def propose(self, written: list[int]) -> list[int]:
        return self.ids[len(written) : len(written) + drafts.LENGTH]


@pytest.mark.parametrize("wrong", [(), (1,), (3, 4), (11,), (12,), range(13)])
def test_the_text_is_the_same_whatever_is_guessed(
    captioner: Captioner, visual: torch.Tensor, plain: list[str], wrong: Iterator[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    guess = [token + 1 if at in wrong else token for at, token in enumerate(captioner.said)]
    monkeypatch.setattr(captioner, "_drafts", Guessing(guess))
    assert list(captioner.stream(visual, PROMPTED, 40)) == plain


def test_right_guesses_save_passes_and_the_end_is_guessed_too(
    captioner: Captioner, visual: torch.Tensor, plain: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    hook = captioner.llava.register_forward_hook(lambda *_: passes.append(1))
    try:
        assert list(captioner.stream(visual, PROMPTED, 40)) == plain
        assert len(passes) == 13
        passes.clear()
        monkeypatch.setattr(captioner, "_drafts", Guessing(captioner.said))
        assert list(captioner.stream(visual, PROMPTED, 40)) == plain
        assert len(passes) == 3  # the prompt and a token, eight that were guessed and one more, the rest and the end
    finally:
        hook.remove()


def test_no_more_tokens_than_asked_for(
    captioner: Captioner, visual: torch.Tensor, plain: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = range(1, 12)
    whole = [list(captioner.stream(visual, PROMPTED, most)) for most in lengths]
    assert whole[0] != whole[5] != whole[-1]
    monkeypatch.setattr(captioner, "_drafts", Guessing(captioner.said))
    assert [list(captioner.stream(visual, PROMPTED, most)) for most in lengths] == whole


def test_a_captioner_guesses_from_captions(
    captioner: Captioner, visual: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captioner, "_drafts", captioner._drafts)  # put back after the test
    captioner.guessing(["a dog barks"] * 3)
    first, *rest = [*captioner.tokenizer("a dog barks").input_ids, captioner.tokenizer.eos_token_id]
    assert captioner._drafts.propose([first]) == rest
