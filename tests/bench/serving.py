"""A server to measure: one that runs already, or `app.py` started for the occasion; and what its `/metrics` says."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from soundclip_demo.config import ROOT

START_SECONDS = 600
STAGE = "soundclip_stage_seconds"
Counts = dict[str, dict[float, float]]  # stage -> upper bound in seconds -> how many took no longer


@contextmanager
def running(url: str | None) -> Iterator[str]:
    """The address of a server whose models are loaded."""
    if url:
        yield f"{url.rstrip('/')}/"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    try:
        yield _ready(f"http://127.0.0.1:{port}/", server)
    finally:
        server.terminate()
        server.wait(timeout=60)


def _ready(address: str, server: subprocess.Popen) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{address}health", timeout=5).json()["ready"]:
                return address
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.5)
    raise SystemExit("the server did not start, or a part of it is missing")


def memory(address: str) -> float:
    """Resident MB of the server."""
    samples = _samples(address)
    return next(value for name, _, value in samples if name == "process_resident_memory_bytes") / 2**20


def stages(address: str) -> Counts:
    """How many times each stage took no longer than each bound, since the server was started."""
    counts: Counts = {}
    for name, labels, value in _samples(address):
        if name == f"{STAGE}_bucket":
            counts.setdefault(labels["stage"], {})[float(labels["le"])] = value
    return counts


def since(before: Counts, after: Counts) -> Counts:
    return {
        stage: {bound: count - before.get(stage, {}).get(bound, 0.0) for bound, count in counts.items()}
        for stage, counts in after.items()
    }


def quantile(counts: dict[float, float], share: float) -> float:
    """Seconds, interpolated between the bounds as Prometheus does; the last finite bound where it lies beyond."""
    bounds = sorted(counts)
    wanted, below, lower = share * counts[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= wanted:
            if bound == float("inf"):
                return lower
            inside = counts[bound] - below
            return lower + (bound - lower) * ((wanted - below) / inside if inside else 0.0)
        below, lower = counts[bound], bound
    return lower


def _samples(address: str) -> list[tuple[str, dict[str, str], float]]:
    said = httpx.get(f"{address}metrics", timeout=60).text
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    ]
