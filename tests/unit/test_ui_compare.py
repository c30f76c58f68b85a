"""The comparison's panel and what happens on its events, without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from events import SHORT

from soundclip_demo.compare import MODES, Row
from soundclip_demo.engine import Engine
from soundclip_demo.events import Hit

pytest.importorskip("gradio")
import gradio as gr

from soundclip_demo.results import Result
from soundclip_demo.ui import texts
from soundclip_demo.ui.choosing import Chosen
from soundclip_demo.ui.compare import Comparison, Said, panel, ready
from soundclip_demo.ui.comparing import Comparing
from soundclip_demo.ui.describing import Describing
from soundclip_demo.ui.finding import Ticket
from soundclip_demo.ui.handlers import Page
from soundclip_demo.ui.turns import ROW

EVIL = '<img src=x onerror="hacked()">'
ME = SimpleNamespace(session_hash="me")
SEEN = ("tuned", texts.SEES_SOUND, 1, None, "What is it?")


class Gallery:
    def clip(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(poster=Path("gallery/a.jpg"))


class Reader(HTMLParser):
    """Tags and their attributes, and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def row(deviations: float = 4.0, **changes: object) -> Row:
    hit = Hit(1, "a", EVIL, EVIL, EVIL, 0.345, deviations)
    about = {"encoder": "whisper", "title": "Whisper", "mode": "raw", "hit": hit, "chance": 3.0}
    return Row(**about | {"encode_ms": 48.2, "ms": 51.9} | changes)


def filled(*rows: Row, name: str = "dog.wav") -> Comparison:
    comparison = Comparison(Chosen("dog.wav", name, 1.0, 0), encoders=6)
    for each in rows:
        comparison.add(each)
    return comparison


def drawn(comparison: Comparison) -> Reader:
    return Reader(panel(comparison, Gallery()))


def test_nothing_that_others_wrote_becomes_a_tag() -> None:
    comparison = filled(row(), row(mode="projected"), row(encoder="clap", title=EVIL, hit=None, reason=EVIL), name=EVIL)
    comparison.said = {"whisper-raw": Said(1, EVIL), "whisper-projected": Said(1, problem=EVIL, busy=False)}
    html = panel(comparison, Gallery()) + ready(EVIL)
    assert html.count("<img") == 2  # the posters
    assert html.count("&lt;img") >= 7


def test_a_row_shows_clip_cosine_and_times() -> None:
    page = drawn(filled(row()))
    assert page.all("img")[0]["src"].endswith("gallery/a.jpg")
    for wanted in ("Whisper", "raw", EVIL, "0.34", "52 ms", "encode 48 ms"):
        assert wanted in page.text
    labels = [button.get("aria-label") for button in page.all("button")]
    assert "Describe what Whisper raw hears" in labels


@pytest.mark.parametrize(("deviations", "words"), [(4.0, "▲ above chance"), (2.0, "▽ no better than chance")])
def test_chance_is_said_in_words(deviations: float, words: str) -> None:
    assert words in drawn(filled(row(deviations))).text


def test_an_encoder_that_cannot_run_says_why_across_the_row() -> None:
    page = drawn(filled(row(encoder="clap", title="CLAP (compact retrain)", hit=None, reason="Not trained yet.")))
    assert "Not trained yet." in page.text
    assert page.all("td") == [{"role": "cell", "class": "reason", "colspan": str(len(texts.COLUMNS) - 1)}]


def test_the_table_keeps_its_meaning_where_css_makes_cards_of_it() -> None:
    page = drawn(filled(row()))
    assert [cell["scope"] for cell in page.all("th")] == ["col"] * len(texts.COLUMNS) + ["row"]
    for tag, role in (("table", "table"), ("tr", "row"), ("td", "cell")):
        assert {attributes["role"] for attributes in page.all(tag)} == {role}


def test_the_button_is_of_use_only_with_a_sound() -> None:
    without, there = Reader(ready(None)), Reader(ready("dog.wav"))
    assert "disabled" in without.all("button")[0]
    assert texts.COMPARE_NO_SOUND in without.text
    assert "disabled" not in there.all("button")[0]
    assert "dog.wav" in there.text


@pytest.mark.parametrize(
    ("said", "words", "label"),
    [
        (Said(1), texts.ROW_WAITING, "Stop describing what Whisper raw hears"),
        (Said(1, "A dog"), "A dog", "Stop describing what Whisper raw hears"),
        (Said(1, "A dog", busy=False, stopped=True), texts.CAPTION_STOPPED, "Describe what Whisper raw hears"),
        (Said(1, "A dog barks.", busy=False), "A dog barks.", "Describe what Whisper raw hears"),
        (Said(1, busy=False), texts.CAPTION_NOTHING, "Describe what Whisper raw hears"),
        (Said(1, busy=False, problem="No model."), "No model.", "Describe what Whisper raw hears"),
    ],
)
def test_a_rows_caption_and_its_button(said: Said, words: str, label: str) -> None:
    comparison = filled(row())
    comparison.said["whisper-raw"] = said
    page = drawn(comparison)
    assert words in page.text
    assert label in [button.get("aria-label") for button in page.all("button")]


# Events, on the toy workspace


@pytest.fixture
def comparing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Comparing:
    """Handlers whose captions are short."""
    page = Page(engine, {})
    describing = Describing(page)
    setting = describing.setting
    monkeypatch.setattr(describing, "setting", lambda *seen: replace(setting(*seen), max_new_tokens=8))
    return Comparing(page, describing)


@pytest.fixture
def chosen(clip_sound: Path) -> Chosen:
    return Chosen(str(clip_sound), "tone.wav", 1.0, 0)


