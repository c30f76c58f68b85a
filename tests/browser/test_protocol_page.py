"""Frozen or tuned: who writes the caption is the visitor's choice, and the page says what was measured of both."""

import pytest
from test_page import SLOW, again, caption, clips, give, stop

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect


def test_the_frozen_llava_writes_another_caption(page, beeps) -> None:
    give(page, beeps)
    clips(page)
    note = page.locator("#told")
    expect(note).to_contain_text(", tuned, ", timeout=SLOW)
    expect(again(page)).to_be_visible(timeout=SLOW)
    tuned = caption(page, "raw").inner_text()
    page.get_by_role("button", name=texts.LOOK).click()
    page.get_by_role("radio", name=texts.PROTOCOLS["frozen"]).check()
    expect(note).to_contain_text(", frozen, ", timeout=SLOW)
    page.wait_for_function(  # a few words are enough: the frozen one goes on for hundreds
        "() => document.querySelector('#caption-raw .caption-text').innerText.split(' ').length > 4", timeout=SLOW
    )
    stop(page).click()
    expect(caption(page, "raw")).to_contain_text(texts.CAPTION_STOPPED, timeout=SLOW)
    assert caption(page, "raw").inner_text() != tuned


def test_the_page_says_what_was_measured(page) -> None:
    panel = page.locator("#measured")
    expect(panel.get_by_role("heading", name=texts.MEASURED)).to_be_visible()
    expect(panel).to_contain_text("of 6 encoders.")
    table = panel.locator(".numbers").get_by_role("table")
    expect(table).not_to_be_visible()
    panel.locator(".numbers summary").focus()
    page.keyboard.press("Enter")
    expect(table).to_be_visible()
    expect(table.get_by_role("row", name="WhisperCLIP projected").first).to_be_visible()
