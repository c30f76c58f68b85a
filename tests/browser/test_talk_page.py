"""Talk mode: every key, the running order, the notes' window, and a server that can reach no other machine."""

from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 300_000  # ms


def open_talk(browser, url: str, width: int = 1440, height: int = 900, scheme: str = "light"):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(f"{url}?talk=1")
    expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
    return page


@pytest.fixture
def talk(browser, talk_url: str):
    page = open_talk(browser, talk_url)
    yield page
    page.context.close()


def title(page):
    return page.locator("#talk h1")


def encoder(page):
    return page.locator("#talk [aria-current]")


def column(page):
    return page.locator("#projected h2")


def test_arrows_go_through_the_running_order(talk) -> None:
    expect(title(talk)).to_have_text("First: a dog")
    expect(talk.locator(".talk-count")).to_have_text("1 / 3")
    expect(encoder(talk)).to_contain_text("WhisperCLIP")
    talk.keyboard.press("ArrowRight")
    expect(title(talk)).to_have_text("Second: a train")
    expect(column(talk)).to_have_text("Blend t = 0.50", timeout=SLOW)
    expect(encoder(talk)).to_have_text("2 Whisper", timeout=SLOW)
    talk.keyboard.press("PageDown")
    expect(column(talk)).to_have_text("Blend t = 0.00", timeout=SLOW)
    expect(talk.locator("#wave .wave-name")).to_have_text("Third: a file", timeout=SLOW)
    talk.keyboard.press("ArrowRight")
    expect(title(talk)).to_have_text("Third: a file")  # the last one stays
    talk.keyboard.press("ArrowLeft")
    expect(title(talk)).to_have_text("Second: a train")
    talk.reload()
    expect(title(talk)).to_have_text("Second: a train", timeout=SLOW)  # where it was


def test_videos_of_the_next_step_are_fetched_ahead(talk) -> None:
    expect(talk.locator(".talk-ready")).to_have_text("", timeout=SLOW)
    paths = "found => found.map((one) => new URL(one.href || one.src).pathname)"
    fetched = talk.eval_on_selector_all("head link[rel=prefetch]", paths)
    talk.keyboard.press("ArrowRight")
    expect(column(talk)).to_have_text("Blend t = 0.50", timeout=SLOW)
    for side in ("raw", "projected"):
        shown = talk.eval_on_selector_all(f"#{side} .card video", paths)
        assert len(shown) == 5 and set(shown) <= set(fetched)


def test_numbers_choose_an_encoder_and_m_the_share(talk) -> None:
    talk.keyboard.press("1")
    expect(encoder(talk)).to_have_text("1 CLAP", timeout=SLOW)
    talk.wait_for_function("location.search.includes('encoder=clap')", timeout=SLOW)
    for wanted in ("Blend t = 0.50", "Blend t = 0.00", "Projected"):
        talk.keyboard.press("m")
        expect(column(talk)).to_have_text(wanted, timeout=SLOW)
    talk.keyboard.press("9")
    expect(encoder(talk)).to_have_text("1 CLAP")


def test_space_plays_and_pauses(talk) -> None:
    playing = "!document.querySelector('#wave audio').paused"
    talk.keyboard.press(" ")
    talk.wait_for_function(playing)
    talk.keyboard.press(" ")
    talk.wait_for_function(f"!({playing})")


def test_c_shows_the_comparison_and_hides_it(talk) -> None:
    expect(talk.locator("#compare")).to_be_hidden()
    talk.keyboard.press("c")
    expect(talk.locator("#compare tr[data-row]").first).to_be_visible(timeout=SLOW)
    talk.keyboard.press("c")
    expect(talk.locator("#compare")).to_be_hidden()


def test_l_shows_what_the_model_looks_at_in_place_of_the_map(talk) -> None:
    pressed = talk.locator("#look .look-marks [aria-pressed=true]")
    expect(talk.locator("#looking")).to_be_hidden()
    talk.keyboard.press("l")
    expect(talk.locator("#look .look-frames img")).to_have_count(2, timeout=SLOW)
    expect(talk.locator("#map")).to_be_hidden()
    expect(talk.locator("#caption-projected")).to_be_visible()
    talk.keyboard.press("+")
    expect(pressed).to_have_text("15", timeout=SLOW)
    talk.wait_for_function("location.search.includes('k=15')", timeout=SLOW)
    talk.keyboard.press("-")
    expect(pressed).to_have_text(texts.LOOK_WORDS["only"], timeout=SLOW)
    talk.keyboard.press("Escape")
    expect(talk.locator("#looking")).to_be_hidden()
    expect(talk.locator("#map")).to_be_visible()


def test_help_notes_and_leaving(talk) -> None:
    talk.keyboard.press("?")
    expect(talk.get_by_role("dialog").filter(has_text=texts.TALK["help"])).to_be_visible()
    talk.keyboard.press("Escape")
    expect(talk.locator(".talk-help")).to_be_hidden()
    expect(title(talk)).to_be_visible()
    expect(talk.locator(".talk-notes")).to_be_hidden()
    talk.keyboard.press("n")
    expect(talk.locator(".talk-notes")).to_contain_text("Say hello.")
    expect(talk.locator(".talk-notes")).to_contain_text("Second: a train")
    talk.keyboard.press("Escape")
    expect(talk.locator(".talk-notes")).to_be_hidden()
    talk.keyboard.press("Escape")
    expect(talk.locator("#header")).to_be_visible()
    expect(talk.locator(".talk-head")).to_be_hidden()
    assert "talk=" not in talk.url
    talk.get_by_role("button", name=texts.TALK_MODE).press("Enter")
    expect(title(talk)).to_be_visible()
    assert "talk=1" in talk.url


