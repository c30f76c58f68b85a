"""The clip card: what it says, how it opens and closes, and that it stays inside the window."""

import re

import pytest

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 60_000  # ms


def opened(page, name: str):
    page.get_by_role("button", name=f"open {name}", exact=True).click()
    card = page.get_by_role("dialog")
    expect(card).to_be_visible(timeout=SLOW)
    return card


def test_a_card_says_all_that_is_known(card_page) -> None:
    card = opened(card_page, "full")
    expect(card.get_by_role("heading", name="dog", exact=True)).to_be_visible()
    for name in texts.DIMENSIONS.values():
        expect(card.get_by_text(name, exact=True)).to_be_visible()
    expect(card).to_contain_text("Sum 44 of 50, mean 8.8 of 10.")
    for title, things in zip(texts.SOURCES.values(), ("dog", "wind", "lawn, fence"), strict=True):
        expect(card.locator(".sources").filter(has_text=title)).to_contain_text(things)
    expect(card).to_contain_text("scores by mind@3")
    expect(card).to_contain_text("camera move over a still photo")
    card.locator(".licence summary").click()
    expect(card.locator(".licence span")).to_contain_text("Sound:")
    widths = card.locator(".dimension-bar i").evaluate_all("bars => bars.map(bar => bar.style.width)")
    assert widths == ["90%", "100%", "80%", "100%", "70%"]


def test_a_reason_is_there_on_demand(card_page) -> None:
    card = opened(card_page, "full")
    reason = card.get_by_text("This is why, for temporal alignment.")
    expect(reason).to_be_hidden()
    card.get_by_text("Temporal alignment", exact=True).click()
    expect(reason).to_be_visible()


def test_what_was_not_measured_says_so(card_page) -> None:
    card = opened(card_page, "part")
    expect(card.get_by_text(texts.NOT_MEASURED, exact=True)).to_have_count(2)
    expect(card.locator(".dimension-bar")).to_have_count(3)
    expect(card).to_contain_text("over the 3 of 5 that were measured")
    expect(card).not_to_contain_text(texts.SOURCES["seen-only"])


def test_a_clip_without_scores(card_page) -> None:
    expect(opened(card_page, "none")).to_contain_text(texts.ALIGNMENT_NONE)


def test_a_clip_that_is_not_there(card_page) -> None:
    expect(opened(card_page, "nobody")).to_contain_text(texts.CARD_FAILED)


def test_strings_are_only_text(card_page) -> None:
    expect(opened(card_page, "evil")).to_contain_text("<img src=x")
    card_page.wait_for_timeout(300)
    assert card_page.evaluate("window.hacked === undefined")


def test_the_clip_is_seen_and_heard(card_page) -> None:
    card = opened(card_page, "full")
    video = card.locator("video")
    expect(video).to_have_attribute("controls", "")
    card_page.wait_for_function("document.querySelector('dialog video').currentTime > 0", timeout=SLOW)
    assert video.evaluate("video => !video.muted")
    card_page.keyboard.press("Escape")
    expect(video).to_have_count(0)  # nothing sounds on unseen


def test_focus_stays_inside_and_comes_back(card_page) -> None:
    card = opened(card_page, "full")
    for _ in range(25):
        card_page.keyboard.press("Tab")
        where = card_page.evaluate("(document.activeElement.closest('dialog') || document.activeElement).tagName")
        assert where in ("DIALOG", "BODY")  # the body is where the browser's own controls have it
    card_page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(card_page.get_by_role("button", name="open full", exact=True)).to_be_focused()


def test_it_closes_by_its_button_and_by_a_press_outside(card_page) -> None:
    card = opened(card_page, "full")
    card.get_by_role("button", name=texts.CARD_CLOSE, exact=True).click()
    expect(card).to_be_hidden()
    card = opened(card_page, "none")
    card_page.mouse.click(3, 3)
    expect(card).to_be_hidden()


def test_its_sound_can_be_asked_for(card_page) -> None:
    card = opened(card_page, "part")
    card.get_by_role("button", name=texts.CARD_QUERY).click()
    expect(card).to_be_hidden()
    expect(card_page.get_by_role("status").filter(has_text="asked for")).to_have_text("asked for part", timeout=SLOW)


def test_bars_are_drawn_at_once_where_motion_is_not_wanted(card_page) -> None:
    moves = "getComputedStyle(document.querySelector('.dimension-bar i')).animationName"
    opened(card_page, "full")
    assert card_page.evaluate(moves) == "bar-grows"
    card_page.keyboard.press("Escape")
    card_page.emulate_media(reduced_motion="reduce")
    opened(card_page, "full")
    assert card_page.evaluate(moves) == "none"
    assert card_page.evaluate("document.querySelector('dialog video').paused")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_it_stays_inside_the_window(card_page, size: tuple[int, int], scheme: str) -> None:
    card_page.set_viewport_size({"width": size[0], "height": size[1]})
    card_page.emulate_media(color_scheme=scheme)
    box = opened(card_page, "full").bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size[0]
    assert box["y"] + box["height"] <= size[1]
    assert card_page.evaluate("(card => card.scrollWidth <= card.clientWidth)(document.querySelector('dialog'))")


def test_the_bundled_clips_carry_what_was_measured(card_page) -> None:
    card = opened(card_page, "dog-01")
    expect(card).to_contain_text(texts.ALIGNMENT_BY["compact"])
    expect(card).to_contain_text(re.compile(r"Sum \d+ of 30"))
