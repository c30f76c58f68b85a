"""The whole page at once: axe-core's verdict, how much is sent for it, and whether it stands still."""

from importlib.resources import files

import pytest
from conftest import visitor

from soundclip_demo.ui import texts
from tests.weight import weigh

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 60_000  # ms
MOST_BYTES = 8_000_000  # sent before anything is asked, videos aside
MOST_SHIFT = 0.1  # https://web.dev/articles/cls: what counts as good
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
GRAVE = """() => axe.run().then(({ violations }) => violations
  .filter(({ impact }) => ['serious', 'critical'].includes(impact))
  .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`)))"""
WATCH = """() => {
  window.shifts = [];
  const note = (list) => window.shifts.push(...list.getEntries().map(({ value }) => value));
  new PerformanceObserver(note).observe({ type: 'layout-shift' });
}"""


def grave(page) -> list[str]:
    """axe-core's serious and critical issues of all that is shown now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{AXE};0")
    return page.evaluate(GRAVE)


def drawn(page) -> None:
    """Waits for the two pictures that are there from the start."""
    page.locator("#map .map-over .name").first.wait_for(state="attached", timeout=SLOW)
    page.locator("#measured [data-plot=measured] svg").wait_for(timeout=SLOW)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 390)])
def test_axe_finds_nothing_grave(browser, url: str, scheme: str, width: int) -> None:
    with visitor(browser, url, width=width, scheme=scheme, reduced_motion="reduce") as page:
        page.set_default_timeout(SLOW)
        drawn(page)
        assert grave(page) == []
        page.get_by_role("button", name="dog", exact=True).click()
        expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
        page.locator("#map .map-list summary").first.click()
        for part in ("#measured summary", "#looking > button", "#caption-settings > button"):
            for opens in page.locator(part).all():
                opens.click()
        page.locator("#compare [data-do=compare]").click()
        page.locator("#question input").fill("What is it?")
        page.get_by_role("button", name=texts.ASK, exact=True).click()
        page.locator("#compare tr[data-row]").nth(1).wait_for()
        expect(page.locator("#compare [data-do=compare]")).to_be_enabled()
        expect(page.locator("#ask")).to_contain_text("What is it?")
        assert grave(page) == []
        page.locator("#projected .more").first.click()
        expect(page.locator("dialog.clip-card h2")).to_be_visible()
        assert grave(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name=texts.TALK_MODE).click()
        expect(page.locator("#talk h1")).to_be_visible()
        assert grave(page) == []
        page.keyboard.press("?")
        expect(page.locator(".talk-help")).to_be_visible()
        assert grave(page) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_jumps_when_results_arrive(browser, url: str, width: int) -> None:
    with visitor(browser, url, width=width) as page:
        drawn(page)
        page.evaluate(WATCH)
        page.get_by_role("button", name="rooster", exact=True).click()
        expect(page.locator("#projected .card[data-clip]")).to_have_count(5, timeout=SLOW)
        expect(page.locator("#again")).to_be_visible(timeout=SLOW)
        assert sum(page.evaluate("window.shifts")) < MOST_SHIFT


def test_the_page_is_light_to_carry(browser, url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    sent = weigh(page)
    page.goto(url)
    drawn(page)
    context.close()
    assert {"document", "script", "stylesheet"} <= sent.keys()
    assert "media" not in sent  # no clip before a sound
    assert sum(sum(sizes) for sizes in sent.values()) < MOST_BYTES