def test_f_is_full_screen(talk) -> None:
    talk.keyboard.press("f")
    talk.wait_for_function("document.fullscreenElement !== null")
    talk.keyboard.press("f")
    talk.wait_for_function("document.fullscreenElement === null")


def test_notes_follow_in_a_second_window(talk) -> None:
    with talk.context.expect_page() as opened:
        talk.keyboard.press("Shift+N")
    notes = opened.value
    expect(notes.locator(".talk-text")).to_have_text("Say hello.", timeout=SLOW)
    expect(notes.locator("#columns")).to_be_hidden()
    talk.keyboard.press("ArrowRight")
    expect(notes.locator(".talk-text")).to_have_text("Say goodbye.")
    notes.keyboard.press("ArrowLeft")
    expect(title(talk)).to_have_text("First: a dog")
    expect(notes.locator(".talk-text")).to_have_text("Say hello.")


def test_keys_are_for_the_talk_alone(talk) -> None:
    talk.evaluate("document.body.append(Object.assign(document.createElement('input'), { id: 'field' }))")
    talk.locator("#field").focus()
    talk.keyboard.type("1 m?n")
    expect(talk.locator(".talk-help")).to_be_hidden()
    expect(talk.locator(".talk-notes")).to_be_hidden()
    assert talk.locator("#field").input_value() == "1 m?n"
    talk.evaluate("document.querySelector('#field').remove()")
    talk.keyboard.press("Control+1")
    expect(encoder(talk)).to_contain_text("WhisperCLIP")
    talk.keyboard.press("Escape")
    talk.keyboard.press("?")
    expect(talk.locator(".talk-help")).to_be_hidden()


def test_a_rehearsed_caption_says_so(talk) -> None:
    expect(talk.locator(".talk-ready")).to_be_empty(timeout=SLOW)
    talk.reload()
    expect(talk.locator("#caption-raw .times")).to_contain_text(texts.REHEARSED, timeout=SLOW)
    expect(talk.locator("#caption-projected .times")).to_contain_text(texts.REHEARSED, timeout=SLOW)


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (1920, 1080, "dark"), (1024, 768, "light")]
)
def test_it_is_one_slide(browser, talk_url: str, width: int, height: int, scheme: str) -> None:
    page = open_talk(browser, talk_url, width, height, scheme)
    expect(page.locator("#map .map-box")).to_be_visible()
    for hidden in ("#header", "#sound", "#setting", "#captions", "#looking", "#ask", "#keep", "#link", "#about"):
        expect(page.locator(hidden)).to_be_hidden()
    for shown in ("#raw", "#projected", "#map", "#measured", "#talk h1"):
        box = page.locator(shown).bounding_box()
        assert box["height"] > 20, shown
        assert box["x"] >= 0 and box["y"] >= 0, shown
        assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, shown
    for side in ("raw", "projected"):
        place, words = (page.locator(f"#{side}{more}").bounding_box() for more in ("", " .caption-text"))
        assert words["y"] + 50 <= place["y"] + place["height"], side  # at least a line of the caption
    heading, columns = page.locator("#talk .talk-head").bounding_box(), page.locator("#columns").bounding_box()
    assert heading["height"] < 0.12 * height and heading["width"] > columns["width"]  # in one line
    plot = page.locator("#measured [data-plot=measured] svg").bounding_box()
    assert plot["y"] + plot["height"] <= height
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.caption-text')).fontSize)") >= 20
    page.context.close()


@pytest.mark.parametrize(("width", "height"), [(900, 1000), (390, 844)])
def test_upright_it_is_scrolled(browser, talk_url: str, width: int, height: int) -> None:
    page = open_talk(browser, talk_url, width, height)
    plot = "#measured [data-plot=measured]"
    boxes = [page.locator(shown).bounding_box() for shown in ("#columns", "#map .map-box", plot)]
    for before, after in pairwise(boxes):
        assert before["y"] + before["height"] <= after["y"]
    for side in ("raw", "projected"):
        outer = page.locator(f"#{side}").bounding_box()
        for shown in (f"#caption-{side}", f"#{side} .card:last-child"):
            inner = page.locator(shown).bounding_box()
            assert outer["x"] <= inner["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"], shown
    page.locator(plot).scroll_into_view_if_needed()
    assert page.locator(plot).bounding_box()["y"] < height
    page.context.close()


def test_no_request_leaves_the_host(browser, talk_url: str, cable: Path) -> None:
    page, hosts = browser.new_page(), set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{talk_url}?talk=1")
    expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
    page.keyboard.press("ArrowRight")
    expect(title(page)).to_have_text("Second: a train")
    expect(page.locator("#caption-projected .caption-text")).to_have_attribute("aria-busy", "false", timeout=SLOW)
    page.close()
    assert hosts - {""} == {urlsplit(talk_url).netloc}
    assert not cable.exists() or not cable.read_text()
