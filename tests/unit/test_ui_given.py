"""What a browser sends may be anything: it costs one sentence, wherever it arrives, and breaks nothing."""

import pytest
from test_ui_look import ME, page, tickets

pytest.importorskip("gradio")
import gradio as gr

from soundclip_demo.errors import UserError
from soundclip_demo.ui import given, texts
from soundclip_demo.ui.asking import Asking
from soundclip_demo.ui.choosing import Choosing, Chosen
from soundclip_demo.ui.describing import Describing
from soundclip_demo.ui.finding import OUTPUTS, Finding, Ticket
from soundclip_demo.ui.handlers import Page
from soundclip_demo.ui.looking import Looking
from soundclip_demo.ui.sharing import Sharing

__all__ = ["page", "tickets"]  # fixtures
NO_NUMBERS = [None, "x", "", [], {}, float("nan"), float("inf"), 10**400]
NO_PATCHES = [*NO_NUMBERS, 0, -1, 50, 2.5]  # of 49
NO_SHARES = [*NO_NUMBERS, -0.1, 1.1]
FEW = texts.no_patches(49)
anything = pytest.mark.parametrize("k", NO_PATCHES, ids=str)


@pytest.mark.parametrize("k", [1, 49, 7.0, "7"])
def test_a_number_of_patches_is_taken(k: object) -> None:
    assert given.patches(texts.SEES_MATCH, k, 49) == int(k)


@anything
def test_what_is_none_is_refused_where_it_counts(k: object) -> None:
    with pytest.raises(UserError, match=FEW):
        given.patches(texts.SEES_PICTURE, k, 49)
    assert given.patches(texts.SEES_SOUND, k, 49) == 0


@anything
def test_the_look_says_so(page: Page, tickets: list[Ticket], k: object) -> None:
    value, problem = Looking(page).look(*tickets, texts.SEES_MATCH, k, None)
    assert value == gr.skip()
    assert FEW in problem


@anything
def test_a_caption_says_so(page: Page, tickets: list[Ticket], k: object) -> None:
    ((said, told),) = Describing(page).describe(tickets[0], ME, None, texts.SEES_MATCH, k, None, None)
    assert FEW in said
    assert told == ""


@anything
def test_a_question_says_so_and_stays_in_its_field(page: Page, tickets: list[Ticket], k: object) -> None:
    choices = ("tuned", texts.SEES_MATCH, k, None, "")
    asked = Asking(page, Describing(page)).open("What?", "raw", None, *tickets, ME, *choices)
    assert FEW in asked[2]
    assert (asked[0], asked[3]) == (gr.skip(), gr.skip())


@anything
def test_an_address_is_not_made_of_it(page: Page, k: object) -> None:
    sharing = Sharing(page, Choosing(page))
    with pytest.raises(gr.Error, match=FEW):
        sharing.now(None, "whisper", 0.5, texts.SEES_MATCH, k, "tuned")
    assert sharing.now(None, "whisper", 0.5, texts.SEES_SOUND, k, None)["query"] == "encoder=whisper&t=0.5"


def test_an_address_is_made_of_what_is_seen(page: Page) -> None:
    shared = Sharing(page, Choosing(page)).now(None, "whisper", 0.5, texts.SEES_MATCH, 7, None)
    assert shared["query"] == "encoder=whisper&t=0.5&k=7"


@pytest.mark.parametrize("share", NO_SHARES, ids=str)
def test_a_share_that_is_none_is_said(page: Page, tickets: list[Ticket], share: object) -> None:
    chosen: Chosen = tickets[0].chosen
    (step,) = Finding(page).find(chosen, "whisper", share, None, None, ME)
    assert texts.NO_SHARE.split("(")[0] in dict(zip(OUTPUTS, step, strict=True))["problem"]
    with pytest.raises(gr.Error, match="The blend must lie between"):
        Sharing(page, Choosing(page)).now(chosen, "whisper", share, texts.SEES_SOUND, 1, "tuned")


def test_a_prompt_that_is_none_is_the_usual_one(page: Page, tickets: list[Ticket]) -> None:
    setting = Describing(page).setting(tickets[0], "tuned", texts.SEES_SOUND, None, None, None)
    assert setting.prompt == tickets[0].setting.prompt
