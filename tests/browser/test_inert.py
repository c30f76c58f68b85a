"""Names of files, captions, questions and answers are text in a real browser, whatever they hold."""

from pathlib import Path

import pytest
from conftest import served, visitor
from evil import EVIL

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 120_000  # ms; the first run may wait for a model
NAME = "<img src=x onerror=window.hacked=1>.wav"


@pytest.fixture(scope="module")
def evil_page(browser):
    with served("tests/browser/evil.py") as url, visitor(browser, url) as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        yield page
        assert not dialogs


def test_nothing_a_visitor_or_a_model_writes_becomes_a_part_of_the_page(
    evil_page, tmp_path: Path, beeps: Path
) -> None:
    page = evil_page
    (tmp_path / NAME).write_bytes(beeps.read_bytes())
    page.locator("#upload input[type=file]").set_input_files(tmp_path / NAME)
    expect(page.locator("#wave .wave-name")).to_contain_text("onerror", timeout=SLOW)
    for side in ("raw", "projected"):
        expect(page.locator(f"#caption-{side} .caption-text")).to_contain_text(EVIL, timeout=SLOW)
    page.get_by_role("textbox", name=texts.QUESTION).fill(EVIL)
    page.keyboard.press("Enter")
    expect(page.locator("#answers .answer")).to_contain_text(EVIL, timeout=SLOW)
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("img[src=x], #owned").count() == 0
