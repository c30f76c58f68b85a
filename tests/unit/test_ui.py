"""The parts of the page that need no browser."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from soundclip_demo.errors import UserError
from soundclip_demo.events import Heard, Hit, Matches, Setting, Truth

pytest.importorskip("gradio")
from soundclip_demo.ui import caption, matches, texts
from soundclip_demo.ui.examples import read_examples
from soundclip_demo.ui.finding import OUTPUTS, beside, show
from soundclip_demo.ui.handlers import lasting
from soundclip_demo.ui.turns import FIND, MOST_SESSIONS, ROW, SIDES, Turns

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


def result(deviations: float, right: int | None = None) -> Matches:
    return Matches((Hit(1, "a", EVIL, EVIL, EVIL, 0.5, deviations),), gallery_size=4, chance=3.0, right=right)


def test_a_column_shows_what_was_found() -> None:
    times = {"encode": 48.0, "project": 0.3, "search": 1.0, "place": 0.1}
    column = matches.found(Setting(), result(4.0, 1), Truth("dog"), Gallery(), times)
    assert (column["title"], column["above"], column["right"]) == ("Projected", True, "first dog clip at rank 1 of 4")
    assert column["times"] == "project 0.3 ms · search 1 ms · place 0.1 ms"  # the encoder's time is both columns'
    (card,) = column["cards"]
    assert (card["clip"], card["rank"], card["score"], card["weak"]) == ("a", 1, "0.50", False)
    assert card["video"].endswith("gallery/a.mp4")
    assert "camera move" in card["still"]


def test_a_column_that_cannot_run_says_why() -> None:
    column = matches.missing(Setting(), "Not trained yet.")
    assert (column["verdict"], column["above"], column["cards"]) == ("Not trained yet.", False, [])


def test_captions_and_errors_are_escaped() -> None:
    shown = caption.panel(EVIL, [(0, 4)]) + caption.error(UserError(EVIL, EVIL)) + caption.notes([EVIL], "!")
    shown += caption.told("compact", Setting(protocol=EVIL), EVIL)
    assert "<img" not in shown


def test_words_that_name_what_sounds_are_set_apart() -> None:
    html = caption.panel("A <b>dog</b> barks.", [(5, 8), (13, 18)])
    assert "A &lt;b&gt;<mark>dog</mark>&lt;/b&gt; <mark>barks</mark>." in html
    assert texts.NAMES[True] in html


@pytest.mark.parametrize(
    ("places", "state", "said"),
    [
        ([], {}, [texts.NAMES[False]]),
        (None, {}, []),  # what sounds is not known
        ([], {"writing": True}, []),
        ([], {"stopped": True}, []),
    ],
)
def test_a_finished_caption_is_told_to_name_what_sounds_or_not(
    places: list | None, state: dict[str, bool], said: list[str]
) -> None:
    html = caption.panel("A cat meows.", places, **state)
    assert [words for words in texts.NAMES.values() if words in html] == said


def test_the_left_column_is_raw_and_the_right_one_follows_the_slider() -> None:
    raw, projected = beside("whisper", 1)
    assert (raw.mode, projected.mode) == ("raw", "projected")
    raw, blend = beside("whisper", 0.6000000000000001)
    assert (raw.mode, blend.mode, blend.t) == ("raw", "blend", 0.6)
    assert texts.side(blend) == ("Blend t = 0.60", "40% raw and 60% projected, added.")
    assert beside("whisper", 0)[1].projected_share == 0


def test_the_rank_of_the_right_clip_is_said_where_it_is_known() -> None:
    assert texts.right(result(4.0, 3), Truth("dog", "dog-01")) == "right clip at rank 3 of 4"
    assert texts.right(result(4.0, 3), Truth("dog")) == "first dog clip at rank 3 of 4"
    assert texts.right(result(4.0), Truth("dog")) == texts.right(result(4.0), None) == ""


@pytest.mark.parametrize(("deviations", "words"), [(4.0, "above chance"), (2.0, "no better than chance")])
def test_the_page_says_whether_matches_mean_anything(deviations: float, words: str) -> None:
    assert words in texts.verdict(result(deviations))
    assert f"{deviations:.1f} deviations" in texts.verdict_detail(result(deviations))


def test_heard_says_which_part() -> None:
    loudest = texts.heard(Heard(31.0, (12.4, 15.4), "loudest"))
    assert loudest == "Heard 12.4–15.4 s of 31.0 s, the loudest part."
    assert "all 2.0 s" in texts.heard(Heard(2.0, (0.0, 2.0), "whole"))
    assert "only its first 600 s" in texts.heard(Heard(600.0, (0.0, 3.0), "visitor", truncated=True))


def test_a_new_turn_ends_the_old_one_of_this_visitor_only() -> None:
    turns = Turns()
    first, other = turns.next("me", "raw"), turns.next("you", "raw")
    second = turns.next("me", "raw")
    assert not turns.wanted("me", first)
    assert turns.wanted("me", second)
    assert turns.wanted("you", other)
    turns.end("me")
    assert not turns.wanted("me", second)
    assert turns.wanted("you", other)


def test_both_columns_have_their_turn_and_a_row_ends_them() -> None:
    turns = Turns()
    both = [turns.next("me", side) for side in SIDES]
    assert all(turns.wanted("me", turn) for turn in both)
    again = turns.next("me", "projected")
    assert [turns.wanted("me", turn) for turn in (*both, again)] == [True, False, True]
    row = turns.next("me", ROW)
    assert [turns.at("me", place) for place in (*SIDES, ROW)] == [False, False, True]
    turns.end("me", *SIDES)  # not what is wanted
    assert turns.wanted("me", row)
    found = turns.next("me", FIND)
    assert turns.wanted("me", row)
    turns.next("me", "raw")
    assert [turns.at("me", place) for place in (*SIDES, ROW)] == [True, False, False]
    assert turns.wanted("me", found)
    turns.end("me", *SIDES)
    assert not turns.at("me", "raw")


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
    steps = list(lasting(iter([show(wave=wave), show(raw="five"), show(raw="four", problem="")])))
    assert steps == [show(wave=wave), show(wave=wave, raw="five"), show(wave=wave, raw="four", problem="")]
    assert len(steps[0]) == len(OUTPUTS)
    assert list(lasting(iter([]))) == []


def test_turns_do_not_grow_without_end() -> None:
    turns = Turns()
    for number in range(MOST_SESSIONS + 50):
        turns.next(str(number), "raw")
    assert len(turns._turns) == MOST_SESSIONS


def test_examples_without_their_file_are_left_out(tmp_path: Path) -> None:
    assert read_examples(tmp_path) == {}
    (tmp_path / "dog.ogg").touch()
    (tmp_path / "examples.csv").write_text(
        "id,category,title,file,recording,licence,attribution\n"
        "dog,dog,Dog,dog.ogg,r,CC0,somebody\ncat,cat,Cat,cat.ogg,r,CC0,somebody\n"
    )
    assert list(read_examples(tmp_path)) == ["dog"]
