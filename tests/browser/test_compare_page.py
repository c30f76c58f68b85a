"""The comparison as a visitor uses it: the table, a row's caption, another sound, a row's setting, a phone."""

import re
from pathlib import Path

import pytest
from test_page import QUICK, SLOW, again, caption, clips, give, other_clips, stop

from soundclip_demo.compare import contenders
from soundclip_demo.config import Config
from soundclip_demo.engine import Engine
from soundclip_demo.ui import texts
from soundclip_demo.ui.turns import SIDES

expect = pytest.importorskip("playwright.sync_api").expect


def run_button(page):
    return page.get_by_role("button", name=texts.COMPARE_RUN)


def found(page):
    """The rows that found something."""
    return page.locator("#compare tr[data-row]")


def compare(page) -> None:
    """Presses the button and waits until the table is full."""
    run_button(page).click()
    expect(page.locator("#compare .how-far")).to_have_text(re.compile(r"heard by \d of 6 encoders\.$"), timeout=SLOW)
    expect(run_button(page)).to_be_enabled()


def row(page, name: str):
    return page.locator(f"#compare tr[data-row={name}]")


def describe(page, row: str):
    return page.get_by_role("button", name=f"Describe what {row} hears", exact=True)


def hush(page, row: str):
    return page.get_by_role("button", name=f"Stop describing what {row} hears", exact=True)


def test_every_encoder_gets_its_rows_and_one_is_described(page, beeps: Path) -> None:
    expect(run_button(page)).to_be_disabled()
    expect(page.locator("#compare")).to_contain_text(texts.COMPARE_NO_SOUND)
    give(page, beeps)
    clips(page)
    compare(page)
    statuses = contenders(Engine(Config()))
    ready = [status.name for status in statuses if status.ready]
    assert ready
    names = [each.get_attribute("data-row") for each in found(page).all()]
    assert names == [f"{name}-{mode}" for name in ready for mode in ("raw", "projected")]
    expect(page.locator("#compare tr.absent")).to_have_count(len(statuses) - len(ready))
    for each in found(page).all():
        expect(each.locator(".time")).to_have_text(re.compile(r"^\d+ msencode \d+ ms$|\d s"))
        expect(each.locator(".cosine")).to_contain_text("chance")
    page.wait_for_function(
        "[...document.querySelectorAll('#compare img')].every(image => image.complete && image.naturalWidth > 0)"
    )
    describe(page, "Whisper raw").click()
    expect(hush(page, "Whisper raw")).to_be_visible(timeout=QUICK)
    expect(describe(page, "Whisper raw")).to_be_visible(timeout=SLOW)
    expect(row(page, "whisper-raw").locator(".said")).to_have_text(re.compile(r"\w+"))
    expect(page.locator("#compare .said:not(:empty)")).to_have_count(1)


def test_the_table_shows_what_the_page_shows(page) -> None:
    give(page, Config().examples / "dog.ogg")
    best = page.locator("#projected .card strong").first
    clips(page)
    compare(page)
    expect(row(page, "whisperclip-projected").locator(".match")).to_have_text(best.inner_text())
    expect(row(page, "whisperclip-projected").locator(".mark")).to_have_class("mark above")


def test_a_rows_setting_can_be_adopted(page, beeps: Path) -> None:
    give(page, beeps)
    before = clips(page)
    compare(page)
    category = row(page, "whisper-raw").locator(".match").inner_text()
    page.get_by_role("button", name="Show Whisper raw on the page").click()
    other_clips(page, before)
    expect(page.locator("#share input[type=range]")).to_have_value("0")
    expect(page.get_by_label("Whisper", exact=True)).to_be_checked()
    for side in SIDES:
        expect(page.locator(f"#{side} .card strong").first).to_have_text(category)
    expect(found(page).first).to_be_visible()  # the table stays: it is of the same sound


