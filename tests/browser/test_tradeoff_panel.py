"""The trade-off panel as a visitor uses it: choose measures, read a point, go to it, by pointer and by keyboard."""

import json
from collections.abc import Iterator

import pytest
from conftest import served, visitor

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 30_000
PLOT = "#measured [data-plot=measured] svg"
HEADLINE = (
    "With the frozen LLaVA, projecting finds more and describes worse for 6 of 6 encoders. "
    "With the tuned LLaVA, projecting finds more and describes better for 6 of 6 encoders."
)


@pytest.fixture(scope="module")
def panel_url() -> Iterator[str]:
    with served("tests/browser/tradeoff_page.py") as address:
        yield address


@pytest.fixture
def page(browser, panel_url: str):
    with visitor(browser, panel_url, PLOT) as page:
        yield page


def point(page, encoder: str, share: float, protocol: str = "frozen"):
    return page.locator(f'{PLOT} [data-encoder="{encoder}"][data-share="{share:g}"][data-protocol="{protocol}"]')


def reading(page):
    return page.locator("#measured .reading")


def choose(page, protocol: str) -> None:
    page.get_by_role("radio", name=protocol, exact=True).check()


def set_value(page, value: dict | None) -> None:
    page.get_by_label("Value").fill(json.dumps(value))
    page.get_by_label("Value").press("Enter")
    expect(gone(page)).to_have_value(f"marked {json.dumps(value)}", timeout=SLOW)


def gone(page):
    return page.get_by_label("Gone to")


def labels(page) -> list[dict]:
    return page.locator(f"{PLOT} text.name").evaluate_all(
        "all => all.map((each) => ({text: each.textContent, ...each.getBoundingClientRect().toJSON()}))"
    )


def test_the_picture_and_what_it_says(page) -> None:
    expect(page.locator("#measured .headline")).to_have_text(HEADLINE)
    expect(page.locator(f"{PLOT} .point")).to_have_count(66)
    expect(page.locator(f"{PLOT} [data-native]")).to_have_count(4)
    assert {each["text"] for each in labels(page)} == {
        "CLAP", "Whisper", "ImageBind", "Wav2CLIP", "AudioCLIP", "WhisperCLIP",
    }
    choose(page, "both")
    expect(page.locator(f"{PLOT} .point")).to_have_count(132)
    page.get_by_label(texts.CHOOSE_TOLD).first.select_option(label=texts.TOLD_BY["b1"])
    page.get_by_label(texts.CHOOSE_FOUND).select_option(label=texts.FOUND_BY["mrr"])
    expect(page.locator(PLOT)).to_have_attribute("aria-label", f"{texts.TOLD_BY['b1']} against {texts.FOUND_BY['mrr']}")
    expect(page.locator("#measured")).to_contain_text("cosine of caption and sound in the CLAP retrain")


def test_a_point_is_read_and_clicked(page) -> None:
    point(page, "whisperclip", 0).hover()
    expect(reading(page)).to_contain_text("WhisperCLIP · raw · frozen LLaVA")
    expect(reading(page)).to_contain_text("0.0% (0.0% to 0.5%), n = 366 among 132 clips")
    expect(reading(page)).to_contain_text("n = 92; of all recordings 16.1% (12.3% to 19.9%), n = 366")
    point(page, "whisperclip", 0.4).click()
    expect(gone(page)).to_have_value("whisperclip 0.4 frozen", timeout=SLOW)
    expect(page.locator(f"{PLOT} .current")).to_have_count(1, timeout=SLOW)
    page.mouse.move(0, 0)
    expect(reading(page)).to_contain_text("Your setting: WhisperCLIP · blend 0.4 · frozen LLaVA")


def test_a_native_mark_is_read_and_leads_nowhere(page) -> None:
    page.locator(f"{PLOT} [data-native=audioclip]").hover()
    expect(reading(page)).to_contain_text("AudioCLIP · native")
    expect(reading(page)).to_contain_text("59.8%")
    page.mouse.down()
    page.mouse.up()
    expect(gone(page)).to_have_value("")


