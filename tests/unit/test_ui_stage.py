"""Both columns, without a browser: choosing, finding and describing on the toy workspace."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from events import calls_of

from soundclip_demo.engine import Engine
from soundclip_demo.events import Truth

pytest.importorskip("gradio")
import gradio as gr

from soundclip_demo.ui import texts
from soundclip_demo.ui.choosing import Choosing, Chosen
from soundclip_demo.ui.describing import Describing
from soundclip_demo.ui.finding import OUTPUTS, Finding, Ticket
from soundclip_demo.ui.handlers import KEEP, Page
from soundclip_demo.ui.sharing import Sharing
from soundclip_demo.ui.turns import SIDES

ME = SimpleNamespace(session_hash="me")
SEEN = ("tuned", texts.SEES_SOUND, 1, None, "What is it?")


@pytest.fixture
def page(engine: Engine) -> Page:
    return Page(engine, {})


@pytest.fixture
def describing(page: Page, monkeypatch: pytest.MonkeyPatch) -> Describing:
    """Handlers whose captions are short."""
    made = Describing(page)
    setting = made.setting
    monkeypatch.setattr(made, "setting", lambda *seen: replace(setting(*seen), max_new_tokens=8))
    return made


@pytest.fixture
def chosen(clip_sound: Path) -> Chosen:
    return Chosen(str(clip_sound), "tone.wav", 1.0, 0, truth=Truth("dog"))


def find(page: Page, chosen: Chosen | None, share: float = 1, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the last step shows, by name; what stays is left out."""
    tickets = [(before or {}).get(f"{side}_ticket") for side in SIDES]
    steps = list(Finding(page).find(chosen, "whisper", share, *tickets, ME))
    if steps == [gr.skip()]:
        return {}
    return {name: value for name, value in zip(OUTPUTS, steps[-1], strict=True) if value != gr.skip()}


# Choosing


def test_a_clip_of_the_gallery_gives_its_sound(page: Page) -> None:
    chosen, _ = Choosing(page).clip(SimpleNamespace(clip="c4"))
    assert chosen.path == str(page.engine.gallery.clip("c4").video)
    assert (chosen.truth, chosen.licence) == (Truth("cat", "c4"), "CC0-1.0")


@pytest.mark.parametrize("clip", ["nobody", "../c4", None, 7, ["c4"], "<b>"])
def test_a_clip_that_is_not_there_does_nothing(page: Page, clip: object) -> None:
    assert Choosing(page).clip(SimpleNamespace(clip=clip)) == KEEP


# Finding


