"""The parts of the page that need no browser."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from soundclip_demo.errors import UserError
from soundclip_demo.events import Heard, Hit, Matches

pytest.importorskip("gradio")
from soundclip_demo.ui import caption, matches, texts
from soundclip_demo.ui.examples import read_examples
from soundclip_demo.ui.handlers import lasting, show
from soundclip_demo.ui.turns import MOST_SESSIONS, PANEL, ROW, Turns

EVIL = '<img src=x onerror="hacked()">'


@dataclass(frozen=True)
class Clip:
    """What the page reads of a clip."""

    id: str
    category: str = EVIL
    caption: str = EVIL
    licence: str = EVIL
    attribution: str = EVIL
    still: bool = True
    picture_kind: str = "photo"
    video: Path = Path("gallery/a.mp4")
    poster: Path = Path("gallery/a.jpg")


class Gallery:
    """Three clips of one category and one of another."""

    clips = (Clip("a"), Clip("b"), Clip("c"), Clip("d", category="dog"))

    def clip(self, name: str) -> Clip:
        return next(clip for clip in self.clips if clip.id == name)


def result(deviations: float) -> Matches:
    return Matches((Hit(1, "a", EVIL, EVIL, EVIL, 0.5, deviations),), gallery_size=4, chance=3.0)


def test_cards_escape_every_string() -> None:
    html = matches.cards(result(4.0), Gallery(), {"search": 1.0})
    assert "<img" not in html
    assert html.count("&lt;img") >= 4


def test_captions_and_errors_are_escaped() -> None:
    shown = caption.panel(EVIL, EVIL) + caption.error(UserError(EVIL, EVIL)) + caption.notes([EVIL], "!")
    assert "<img" not in shown


@pytest.mark.parametrize(("deviations", "words"), [(4.0, "above chance"), (2.0, "no better than chance")])
def test_the_page_says_whether_matches_mean_anything(deviations: float, words: str) -> None:
    assert words in texts.verdict(result(deviations))


def test_heard_says_which_part() -> None:
    loudest = texts.heard(Heard(31.0, (12.4, 15.4), "loudest"))
    assert loudest == "Heard 12.4–15.4 s of 31.0 s, the loudest part."
    assert "all 2.0 s" in texts.heard(Heard(2.0, (0.0, 2.0), "whole"))
    assert "only its first 600 s" in texts.heard(Heard(600.0, (0.0, 3.0), "visitor", truncated=True))


def test_a_new_turn_ends_the_old_one_of_this_visitor_only() -> None:
    turns = Turns()
    first, other = turns.next("me"), turns.next("you")
    second = turns.next("me")
    assert not turns.wanted("me", first)
    assert turns.wanted("me", second)
    assert turns.wanted("you", other)
    turns.end("me")
    assert not turns.wanted("me", second)
    assert turns.wanted("you", other)


def test_a_turn_knows_where_its_caption_is_written() -> None:
    turns = Turns()
    assert turns.place("me") == ""
    turns.next("me")
    assert turns.place("me") == PANEL
    turn = turns.next("me", ROW)
    turns.end("me", PANEL)  # not the one that is wanted
    assert turns.wanted("me", turn)
    turns.end("me", ROW)
    assert turns.place("me") == ""


@pytest.mark.parametrize(
    ("panel", "offers"),
    [
        (caption.empty(), ""),
        (caption.waiting(), "stop"),
        (caption.panel("A", writing=True), "stop"),
        (caption.panel("A", stopped=True), "again"),
        (caption.panel("A dog."), "again"),
        (caption.missing("No."), "again"),
    ],
)
def test_the_caption_panel_says_which_button_is_of_use(panel: str, offers: str) -> None:
    assert f'data-offers="{offers}"' in panel


def test_each_step_repeats_what_earlier_ones_showed() -> None:
    wave = {"peaks": [1]}
    steps = list(lasting(iter([show(wave=wave), show(matches="five"), show(matches="times", problem="")])))
    assert steps == [show(wave=wave), show(wave=wave, matches="five"), show(wave=wave, matches="times", problem="")]
    assert list(lasting(iter([]))) == []


def test_turns_do_not_grow_without_end() -> None:
    turns = Turns()
    for number in range(MOST_SESSIONS + 50):
        turns.next(str(number))
    assert len(turns._turns) == MOST_SESSIONS


def test_examples_without_their_file_are_left_out(tmp_path: Path) -> None:
    assert read_examples(tmp_path) == {}
    (tmp_path / "dog.ogg").touch()
    (tmp_path / "examples.csv").write_text(
        "id,category,title,file,recording,licence,attribution\n"
        "dog,dog,Dog,dog.ogg,r,CC0,somebody\ncat,cat,Cat,cat.ogg,r,CC0,somebody\n"
    )
    assert list(read_examples(tmp_path)) == ["dog"]
