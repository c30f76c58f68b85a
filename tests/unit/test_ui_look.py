"""The look and the questions, without a browser: their handlers on the toy workspace."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toy
from PIL import Image

from soundclip_demo.engine import Engine
from soundclip_demo.events import AnswerPart, CaptionPart, Missing, Setting

pytest.importorskip("gradio")
import gradio as gr

from soundclip_demo.questions import Exchange
from soundclip_demo.results import Result
from soundclip_demo.ui import texts
from soundclip_demo.ui.ask import Item, log
from soundclip_demo.ui.asking import Asking, Question
from soundclip_demo.ui.choosing import Chosen
from soundclip_demo.ui.describing import Describing
from soundclip_demo.ui.finding import Ticket, beside
from soundclip_demo.ui.handlers import Page
from soundclip_demo.ui.look import MARKS, marks
from soundclip_demo.ui.looking import Looking
from soundclip_demo.ui.turns import ASK, SIDES

ME = SimpleNamespace(session_hash="me")
SEEN = ("tuned", texts.SEES_SOUND, 1, None, "What is it?")


@pytest.fixture
def page(engine: Engine) -> Page:
    return Page(engine, {})


@pytest.fixture
def tickets(page: Page, clip_sound: Path) -> list[Ticket]:
    chosen = Chosen(str(clip_sound), "tone.wav", 1.0, 0)
    settings = zip(SIDES, beside("whisper", 1), strict=True)
    return [Ticket(page.turns.next("me", side), side, chosen, setting, Result(setting)) for side, setting in settings]


# The look


def test_both_columns_lie_on_one_frame(page: Page, tickets: list[Ticket]) -> None:
    value, problem = Looking(page).look(*tickets, texts.SEES_MATCH, 5, None)
    assert problem == gr.skip()
    assert [column["title"] for column in value["columns"]] == ["Raw", "Projected"]
    assert (value["k"], value["grid"]) == (5, (7, 7))
    for column in value["columns"]:
        assert sorted(column["order"]) == list(range(49))
        assert len(column["cosines"]) == 49
    kind, content = value["view"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (224, 224)
    assert any(name in value["of"] for name in toy.CLASSES)


def test_for_the_sound_only_nothing_is_kept(page: Page, tickets: list[Ticket]) -> None:
    assert Looking(page).look(*tickets, texts.SEES_SOUND, 5, None)[0]["k"] == 0


def test_ones_own_picture_is_looked_at(page: Page, tickets: list[Ticket], tmp_path: Path) -> None:
    toy.picture(9).save(tmp_path / "own.png")
    value, _ = Looking(page).look(*tickets, texts.SEES_PICTURE, 5, str(tmp_path / "own.png"))
    assert value["of"] == texts.LOOK_AT["picture"]
    assert value["view"] != Looking(page).look(*tickets, texts.SEES_MATCH, 5, None)[0]["view"]


def test_a_picture_that_is_none_is_a_problem_in_words(page: Page, tickets: list[Ticket]) -> None:
    value, problem = Looking(page).look(*tickets, texts.SEES_PICTURE, 5, __file__)
    assert value == gr.skip()
    assert "could not be read as a picture" in problem


def test_before_a_sound_there_is_nothing_to_look_at(page: Page) -> None:
    assert Looking(page).look(None, None, texts.SEES_SOUND, 5, None)[0] is None


@pytest.mark.parametrize(
    ("sees", "k", "kept"),
    [
        (texts.SEES_SOUND, 7, [texts.SEES_MATCH, 7]),
        (texts.SEES_MATCH, 7, [gr.skip(), 7]),
        (texts.SEES_PICTURE, 49, [gr.skip(), 49]),
        (texts.SEES_PICTURE, 0, [texts.SEES_SOUND, gr.skip()]),
        *((texts.SEES_MATCH, bad, [gr.skip(), gr.skip()]) for bad in (50, -1, "x", None, [], float("inf"))),
    ],
    ids=str,
)
def test_the_slider_says_what_is_seen(page: Page, sees: str, k: object, kept: list[Any]) -> None:
    assert Looking(page).keep(sees, SimpleNamespace(k=k)) == kept


def test_the_papers_budgets_are_marked_where_there_are_so_many() -> None:
    assert [k for k, _ in marks(576)] == [0, *MARKS, 576]
    assert [k for k, _ in marks(49)] == [0, 15, 49]


# Questions


@pytest.fixture
def asking(page: Page) -> Asking:
    return Asking(page, Describing(page))


def opened(asking: Asking, tickets: list[Any], text: str, items: list[Item] | None = None, which: str = "raw") -> list:
    return asking.open(text, which, items, *tickets, ME, *SEEN)


def script(asking: Asking, monkeypatch: pytest.MonkeyPatch, *events: object) -> list[tuple]:
    """The engine answers with these events; gives what it was asked with."""
    calls: list[tuple] = []

    def ask(*given: object):
        calls.append(given)
        yield from events

    monkeypatch.setattr(asking, "ask", ask)
    return calls


def test_an_answer_grows_in_the_log(asking: Asking, tickets: list[Ticket]) -> None:
    question, items, html, field = opened(asking, tickets, " Is it loud? ")
    assert field == ""
    assert texts.CAPTION_WAITING in html
    assert 'aria-busy="true"' in html
    steps = list(asking.answer(question, ME))
    assert items[0].state == "done"
    assert items[0].answer
    assert "Is it loud?" in steps[-1]
    assert "Whisper, raw" in steps[-1]
    assert 'aria-busy="false"' in steps[-1]


def test_it_follows_the_caption_and_the_answers_of_its_own_column(
    asking: Asking, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = script(asking, monkeypatch, AnswerPart("Yes.", True))
    tickets[0].result.retell(replace(tickets[0].setting, prompt="Describe it."))
    tickets[0].result.add(CaptionPart("A dog.", done=True))
    items = None
    for text, which in (("one", "raw"), ("two", "projected"), ("three", "raw")):
        question, items, *_ = opened(asking, tickets, text, items, which)
        list(asking.answer(question, ME))
    caption = Exchange("Describe it.", "A dog.")
    assert calls[0][2:4] == ("one", [caption])
    assert calls[1][2:4] == ("two", [Exchange(Setting.prompt, "")])
    assert calls[2][2:4] == ("three", [caption, Exchange("one", "Yes.")])
    assert [call[1].mode for call in calls] == ["raw", "projected", "raw"]


def test_stop_ends_it_at_the_next_word(
    asking: Asking, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(asking, monkeypatch, *(AnswerPart(text) for text in ("A", "A dog", "A dog barks")))
    question, items, *_ = opened(asking, tickets, "What?")
    steps = asking.answer(question, ME)
    next(steps)
    assert "A" in next(steps)
    assert texts.ASK_STOPPED in asking.stop(items, ME)
    assert list(steps) == []
    assert (items[0].answer, items[0].state) == ("A", "stopped")


def test_a_question_stopped_in_the_queue_is_not_answered(
    asking: Asking, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = script(asking, monkeypatch, AnswerPart("Yes.", True))
    question, items, *_ = opened(asking, tickets, "What?")
    asking.stop(items, ME)
    assert list(asking.answer(question, ME)) == [gr.skip()]
    assert calls == []
    assert items[0].state == "stopped"


def test_another_sound_empties_the_log_and_ends_the_answer(
    asking: Asking, page: Page, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    script(asking, monkeypatch, AnswerPart("A"), AnswerPart("A dog"))
    question, items, *_ = opened(asking, tickets, "What?")
    steps = asking.answer(question, ME)
    next(steps)
    assert asking.reset(items, ME) == [None, log(())]
    assert list(steps) == []
    assert not page.turns.at("me", ASK)


def test_columns_go_on_while_a_question_waits(asking: Asking, page: Page, tickets: list[Ticket]) -> None:
    opened(asking, tickets, "What?")
    assert all(page.turns.wanted("me", ticket.turn) for ticket in tickets)


@pytest.mark.parametrize("text", ["", "   ", None, "x" * 301])
def test_a_bad_question_leaves_the_field(asking: Asking, tickets: list[Ticket], text: str | None) -> None:
    question, items, html, field = opened(asking, tickets, text)
    assert (question, items, field) == (gr.skip(),) * 3
    assert 'class="problem"' in html


def test_without_a_sound(asking: Asking) -> None:
    assert texts.ASK_NO_SOUND in opened(asking, [None, None], "What?")[2]


@pytest.mark.parametrize("which", ["", "both", None, 3])
def test_a_column_that_is_none(asking: Asking, tickets: list[Ticket], which: object) -> None:
    assert opened(asking, tickets, "What?", None, which)[0] == gr.skip()


def test_what_is_missing_is_said(asking: Asking, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch) -> None:
    script(asking, monkeypatch, Missing("captioner", "The caption model is not available."))
    question, items, *_ = opened(asking, tickets, "What?")
    assert "The caption model is not available." in list(asking.answer(question, ME))[-1]
    assert items[0].state == "missing"


def test_a_failure_is_said_without_its_words(
    asking: Asking, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ask", lambda *_: (_ for _ in ()).throw(RuntimeError("secret")))
    question, *_ = opened(asking, tickets, "What?")
    html = list(asking.answer(question, ME))[-1]
    assert texts.BROKEN in html
    assert "secret" not in html


def test_the_log_shows_text_as_text() -> None:
    item = Item(1, "<b>", None, "<script>", "<i>", "done")
    html = log([item, replace(item, state="missing")], "<u>")
    for tag in ("<b>", "<script>", "<i>", "<u>"):
        assert tag not in html


def test_a_question_is_a_state_of_its_own(asking: Asking, tickets: list[Ticket]) -> None:
    first, second = (opened(asking, tickets, "What?")[0] for _ in range(2))
    assert isinstance(first, Question)
    assert hash(first) != hash(second)  # the same question asked twice is a change, which Gradio tells by its hash