def test_both_columns_come_from_one_embedding(page: Page, chosen: Chosen, monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in (page.engine._embeddings, page.engine._heard):
        kept._values.clear()
    with calls_of(page.engine.parts.encoder("whisper"), "hear", monkeypatch) as calls:
        shown = find(page, chosen)
        assert len(calls) == 1
        find(page, chosen, 0.5, shown)
        assert len(calls) == 1
    assert (shown["raw"]["title"], shown["projected"]["title"]) == ("Raw", "Projected")
    assert shown["raw"]["cards"] != shown["projected"]["cards"]
    assert shown["raw"]["right"].startswith("first dog clip at rank ")
    assert "decode 1 ms · encode" in shown["status"]
    assert find(page, replace(chosen, serial=1))["status"] == texts.HEARD_BEFORE
    assert texts.CAPTION_WAITING in shown["raw_words"]


def test_the_slider_moves_the_right_column_only(page: Page, chosen: Chosen) -> None:
    before = find(page, chosen)
    after = find(page, chosen, 0.4, before)
    assert set(after) == {"projected", "projected_ticket", "projected_words", "map", "problem"}
    assert after["projected"]["title"] == "Blend t = 0.40"
    assert page.turns.wanted("me", before["raw_ticket"].turn)  # its caption goes on
    assert not page.turns.wanted("me", before["projected_ticket"].turn)
    raw_again = find(page, chosen, 0, before)
    assert [card["clip"] for card in raw_again["projected"]["cards"]] == [c["clip"] for c in before["raw"]["cards"]]


def test_the_rank_is_that_of_the_clip_whose_sound_it_is(page: Page, chosen: Chosen) -> None:
    shown = find(page, replace(chosen, truth=Truth("cat", "c4")))
    matches = shown["projected_ticket"].result.matches
    assert shown["projected"]["right"] == f"right clip at rank {matches.right} of 12"
    everything = replace(shown["projected_ticket"].setting, top=12)
    sound = page.engine.load_sound(chosen.path)
    hits = next(event.hits for event in page.engine.run(sound, everything) if hasattr(event, "hits"))
    assert [hit.rank for hit in hits if hit.clip == "c4"] == [matches.right]


def test_without_a_sound_nothing_happens(page: Page) -> None:
    assert find(page, None) == {}


def test_a_sound_that_others_have_pushed_out_is_asked_for_again(page: Page, chosen: Chosen) -> None:
    find(page, chosen)
    shown = find(page, None, 0.5)
    assert set(shown) == {"problem"}
    assert texts.FORGOTTEN[1] in shown["problem"]


def test_a_find_that_was_overtaken_shows_nothing_and_takes_no_turn(page: Page, chosen: Chosen) -> None:
    """Gradio begins two at once where two changes come together."""
    first = Finding(page).find(chosen, "whisper", 1, None, None, ME)
    next(first)
    second = find(page, chosen)
    assert list(first) == []
    assert all(page.turns.wanted("me", second[f"{side}_ticket"].turn) for side in SIDES)


def test_an_address_begins_one_find(page: Page) -> None:
    sharing = Sharing(page, Choosing(page))
    *_, chosen, _, serial = sharing.open(SimpleNamespace(query="?sound=c4&t=0.5"))
    assert (Path(chosen.path).stem, serial) == ("c4", gr.skip())
    *_, chosen, _, serial = sharing.open(SimpleNamespace(query="?encoder=whisper"))
    assert chosen == gr.skip() and isinstance(serial, int)


def test_a_problem_leaves_results_and_captions_as_they_are(page: Page, chosen: Chosen) -> None:
    before = find(page, chosen)
    shown = find(page, replace(chosen, path="gone.wav"), 1, before)
    assert set(shown) == {"problem", "status"}
    assert "no longer here" in shown["problem"]
    assert shown["status"] == ""
    assert all(page.turns.wanted("me", before[f"{side}_ticket"].turn) for side in SIDES)


def test_without_a_projector_the_raw_column_still_works(
    page: Page, chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soundclip_demo.parts import NotReady

    def none(name: str) -> None:
        raise NotReady("No projector was trained.")

    monkeypatch.setattr(page.engine.parts, "projector", none)
    shown = find(page, chosen)
    assert len(shown["raw"]["cards"]) == 5
    assert (shown["projected"]["verdict"], shown["projected"]["cards"]) == ("No projector was trained.", [])
    assert shown["projected_ticket"] is None


def test_both_stars_reach_the_map_whichever_column_moved(page: Page, chosen: Chosen) -> None:
    before = find(page, chosen)
    after = find(page, chosen, 0.4, before)
    assert [star["side"] for star in before["map"]["stars"]] == ["raw", "projected"]
    assert [star["side"] for star in after["map"]["stars"]] == ["raw", "blend"]
    assert after["map"]["stars"][0] == before["map"]["stars"][0]
    assert before["map"]["label"] == after["map"]["label"] == "Whisper"


def test_a_point_of_the_trade_off_is_gone_to(page: Page) -> None:
    encoder, share, protocol, _ = page.go(SimpleNamespace(encoder="whisper", share=0.25, protocol="frozen"))
    assert (encoder, share, protocol) == ("whisper", 0.25, "frozen")


@pytest.mark.parametrize(("encoder", "share"), [("nobody", 0.5), ("whisper", 2), ("whisper", "1"), (None, 0), ([], {})])
def test_a_setting_that_is_not_there_is_not_gone_to(page: Page, encoder: object, share: object) -> None:
    assert page.go(SimpleNamespace(encoder=encoder, share=share, protocol="frozen")) == [gr.skip()] * 4


def test_a_protocol_that_is_not_there_is_not_gone_to(page: Page) -> None:
    assert page.go(SimpleNamespace(encoder="whisper", share=1, protocol="thawed")) == [gr.skip()] * 4


# Describing


def described(describing: Describing, ticket: Ticket | None) -> Iterator[list[Any]]:
    return describing.describe(ticket, ME, *SEEN)


def test_each_column_is_described(page: Page, describing: Describing, chosen: Chosen) -> None:
    shown = find(page, chosen)
    for side in SIDES:
        *_, (html, told) = described(describing, shown[f"{side}_ticket"])
        assert 'data-offers="again"' in html
        assert any(words in html for words in texts.NAMES.values())
        assert "<mark>Marked</mark>" in told
        assert "(dog)" in told
    assert list(described(describing, None)) == [gr.skip()]  # without a step Gradio would empty the caption


def test_stop_ends_the_caption_being_written_and_the_one_that_waits(
    page: Page, describing: Describing, chosen: Chosen
) -> None:
    shown = find(page, chosen)
    first = described(describing, shown["raw_ticket"])
    next(first), next(first)
    raw, projected = describing.stop("A dog", shown["projected_words"], ME)
    assert raw == gr.skip()  # the handler that writes it says so itself
    assert texts.CAPTION_STOPPED in projected
    assert texts.CAPTION_STOPPED in list(first)[-1][0]
    (waited,) = described(describing, shown["projected_ticket"])
    assert texts.CAPTION_STOPPED in waited[0]


def test_describe_again_asks_for_both(page: Page, describing: Describing, chosen: Chosen) -> None:
    shown = find(page, chosen)
    describing.stop(None, None, ME)
    raw, projected, *words = describing.renew(shown["raw_ticket"], shown["projected_ticket"], ME)
    assert page.turns.wanted("me", raw.turn)
    assert page.turns.wanted("me", projected.turn)
    assert all(texts.CAPTION_WAITING in html for html in words)
    assert describing.renew(None, None, ME) == [gr.skip()] * 4


def test_a_ticket_that_was_replaced_meanwhile_is_not_renewed(
    page: Page, describing: Describing, chosen: Chosen
) -> None:
    old, new = find(page, chosen), find(page, chosen)
    assert describing.renew(*(old[f"{side}_ticket"] for side in SIDES), ME) == [gr.skip()] * 4
    assert all(page.turns.wanted("me", new[f"{side}_ticket"].turn) for side in SIDES)
    assert list(described(describing, old["raw_ticket"])) == [gr.skip()]