def test_another_sound_or_window_empties_the_table(page, beeps: Path, half_silent: Path) -> None:
    give(page, beeps)
    clips(page)
    compare(page)
    slide = page.get_by_label(texts.WINDOW)
    slide.focus()
    slide.press("Home")
    expect(found(page)).to_have_count(0, timeout=QUICK)
    compare(page)
    give(page, half_silent)
    expect(found(page)).to_have_count(0, timeout=QUICK)
    expect(page.locator("#compare .how-far")).to_have_text(texts.compare_ready(half_silent.name))


def test_a_silent_window_is_said(page, half_silent: Path) -> None:
    give(page, half_silent)
    clips(page)
    slide = page.get_by_label(texts.WINDOW)
    slide.focus()
    slide.press("End")
    expect(page.get_by_role("alert").filter(has_text="silent")).to_be_visible(timeout=QUICK)
    run_button(page).click()
    expect(page.locator("#compare .how-far")).to_contain_text("silent", timeout=SLOW)
    expect(run_button(page)).to_be_enabled()


def test_one_caption_at_a_time_and_stop_ends_it(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    compare(page)  # takes longer than a caption: one encoder is loaded for it
    again(page).click(timeout=SLOW)
    expect(caption(page, "raw")).to_have_attribute("aria-busy", "true", timeout=QUICK)
    expect(caption(page, "raw").locator(".quiet")).to_have_count(0, timeout=SLOW)  # a column's caption is being written
    describe(page, "Whisper raw").click()
    for side in SIDES:
        expect(caption(page, side)).to_contain_text(texts.CAPTION_STOPPED, timeout=QUICK)
    expect(again(page)).to_be_visible()
    said = row(page, "whisper-raw").locator(".said")
    expect(said).to_have_text(re.compile(r"^(?!Waiting)\w+"), timeout=SLOW)
    describe(page, "Whisper projected").click()
    expect(said).to_contain_text(texts.CAPTION_STOPPED, timeout=QUICK)
    expect(row(page, "whisper-projected").locator(".said")).to_have_text(re.compile(r"^(?!Waiting)\w+"), timeout=SLOW)
    hush(page, "Whisper projected").click()
    expect(row(page, "whisper-projected").locator(".said")).to_contain_text(texts.CAPTION_STOPPED, timeout=QUICK)
    again(page).click()
    expect(stop(page)).to_be_visible(timeout=QUICK)
    expect(caption(page, "raw").locator(".quiet")).to_have_count(0, timeout=SLOW)


def test_by_keyboard_the_focus_stays_on_the_button(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    clips(page)
    run_button(page).focus()
    page.keyboard.press("Enter")
    expect(found(page).last).to_be_visible(timeout=SLOW)
    expect(run_button(page)).to_be_focused(timeout=SLOW)
    describe(page, "Whisper raw").focus()
    page.keyboard.press("Enter")
    expect(hush(page, "Whisper raw")).to_be_focused(timeout=QUICK)
    page.keyboard.press("Space")
    expect(describe(page, "Whisper raw")).to_be_focused(timeout=QUICK)


def test_names_are_only_text(page, tmp_path: Path, beeps: Path) -> None:
    bad = tmp_path / "<img src=x onerror=window.hacked=1>.wav"
    bad.write_bytes(beeps.read_bytes())
    page.locator("#upload input[type=file]").set_input_files(bad)
    clips(page)
    compare(page)
    assert page.evaluate("window.hacked === undefined")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_rows_are_cards(browser, url: str, beeps: Path, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(url)
    give(page, beeps)
    clips(page)
    compare(page)
    describe(page, "Whisper raw").click()
    expect(hush(page, "Whisper raw")).to_be_visible(timeout=QUICK)
    expect(describe(page, "Whisper raw")).to_be_visible(timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#compare").evaluate("panel => panel.scrollWidth - panel.clientWidth") <= 0
    boxes = [each.bounding_box() for each in found(page).all()]
    assert all(below["y"] >= above["y"] + above["height"] for above, below in zip(boxes, boxes[1:], strict=False))
    assert page.get_by_role("cell").count() > 0  # still a table for those who hear the page
    page.close()
