"""How the map fares with many clips: `python -m tests.bench.map [--clips 20000]` prints a table.

A page with the map alone and a made-up gallery is opened in headless Chromium without a GPU and panned by the mouse.
Frame times hang on the processor, which paints here what a graphics card would; those of an empty page are printed
beside them.
"""

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

from playwright.sync_api import Page, sync_playwright

from soundclip_demo.config import ROOT

CLIPS = 20_000
WAIT_MS = 180_000
MOVES = 60
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
FRAMES = """count => new Promise(done => { const times = []; let last = performance.now();
  const step = now => { times.push(now - last); last = now;
    times.length < count ? requestAnimationFrame(step) : done(times); };
  requestAnimationFrame(step); })"""
SCRIPT = "performance.getEntriesByType('resource').find(one => one.name.includes('plotly')).responseEnd"
BASE = "gradio_config.components.find(one => one.props.elem_id === 'map').props.props.base.length"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=CLIPS)
    given = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "tests/browser/map_page.py", "--clips", str(given.clips), "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _answer(f"http://127.0.0.1:{port}/", server)
        measured = _measure(f"http://127.0.0.1:{port}/")
    finally:
        server.terminate()
        server.wait(timeout=20)
    print(f"{given.clips} clips\n")
    for name, value, unit in measured:
        print(f"{name:44} {value:8.0f} {unit}")


def _answer(address: str, server: subprocess.Popen) -> None:
    while server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the server ended early")


def _measure(address: str) -> list[tuple[str, float, str]]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(WAIT_MS)
        sent: list[int] = []
        page.on("requestfinished", lambda request: sent.append(request.sizes()["responseBodySize"]))
        page.goto("about:blank")
        idle = page.evaluate(FRAMES, MOVES)
        began = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.locator("#map .map-over .name").first.wait_for(state="attached")
        ready = time.perf_counter() - began
        payload = page.evaluate(BASE)
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        script = page.evaluate(SCRIPT)
        document = page.evaluate("performance.getEntriesByType('navigation')[0].transferSize")
        page.locator("#map .map-box").scroll_into_view_if_needed()
        panned, hover = _pan(page), _hover(page)
        elements = page.evaluate("document.querySelectorAll('#map *').length")
        webgl = page.evaluate("document.querySelector('#map .map-plot').data[0].type") == "scattergl"
        browser.close()
    return [
        ("points as they are sent", payload / 1024, "KiB"),
        ("the page, compressed, points included", document / 1024, "KiB"),
        ("everything loaded until the map is ready", sum(sent) / 1024, "KiB"),
        ("first paint", painted, "ms"),
        ("Plotly's script there", script, "ms"),
        ("map ready, names on it", ready * 1000, "ms"),
        ("drawn by WebGL (1) or as elements (0)", webgl, ""),
        ("elements in the map's panel", elements, ""),
        *_times("frame of an empty page", idle),
        *_times("frame while panning", panned),
        ("from the pointer on a dot to its name", hover, "ms"),
    ]


def _times(name: str, frames: list[float]) -> list[tuple[str, float, str]]:
    ordered = sorted(frames)
    return [
        (f"{name}, median", statistics.median(frames), "ms"),
        (f"{name}, 95th of 100", ordered[int(0.95 * len(ordered))], "ms"),
    ]


def _pan(page: Page) -> list[float]:
    """Milliseconds of each frame while the mouse drags the map about."""
    box = page.locator("#map .map-plot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(f"() => {{ window.frames_ = ({FRAMES})({MOVES}) }}")  # not awaited: the mouse moves meanwhile
    for step in range(MOVES):
        page.mouse.move(x + 2 * step, y + step)
        page.wait_for_timeout(10)
    frames = page.evaluate("window.frames_")
    page.mouse.up()
    return frames


def _hover(page: Page) -> float:
    """Milliseconds until the tip shows; the pointer is put on the dot in the middle of the largest category."""
    page.locator("#map [data-do=all]").click()
    page.wait_for_timeout(1000)
    name = page.locator("#map .map-over .name").first.bounding_box()
    began = time.perf_counter()
    page.mouse.move(name["x"] + name["width"] / 2, name["y"] + name["height"] + 4, steps=2)
    page.locator("#map .map-tip strong").wait_for()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