def compared(comparing: Comparing, chosen: Chosen) -> Comparison:
    comparison, *rest = (step[0] for step in comparing.fill(chosen))
    assert rest
    return comparison


def pressed(row: object) -> SimpleNamespace:
    return SimpleNamespace(row=row)


def test_the_table_fills_row_by_row(comparing: Comparing, chosen: Chosen) -> None:
    counts = [html.count("<tr") for _, html in comparing.fill(chosen)]
    assert counts[0] == 0
    assert counts[1:-1] == list(range(2, len(counts)))  # the heading and one row more each time
    assert counts[-1] == counts[-2]


def test_without_a_sound_there_is_nothing_to_compare(comparing: Comparing) -> None:
    assert list(comparing.fill(None)) == [gr.skip()]


def test_stop_keeps_the_rows_that_are_there(comparing: Comparing, chosen: Chosen) -> None:
    steps = comparing.fill(chosen)
    comparison = next(steps)[0]
    for _ in range(3):
        next(steps)
    comparing.halt(comparison)
    last = [html for _, html in steps][-1]
    assert len(comparison.rows) == 3
    assert "then stopped" in last
    assert texts.COMPARE_RUN in last


def test_another_sound_empties_the_table_and_ends_what_runs(comparing: Comparing, chosen: Chosen) -> None:
    steps = comparing.fill(chosen)
    comparison = next(steps)[0]
    next(steps)
    other = Chosen("other.wav", "other.wav", 1.0, 1)
    assert comparing.reset(other, comparison) == [None, ready("other.wav")]
    assert [html for _, html in steps] == [ready("other.wav")]
    assert len(comparison.rows) == 1


def test_a_sound_that_is_gone_is_said(comparing: Comparing, tmp_path: Path) -> None:
    *_, (_, html) = comparing.fill(Chosen(str(tmp_path / "gone.wav"), "gone.wav", 1.0, 0))
    assert "no longer here" in html


@pytest.mark.parametrize("name", ["nobody-raw", "clap-", "__class__", None, 7, ["whisper-raw"], "<b>"])
def test_rows_that_are_not_there_do_nothing(comparing: Comparing, chosen: Chosen, name: object) -> None:
    comparison = filled(row(), row(encoder="clap", mode="", hit=None, reason="No."))
    answers = comparing.ask(comparison, pressed(name), ME) + comparing.adopt(comparison, pressed(name))
    assert answers == [gr.skip()] * 5
    assert not comparing.page.turns.at("me", ROW)
    assert not comparison.said


def test_a_row_can_be_adopted(comparing: Comparing) -> None:
    comparison = filled(row(), row(mode="projected"))
    shares = {name: comparing.adopt(comparison, pressed(name))[:2] for name in comparison.rows}
    assert shares == {"whisper-raw": ["whisper", 0.0], "whisper-projected": ["whisper", 1.0]}


def asked(comparing: Comparing, comparison: Comparison, name: str) -> Iterator[str]:
    """The steps of the caption of a row."""
    right, html = comparing.ask(comparison, pressed(name), ME)
    assert texts.ROW_WAITING in html
    return comparing.write(right, ME, *SEEN)


def test_a_row_is_described_when_asked(comparing: Comparing, chosen: Chosen) -> None:
    comparison = compared(comparing, chosen)
    for mode in MODES:
        steps = list(asked(comparing, comparison, f"whisper-{mode}"))
        assert len(steps) > 2
        said = comparison.said[f"whisper-{mode}"]
        assert said.text
        assert not said.busy
        assert not said.stopped
    assert len(comparison.said) == 2  # the first row's caption is still there


def test_a_new_request_ends_a_rows_caption(comparing: Comparing, chosen: Chosen) -> None:
    comparison = compared(comparing, chosen)
    first = asked(comparing, comparison, "whisper-raw")
    next(first)
    second = asked(comparing, comparison, "whisper-projected")
    assert len(list(first)) == 1
    assert comparison.said["whisper-raw"].stopped
    next(second)
    comparing.page.turns.next("me", "raw")  # another setting on the page
    assert len(list(second)) == 1
    assert comparison.said["whisper-projected"].stopped


def test_stop_ends_a_rows_caption_at_once(comparing: Comparing, chosen: Chosen) -> None:
    comparison = compared(comparing, chosen)
    steps = asked(comparing, comparison, "whisper-raw")
    next(steps)
    assert texts.CAPTION_STOPPED in comparing.hush(comparison, ME)
    assert len(list(steps)) == 1
    assert not comparing.page.turns.at("me", ROW)


def test_a_row_takes_over_from_a_column_and_the_column_says_so(comparing: Comparing, chosen: Chosen) -> None:
    turns, comparison = comparing.page.turns, compared(comparing, chosen)
    describing = comparing.describing
    main = describing.describe(Ticket(turns.next("me", "raw"), "raw", chosen, SHORT, Result(SHORT)), ME, *SEEN)
    next(main), next(main)
    row_steps = asked(comparing, comparison, "whisper-raw")
    assert texts.CAPTION_STOPPED in list(main)[-1][0]
    describing.stop(None, None, ME)  # the columns' own button, pressed too late: the row goes on
    assert turns.at("me", ROW)
    assert list(row_steps)
    assert not comparison.said["whisper-raw"].stopped


def test_a_missing_picture_is_said_in_the_row(comparing: Comparing, chosen: Chosen) -> None:
    comparison = compared(comparing, chosen)
    right, _ = comparing.ask(comparison, pressed("whisper-raw"), ME)
    *_, html = comparing.write(right, ME, "tuned", texts.SEES_PICTURE, 8, None, "")
    assert "Add a picture" in html
