"""The pictures and the short film that the README shows, from a server that runs.

`python tests/browser/showing.py URL FOLDER` writes `screenshot.png`, `screenshot-dark.png`, `phone.png`, `talk.png` and
`film.mp4`. It does the same every time: an example is played, the encoder switched, the slider moved, a point of the
trade-off clicked.
"""

import argparse
import base64
import io
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

WAIT_MS = 300_000
WIDE, PHONE, FILM = (1440, 900), (390, 844), (1152, 720)
ENCODER, SHARES = "whisper", (0.8, 0.6, 0.4, 0.5)
FPS, QUALITY = 12, "30"  # QUALITY is x264's CRF
MOST_BYTES = 2_000_000
REST_MS = 1500  # long enough to see what a step has changed
TOLD = "() => [...document.querySelectorAll('#columns .caption-text')].every((c) => c.dataset.offers === 'again')"
# A film has no pointer of its own.
POINTER = """() => {
  const dot = document.body.appendChild(document.createElement('div'));
  dot.style = 'position:fixed;z-index:99;width:18px;height:18px;margin:-9px;border-radius:50%;pointer-events:none;'
    + 'background:rgb(194 65 12 / 45%);border:2px solid white;left:50%;top:50%';
  document.addEventListener('mousemove', ({ clientX, clientY }) => {
    [dot.style.left, dot.style.top] = [`${clientX}px`, `${clientY}px`];
  });
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, size, scheme, query in (
            ("screenshot", WIDE, "light", ""),
            ("screenshot-dark", WIDE, "dark", ""),
            ("phone", PHONE, "light", ""),
            ("talk", WIDE, "light", "&talk=1"),
        ):
            page = opened(browser, f"{given.url}?sound=dog{query}", size, color_scheme=scheme)
            told(page)
            if size == PHONE:
                page.locator("#columns").evaluate("columns => columns.scrollIntoView()")
                page.wait_for_timeout(REST_MS)  # posters are fetched when they come into view
            page.screenshot(path=given.folder / f"{name}.png")
            page.context.close()
        film(browser, given.url, given.folder / "film.mp4")
        browser.close()


def film(browser: Browser, url: str, file: Path) -> None:
    """Raises ValueError where it is too large for a README."""
    page = opened(browser, url, WIDE)
    page.evaluate(POINTER)
    frames, stop = record(page)
    press(page, "#examples .chip >> nth=0")
    told(page)
    press(page, "#wave .wave-play")
    page.wait_for_timeout(REST_MS)
    press(page, f"#encoder label:has(input[value={ENCODER}])")
    page.wait_for_timeout(2 * REST_MS)
    for share in SHARES:
        page.locator("#share input[type=range]").fill(str(share))
        page.wait_for_timeout(400)
    page.wait_for_timeout(2 * REST_MS)
    press(page, "#measured [data-plot=measured] .point[data-encoder=whisperclip][data-share='1']")
    told(page)
    stop()
    page.context.close()
    write(file, frames)
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file.name} has {file.stat().st_size:,} bytes, more than {MOST_BYTES:,}")


def record(page: Page) -> tuple[list[tuple[float, bytes]], Callable[[], None]]:
    """Seconds and JPEG of every frame that is painted from now on, and what ends that; the list fills while the page is
    used.

    Playwright's own films need an ffmpeg that it downloads.
    """
    frames: list[tuple[float, bytes]] = []
    going = [True]
    browser = page.context.new_cdp_session(page)

    def keep(shown: dict) -> None:
        if not going:
            return
        frames.append((shown["metadata"]["timestamp"], base64.b64decode(shown["data"])))
        browser.send("Page.screencastFrameAck", {"sessionId": shown["sessionId"]})

    browser.on("Page.screencastFrame", keep)
    browser.send("Page.startScreencast", {"format": "jpeg", "quality": 90, "everyNthFrame": 60 // FPS})
    return frames, going.clear


def write(file: Path, frames: list[tuple[float, bytes]]) -> None:
    """A film that shows each frame until the next."""
    began, shown = frames[0][0], -1
    with av.open(str(file), "w", options={"movflags": "faststart"}) as out:
        track = out.add_stream("libx264", rate=FPS)
        track.width, track.height, track.pix_fmt = *FILM, "yuv420p"
        track.options = {"crf": QUALITY, "preset": "slow"}
        for index in range(int((frames[-1][0] - began) * FPS) + 1):
            while shown + 1 < len(frames) and frames[shown + 1][0] - began <= index / FPS:
                shown += 1
            image = Image.open(io.BytesIO(frames[shown][1])).convert("RGB").resize(FILM)
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))


def opened(browser: Browser, url: str, size: tuple[int, int], **options) -> Page:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(url)
    page.locator("#map .map-over .name").first.wait_for(state="attached")
    page.locator("#loading .notice").wait_for(state="detached")
    return page


def press(page: Page, what: str) -> None:
    """Goes there with the mouse, so that a film shows it, and clicks."""
    box = page.locator(what).first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=15)
    page.wait_for_timeout(300)
    page.mouse.down()
    page.mouse.up()


def told(page: Page) -> None:
    """Waits until both captions are written and whatever moves stands still."""
    page.wait_for_timeout(700)
    page.locator("#projected .card[data-clip]").first.wait_for()
    page.wait_for_function(TOLD)
    page.wait_for_timeout(REST_MS)


if __name__ == "__main__":
    main()