def test_with_the_keyboard_alone(page) -> None:
    page.get_by_role("radio", name="frozen", exact=True).focus()
    page.keyboard.press("Tab")
    expect(point(page, "clap", 0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(point(page, "whisper", 0.2)).to_be_focused()
    expect(reading(page)).to_contain_text("Whisper · blend 0.2 · frozen LLaVA")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # there is nothing left of raw
    expect(point(page, "whisper", 0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(gone(page)).to_have_value("whisper 0 frozen", timeout=SLOW)
    expect(page.locator(f"{PLOT} .current")).to_have_count(1, timeout=SLOW)
    page.keyboard.press("Tab")
    expect(page.locator("#measured [data-choice=found]")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(point(page, "whisper", 0)).to_be_focused()


def test_the_focus_outlives_a_new_value(page) -> None:
    choose(page, "tuned")
    point(page, "clap", 0.9, "tuned").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{PLOT} .current")).to_have_count(1, timeout=SLOW)
    expect(point(page, "clap", 0.9, "tuned")).to_be_focused()


def test_the_picture_follows_the_setting_to_another_protocol_but_the_visitor_may_look_elsewhere(page) -> None:
    set_value(page, {"encoder": "clap", "share": 0.5, "protocol": "tuned"})
    expect(page.get_by_role("radio", name="tuned", exact=True)).to_be_checked(timeout=SLOW)
    expect(page.locator(f"{PLOT} .current")).to_have_count(1)
    choose(page, "frozen")
    expect(page.locator(f"{PLOT} .current")).to_have_count(0)
    set_value(page, {"encoder": "clap", "share": 0.6, "protocol": "tuned"})
    expect(page.get_by_role("radio", name="frozen", exact=True)).to_be_checked()
    choose(page, "both")
    expect(reading(page)).to_contain_text("Your setting: CLAP · blend 0.6 · tuned LLaVA")


def test_every_point_says_in_words_what_it_is(page) -> None:
    named = page.get_by_role("button", name="ImageBind · projected · frozen LLaVA")
    expect(named).to_have_count(1)
    assert "right category first (R@1): 49.2% (44.1% to 54.3%)" in named.get_attribute("aria-label")
    assert named.get_attribute("aria-label").endswith(texts.READING["go"])


def test_a_setting_between_two_points_is_marked_and_called_interpolated(page) -> None:
    set_value(page, {"encoder": "whisper", "share": 0.45, "protocol": "tuned"})
    expect(reading(page)).to_contain_text("Your setting: Whisper · blend 0.45 · tuned LLaVA", timeout=SLOW)
    expect(reading(page)).to_contain_text("interpolated between blends 0.4 and 0.5; nothing was measured here")
    ring = page.locator(f"{PLOT} .current").bounding_box()
    before, after = (point(page, "whisper", share, "tuned").bounding_box() for share in (0.4, 0.5))
    centre = ring["x"] + ring["width"] / 2
    assert before["x"] < centre < after["x"] + after["width"]
    set_value(page, None)
    expect(page.locator(f"{PLOT} .current")).to_have_count(0, timeout=SLOW)
    expect(reading(page)).to_contain_text(texts.READING["nothing"])


def test_a_setting_of_no_measured_line_is_not_marked(page) -> None:
    set_value(page, {"encoder": "clap", "share": 1.0, "protocol": "frozen"})
    expect(page.locator(f"{PLOT} .current")).to_have_count(1, timeout=SLOW)
    set_value(page, {"encoder": "nobody", "share": 1.0, "protocol": "frozen"})
    expect(page.locator(f"{PLOT} .current")).to_have_count(0, timeout=SLOW)


def test_the_numbers_are_there_as_a_table(page) -> None:
    table = page.locator("#measured .numbers").get_by_role("table")
    expect(table).not_to_be_visible()
    page.get_by_text(texts.MEASURED_TABLE).click()
    expect(table).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(1 + 1 + 16 + 1 + 66)
    expect(table.get_by_role("row").nth(2)).to_have_text("CLAPnative40.4% (35.4% to 45.4%)––")
    page.get_by_label(texts.CHOOSE_TOLD).first.select_option(label="BLEU")
    expect(table.get_by_role("columnheader", name="BLEU, tuned LLaVA")).to_be_visible()


def test_published_figures_are_another_picture(page) -> None:
    paper = page.locator("#measured .paper-layer")
    expect(paper).not_to_be_visible()
    page.get_by_text(texts.PAPER_SHOW).click()
    expect(paper.get_by_role("heading", name=texts.PAPER)).to_be_visible()
    expect(paper).to_contain_text("Nothing here was measured by this project")
    expect(paper).to_contain_text("the Pareto claim")
    expect(paper.locator("svg .point")).to_have_count(10)
    paper.get_by_label(texts.CHOOSE_TOLD).select_option(label=texts.PAPER_BY["B2"])
    label = f"{texts.PAPER_BY['B2']} against {texts.PAPER_BY['R@1']}"
    expect(paper.get_by_role("img")).to_have_attribute("aria-label", label)
    expect(page.locator(f"{PLOT} .point")).to_have_count(66)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("protocol", ["frozen", "tuned", "both"])
def test_six_names_that_hide_neither_each_other_nor_an_end(
    browser, panel_url: str, width: int, scheme: str, protocol: str
) -> None:
    with visitor(browser, panel_url, PLOT, width, scheme) as page:
        choose(page, protocol)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        names = labels(page)
        assert len(names) == 6
        ends = page.locator(f"{PLOT} [data-share='1'] circle").evaluate_all(
            "all => all.map((each) => each.getBoundingClientRect().toJSON())"
        )
        frame = page.locator(PLOT).bounding_box()
        for i, name in enumerate(names):
            assert frame["x"] <= name["left"] and name["right"] <= frame["x"] + frame["width"] + 1
            assert not [other for other in [*names[:i], *ends] if meet(name, other)]
        ink = page.locator(f"{PLOT} text").first.evaluate("each => getComputedStyle(each).fill")
        assert (sum(int(part) for part in ink[4:-1].split(",")) > 380) == (scheme == "dark")


def meet(a: dict, b: dict) -> bool:
    """Whether two boxes overlap by more than the air around a letter."""
    across = min(a["right"], b["right"]) - max(a["left"], b["left"])
    down = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return across > 1 and down > 3
