"""Several visitors at once who wait for the one caption model, each in a browser of their own."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from conftest import visitor

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 60_000  # ms
QUICK = 10_000
PLACE = re.compile(r"number \d+ in line(, about \d+ s)?\.")


@pytest.fixture
def two(browser, unhurried_url: str) -> Iterator[list]:
    """Two pages; the first one's captions are being written, and the second one waits behind both."""
    with ExitStack() as open_pages:
        pages = [open_pages.enter_context(visitor(browser, unhurried_url)) for _ in range(2)]
        for page in pages:
            page.get_by_role("button", name="dog", exact=True).click()
            expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
        yield pages


def caption(page, side: str):
    return page.locator(f"#caption-{side} .caption-text")


def test_who_waits_sees_their_place_and_then_their_caption(two: list) -> None:
    second = two[1]
    expect(caption(second, "projected")).to_contain_text(PLACE, timeout=QUICK)
    expect(second.get_by_role("button", name=texts.STOP, exact=True)).to_be_visible()
    for side in ("raw", "projected"):
        expect(caption(second, side)).to_have_attribute("aria-busy", "false", timeout=SLOW)
        expect(caption(second, side)).not_to_contain_text(texts.CAPTION_WAITING)


def test_who_waits_can_stop(two: list) -> None:
    second = two[1]
    expect(caption(second, "projected")).to_contain_text(PLACE, timeout=QUICK)
    second.get_by_role("button", name=texts.STOP, exact=True).click()
    for side in ("raw", "projected"):
        expect(caption(second, side)).to_have_text(texts.CAPTION_STOPPED, timeout=QUICK)
    expect(second.get_by_role("button", name=texts.AGAIN)).to_be_visible(timeout=QUICK)


def test_a_closed_tab_makes_room(two: list) -> None:
    first, second = two
    begun = second.locator(".caption-text").filter(has_not_text=texts.CAPTION_WAITING)  # one waits for the other
    expect(begun).to_have_count(0, timeout=QUICK)
    first.close()
    expect(begun).not_to_have_count(0, timeout=5_000)
