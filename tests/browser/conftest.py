"""A real server on a free port and a real Chromium. `SOUNDCLIP_URL` tests a server that already runs."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundclip_demo.config import ROOT

playwright = pytest.importorskip("playwright.sync_api")
START_SECONDS = 300
playwright.expect.set_options(timeout=20_000)  # ms; what says nothing else may still wait for a busy machine
RATE = 16_000


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Address of the page, served by `app.py` as a visitor would get it."""
    if given := os.environ.get("SOUNDCLIP_URL"):
        yield given
        return
    with served("app.py") as address:
        yield address


@pytest.fixture(scope="session")
def unhurried_url() -> Iterator[str]:
    """The same page with a slow caption model: what is tested of Stop must not hang on the speed of a machine."""
    with served("tests/browser/unhurried.py") as address:
        yield address


@pytest.fixture(scope="session")
def cable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `cable_out.py` notes every machine that the talk's server wanted to reach."""
    return tmp_path_factory.mktemp("cable") / "wanted.txt"


@pytest.fixture(scope="session")
def talk_url(cable: Path) -> Iterator[str]:
    """The page with a running order and the network cable out."""
    with served("tests/browser/cable_out.py", "--talk", "tests/browser/talk.toml", CABLE=str(cable)) as address:
        yield address


@contextmanager
def served(script: str, *flags: str, **environment: str) -> Iterator[str]:
    """Runs `script` on a free port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, script, "--port", str(port), *flags]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Until the page answers; the models may still be loading."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended early"
        try:
            urllib.request.urlopen(address, timeout=2)
            return
        except OSError:
            time.sleep(0.3)
    raise AssertionError("the page did not answer")


@pytest.fixture(scope="session")
def card_url() -> Iterator[str]:
    """A page of the clip card alone, for clips of every kind."""
    with served("tests/browser/card_alone.py") as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system where there is one, else Playwright's own; its microphone plays beeps."""
    chromium = shutil.which("chromium")
    with playwright.sync_playwright() as play:
        found = chromium or Path(play.chromium.executable_path).exists()
    if not found and "CI" not in os.environ:  # there it has to be installed: a skip would hide a broken page
        pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append("--autoplay-policy=no-user-gesture-required")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, url: str):
    with visitor(browser, url) as page:
        yield page


@pytest.fixture
def unhurried_page(browser, unhurried_url: str):
    with visitor(browser, unhurried_url) as page:
        yield page


@pytest.fixture
def card_page(browser, card_url: str):
    with visitor(browser, card_url, ready="[data-open]") as page:
        yield page


@contextmanager
def visitor(browser, url: str, ready: str = "#wave .wave-name", width: int = 1440, scheme: str = "light", **options):
    """A fresh visitor with an open page, on which `ready` is; the test fails on an uncaught error in the browser."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, permissions=["microphone"], **options
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.locator(ready).first.wait_for()
    yield page
    context.close()
    assert not errors


@pytest.fixture(scope="session")
def beeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s of sound, loudest from 4 s to 7 s."""
    seconds = np.arange(8 * RATE) / RATE
    loud = np.where((seconds >= 4) & (seconds < 7), 0.6, 0.05)
    tone = loud * np.sin(2 * np.pi * 440 * seconds)
    return write(tmp_path_factory.mktemp("sounds") / "beeps.wav", tone)


@pytest.fixture(scope="session")
def half_silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of noise, then 6 s of silence."""
    noise = np.random.default_rng(0).normal(0, 0.2, 4 * RATE)
    return write(tmp_path_factory.mktemp("sounds") / "half.wav", np.concatenate([noise, np.zeros(6 * RATE)]))


def write(path: Path, samples: np.ndarray) -> Path:
    soundfile.write(path, samples, RATE)
    return path
