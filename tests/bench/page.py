"""How soon the page paints and how much is sent for it: `python -m tests.bench.page URL` visits a server that runs.

Each of five visits is a new visitor's, with nothing in the cache. Nothing is asked, so that no video is among it.
"""

import argparse
import shutil
import statistics

from playwright.sync_api import Browser, sync_playwright

from tests.weight import weigh

VISITS = 5
TARGETS = {"first-paint": 1500, "weight": 8_000_000}  # ms, bytes
WAIT_MS = 120_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PAINTS = "performance.getEntriesByType('paint').map(({ name, startTime }) => [name, startTime])"
MAP_READY = "() => document.querySelector('#map .map-over .name') && performance.now()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:7860/")
    given = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        visits = [_visit(browser, given.url) for _ in range(VISITS)]
        browser.close()
    print(f"{'':32} {'median ms':>10} {'least':>8} {'most':>8} {'target':>8}")
    for name in visits[0][0]:
        times = [times[name] for times, _ in visits]
        target = f"{TARGETS[name]:8.0f}" if name in TARGETS else ""
        print(f"{name:32} {statistics.median(times):10.0f} {min(times):8.0f} {max(times):8.0f} {target}")
    sent = visits[0][1]
    print(f"\n{'sent':32} {'KB':>10} {'files':>8}")
    for kind, sizes in sorted(sent.items(), key=lambda row: -sum(row[1])):
        print(f"{kind:32} {sum(sizes) / 1000:10.0f} {len(sizes):8}")
    whole = sum(sum(sizes) for sizes in sent.values())
    print(f"{'all':32} {whole / 1000:10.0f} {sum(map(len, sent.values())):8}   target {TARGETS['weight'] / 1000:.0f}")


def _visit(browser: Browser, url: str) -> tuple[dict[str, float], dict[str, list[int]]]:
    """Milliseconds from the request to each stage, and bytes by kind."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    sent = weigh(page)
    page.goto(url)
    ready = page.wait_for_function(MAP_READY, polling=50).json_value()
    times = dict(page.evaluate(PAINTS)) | {"map drawn": ready}
    context.close()
    return times, sent


if __name__ == "__main__":
    main()
