"""What a process of its own for the models costs: `python -m tests.bench.process [--rounds 3]` prints a table.

The same sounds go through an engine in this process and through one behind a socket, in turn, each with a little noise
that no sound before had, so that no embedding is reused. Both run the same models; the ratio is of the medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from soundclip_demo.any_engine import AnyEngine
from soundclip_demo.audio import Sound
from soundclip_demo.config import ROOT, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import CaptionPart, Placed, Setting
from soundclip_demo.remote import RemoteEngine

WORDS = 16  # tokens of a caption
STAGES = ("matches and map", "first caption word", "each further word")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limit_threads()
    local, noise = Engine(Config()), np.random.default_rng(0)
    files = sorted(local.config.examples.glob("*.ogg"))
    taken: dict[str, dict[str, list[float]]] = {"local": defaultdict(list), "remote": defaultdict(list)}
    with served() as path:
        engines = {"local": local, "remote": RemoteEngine(str(path))}
        while engines["remote"].status():  # what loads would take its share of the processor
            time.sleep(0.5)
        for engine in engines.values():
            measure(engine, local.load_sound(files[0]))
        for number in range(rounds):
            for file in files:
                sound = local.load_sound(file)
                for name in list(engines) if number % 2 else list(engines)[::-1]:
                    grain = noise.normal(0, 1e-4, len(sound.samples)).astype(np.float32)
                    for stage, ms in measure(engines[name], Sound(sound.samples + grain, sound.rate)).items():
                        taken[name][stage].append(ms)
    print(f"{'':20} {'n':>4} {'local ms':>9} {'remote ms':>9} {'more ms':>8} {'ratio':>6}")
    for stage in STAGES:
        here, there = (statistics.median(taken[name][stage]) for name in ("local", "remote"))
        count = len(taken["local"][stage])
        print(f"{stage:20} {count:4} {here:9.1f} {there:9.1f} {there - here:8.1f} {there / here:6.2f}")


def measure(engine: AnyEngine, sound: Sound) -> dict[str, float]:
    """Milliseconds as whoever asks sees them."""
    began, words, placed = time.perf_counter(), [], 0.0
    for event in engine.run(sound, Setting(max_new_tokens=WORDS)):
        match event:
            case Placed():
                placed = time.perf_counter()
            case CaptionPart(done=False):
                words.append(time.perf_counter())
    moments = placed - began, words[0] - began, (words[-1] - words[0]) / max(1, len(words) - 1)
    return {stage: 1000 * seconds for stage, seconds in zip(STAGES, moments, strict=True)}


@contextmanager
def served() -> Iterator[Path]:
    """The bundled models in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine"
        command = [sys.executable, "-m", "soundclip_demo", "serve", "--socket", str(path)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            process.stdout.readline()  # said once it can answer
            yield path
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
