"""The address of what is seen, and files of it."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import served, visitor

from soundclip_demo.record import COLUMNS
from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 300_000  # ms


@pytest.fixture(scope="module")
def measured_url() -> Iterator[str]:
    with served("tests/browser/tradeoff_page.py") as address:
        yield address


@pytest.fixture
def dog(browser, url: str):
    """A visitor who opened the address of a blend."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{url}?encoder=whisper&t=0.5&k=8&sound=dog")
    expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
    yield page
    context.close()


def asked(page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def until(page, **parts: str) -> None:
    """Waits until the address asks for all of these."""
    page.wait_for_function(
        "parts => { const now = new URLSearchParams(location.search);"
        " return Object.entries(parts).every(([name, value]) => now.get(name) === (value || null)) }",
        arg=parts,
        timeout=SLOW,
    )


def test_an_address_shows_what_it_says(dog) -> None:
    expect(dog.get_by_label("Whisper", exact=True)).to_be_checked()
    expect(dog.locator("#wave .wave-name")).to_have_text("A dog barks")
    assert dog.locator("#share input[type=range]").input_value() == "0.5"
    until(dog, encoder="whisper", t="0.5", k="8", sound="dog")
    dog.get_by_label("WhisperCLIP", exact=True).check()
    until(dog, encoder="whisperclip", t="0.5", sound="dog")
    dog.locator("#examples .chip", has_text="rooster").click()
    until(dog, encoder="whisperclip", sound="rooster")


def test_a_visitors_own_sound_is_never_in_the_address(dog, beeps: Path) -> None:
    dog.locator("#upload input[type=file]").set_input_files(beeps)
    until(dog, sound="")
    assert "beeps" not in dog.url
    dog.get_by_role("button", name=texts.COPY_LINK).click()
    expect(dog.locator("#link")).to_contain_text(texts.LINK_WITHOUT_SOUND)


def test_an_address_that_makes_no_sense_says_so(browser, url: str) -> None:
    page = browser.new_page()
    page.goto(f"{url}?encoder=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&t=9&sound=dog")
    expect(page.get_by_text(texts.link_unknown(["encoder", "t"]))).to_be_visible(timeout=SLOW)
    expect(page.locator("#wave .wave-name")).to_have_text("A dog barks", timeout=SLOW)
    expect(page.get_by_label("WhisperCLIP", exact=True)).to_be_checked()
    page.close()


def test_the_link_is_copied(dog) -> None:
    dog.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dog.get_by_role("button", name=texts.COPY_LINK).click()
    expect(dog.locator("#link [role=status]")).to_have_text(texts.COPIED)
    assert dog.evaluate("navigator.clipboard.readText()") == dog.url


def test_a_refused_clipboard_shows_the_address(dog) -> None:
    dog.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')) }")
    dog.get_by_role("button", name=texts.COPY_LINK).click()
    field = dog.get_by_label(texts.ADDRESS)
    expect(field).to_be_visible()
    expect(field).to_be_focused()
    assert field.input_value() == dog.url
    assert dog.evaluate("document.activeElement.selectionEnd") == len(dog.url)


def test_an_address_asks_for_the_frozen_llava(browser, url: str) -> None:
    with visitor(browser, f"{url}?sound=dog&llava=frozen") as page:
        expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
        until(page, sound="dog", llava="frozen")
        page.get_by_role("button", name=texts.LOOK).click()
        expect(page.get_by_role("radio", name=texts.PROTOCOLS["frozen"])).to_be_checked()


def saved(page, kind: str) -> tuple[str, str]:
    """Name and text of a file."""
    with page.expect_download(timeout=SLOW) as download:
        page.get_by_role("button", name=texts.KEEP_KINDS[kind], exact=True).click()
    return download.value.suggested_filename, Path(download.value.path()).read_text(encoding="utf-8")


def test_results_are_kept(dog, browser, tmp_path: Path) -> None:
    expect(dog.locator("#again")).to_be_visible(timeout=SLOW)  # both captions are written
    shown = {
        side: [card.get_attribute("data-clip") for card in dog.locator(f"#{side} .card[data-clip]").all()]
        for side in ("raw", "projected")
    }
    name, text = saved(dog, "json")
    assert name == "soundclip-a-dog-barks.json"
    columns = json.loads(text)["columns"]
    assert [column["mode"] for column in columns] == ["raw", "blend"]
    for column, side in zip(columns, shown, strict=True):
        assert [match["clip"] for match in column["matches"]] == shown[side]
        assert column["setting"]["k"] == 8
        assert column["caption"] == dog.locator(f"#caption-{side} .caption-text").inner_text().strip()
        assert {"encode", "search", "caption"} <= set(column["ms"])

    name, text = saved(dog, "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["clip"] for row in rows] == shown["raw"] + shown["projected"]

    name, text = saved(dog, "html")
    assert name.endswith(".html")
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    page, requests = browser.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("A dog barks")
    expect(page.locator("ol.matches img")).to_have_count(10)
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    expect(page.locator("audio")).to_have_count(0)
    assert all(address.startswith(("file:", "data:")) for address in requests)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.parametrize(("kind", "begins"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_the_trade_off_is_kept_as_a_picture(browser, measured_url: str, kind: str, begins: bytes) -> None:
    page = browser.new_page()
    page.goto(measured_url)
    expect(page.locator("#measured [data-plot=measured] svg")).to_be_visible(timeout=SLOW)
    with page.expect_download(timeout=SLOW) as download:
        page.locator("#keep").get_by_role("button", name=kind, exact=True).click()
    assert download.value.suggested_filename == f"soundclip-trade-off.{kind.lower()}"
    assert Path(download.value.path()).read_bytes().startswith(begins)
    page.close()


def test_before_a_sound_there_is_nothing_to_keep(page) -> None:
    page.get_by_role("button", name=texts.KEEP_KINDS["json"], exact=True).click()
    expect(page.locator("#keep [role=status]")).to_have_text(texts.KEEP_NOTHING, timeout=SLOW)
