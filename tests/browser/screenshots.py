"""Pictures of the page, wide and narrow, light and dark.

`python tests/browser/screenshots.py URL FOLDER [SOUND]`.
Without SOUND the page's first example sound is used.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SIZES = ((1440, 900), (390, 844))
SCHEMES = ("light", "dark")
WAIT_MS = 120_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("sound", type=Path, nargs="?")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width, height in SIZES:
            for scheme in SCHEMES:
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                page.goto(given.url)
                show_results(page, given.sound)
                page.screenshot(path=given.folder / f"page-{width}-{scheme}.png", full_page=True)
                page.screenshot(path=given.folder / f"first-{width}-{scheme}.png")
                show_blend(page)
                page.screenshot(path=given.folder / f"blend-{width}-{scheme}.png", full_page=True)
                show_comparison(page)
                page.locator("#compare").screenshot(path=given.folder / f"compare-{width}-{scheme}.png")
                page.close()
        browser.close()


def show_results(page: Page, sound: Path | None) -> None:
    """Gives a sound and waits until both captions are finished."""
    page.locator("#map .plot-container").first.wait_for(timeout=WAIT_MS)
    if sound:
        page.locator("#upload input[type=file]").set_input_files(sound)
    else:
        page.locator("#examples .chip").first.click()
    page.locator("#projected .card[data-clip]").first.wait_for(timeout=WAIT_MS)
    page.locator("#again").wait_for(timeout=WAIT_MS)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)  # the star's move


def show_blend(page: Page) -> None:
    """Slides half of the way back to raw."""
    page.locator("#share input[type=range]").fill("0.5")
    page.get_by_role("heading", name="Blend t = 0.50").wait_for(timeout=WAIT_MS)
    page.locator("#stop").wait_for(timeout=WAIT_MS)
    page.locator("#again").wait_for(timeout=WAIT_MS)
    page.wait_for_timeout(1000)


def show_comparison(page: Page) -> None:
    """Fills the table and has its last row described."""
    page.locator("#compare [data-do=compare]").click()
    last = page.locator("#compare tr[data-row]").last
    page.locator("#compare tr").nth(1).wait_for(timeout=WAIT_MS)
    page.locator("#compare [data-do=compare]").wait_for(timeout=WAIT_MS)
    last.locator("[data-do=describe]").click()
    last.locator("[data-do=hush]").wait_for(timeout=WAIT_MS)
    last.locator("[data-do=describe]").wait_for(timeout=WAIT_MS)
    page.mouse.move(0, 0)


if __name__ == "__main__":
    main()
