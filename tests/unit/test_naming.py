"""Where a text names what sounds, and what the bundled list of words says."""

import pytest

from soundclip_demo import gallery
from soundclip_demo.config import Config
from soundclip_demo.naming import places_named
from soundclip_demo.suites import SUITES
from training import corpus


def named(text: str, *words: str, known: tuple[str, ...] = ()) -> list[str]:
    return [text[start:end] for start, end in places_named(text, words, known)]


def test_whole_words_only_whatever_their_case() -> None:
    assert named("They indicate a cat; Cats, CAT's and catnip.", "cat", "cats") == ["cat", "Cats", "CAT"]


def test_punctuation_parts_words_like_spaces() -> None:
    assert named("A car-horn, a car  horn and a carhorn.", "car horn") == ["car-horn", "car  horn"]


def test_the_longest_word_wins() -> None:
    assert named("A drum set plays.", "drum", "drum set") == ["drum set"]


def test_a_longer_category_is_not_taken_apart() -> None:
    known = ("car", "car horn", "dog")
    assert named("A car horn honks at the car.", "car", "vehicle", known=known) == ["car"]
    assert named("A car horn honks.", "car horn", known=known) == ["car horn"]


@pytest.mark.parametrize("name", ["", "!?", "(", "a.b"])
def test_a_category_may_be_called_anything(name: str) -> None:
    assert named("a b (c) !?", name) == (["a b"] if name == "a.b" else [])


def test_the_gallery_knows_the_words_that_were_measured_by() -> None:
    config = Config()
    words = gallery.read(config.gallery, SUITES[config.suite].space(config)).words
    assert words == {name: category.words for name, category in corpus.categories().items()}
