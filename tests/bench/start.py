"""How soon the page answers: `python -m tests.bench.start` starts `app.py` on a filled cache and prints a table.

The bound of the page is a process that does nothing but import gradio; that of matches, one that imports torch as well.
"""

import socket
import subprocess
import sys
import time
import urllib.request

from gradio_client import Client, handle_file

from soundclip_demo.config import ROOT, Config

TARGETS = 6.0, 9.0  # seconds: the page, and three more


def main() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    server = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/"
        while not _answers(address):
            time.sleep(0.1)
        page = time.perf_counter() - began
        client = Client(address, verbose=False)
        sound = handle_file(min(Config().examples.glob("*.ogg")))
        client.predict(sound, caption=False, api_name="/analyze")
        matches = time.perf_counter() - began
        client.predict(sound, api_name="/analyze")
        caption = time.perf_counter() - began
    finally:
        server.terminate()
        server.wait(timeout=20)
    bounds = [_imports(modules) for modules in ("gradio", "gradio, torch")]
    print(f"{'from the command to':28} {'seconds':>8} {'target':>8} {'bound':>8}")
    print(f"{'the page (HTTP 200)':28} {page:8.1f} {TARGETS[0]:8.0f} {bounds[0]:8.1f}")
    print(f"{'matches of a first sound':28} {matches:8.1f} {TARGETS[1]:8.0f} {bounds[1]:8.1f}")
    print(f"{'its caption':28} {caption:8.1f}")


def _imports(modules: str) -> float:
    """Seconds, the best of three."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {modules}"], check=True)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
