"""How long an analysis without its caption takes beside what it could take: `python -m tests.bench.analysis`.

Warm, on the example sounds, medians of `--rounds` rounds. The bound of a pass through encoders is their operations at
the speed of a large matrix product in the same run. Stock Whisper pads every sound to 30 seconds: that row is the very
same path with such an encoder. Captions have a table of their own (`tests.bench.caption`), as have search, the place on
the map and the start.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from soundclip_demo import weights
from soundclip_demo.audio import Sound, resample
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.encoders.whisper import load_trunk
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.results import analyze

BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limit_threads()
    engine = Engine(replace(Config(), sound_cache=0, embedding_cache=0))
    kept = Engine(replace(engine.config, sound_cache=64, embedding_cache=64))
    kept.parts = engine.parts  # the models are loaded once
    files = sorted(engine.config.examples.glob("*.ogg"))
    sounds = [engine.load_sound(file) for file in files]
    for name in ENCODERS:
        encode(engine, name, sounds[0])
    peak = operations_a_second()
    print(f"two threads compute {peak / 1e9:.0f} GFLOP/s in a product of matrices")
    print(f"{'':42} {'p50 ms':>8} {'p95 ms':>8} {'bound ms':>9}")

    def bound(*names: str) -> float:
        return operations(engine, names, sounds[0]) / peak

    def found(file: Path) -> None:
        analyze(engine, file, Setting(caption=False))

    row("a sound to matches and map", rounds, files, found, bound("whisperclip"))
    with padded(engine):
        row("the same with Whisper padded to 30 s", rounds, files, found, bound("whisperclip"))
    blends = [(sound, share) for sound in sounds for share in BLENDS]
    for sound, share in blends:
        another(kept, sound, share)
    row("another mode or t of a sound that was heard", rounds, blends, lambda one: another(kept, *one), 0.0)

    def passes(sound: Sound) -> None:
        for name in ENCODERS:
            encode(engine, name, sound)

    row("six encoders, two modes each", rounds, sounds, lambda sound: list(kept.compare(sound)), bound(*ENCODERS))
    row("the six encoders' own passes", rounds, sounds, passes, bound(*ENCODERS))

    for protocol in engine.protocols():
        analyze(engine, files[0], Setting(protocol=protocol))
    print(f"{'memory with all of it used, captions too':42} {psutil.Process().memory_info().rss / 2**30:8.2f} GiB")


def row(title: str, rounds: int, given: list, work: Callable, bound: float) -> None:
    """Prints the milliseconds of `work`, and the seconds of its bound, where it has one, in the same unit."""
    work(given[0])
    taken = []
    for one in given * rounds:
        began = time.perf_counter()
        work(one)
        taken.append(1e3 * (time.perf_counter() - began))
    limit = f"{1e3 * bound:9.1f}" if bound else ""
    print(f"{title:42} {statistics.median(taken):8.1f} {statistics.quantiles(taken, n=20)[-1]:8.1f} {limit}")


def another(engine: Engine, sound: Sound, share: float) -> None:
    for _ in engine.run(sound, Setting(mode="blend", t=share, caption=False)):
        pass


def encode(engine: Engine, name: str, sound: Sound) -> None:
    encoder = engine.parts.encoder(name)
    window = resample(sound.window(sound.loudest()), sound.rate, encoder.sample_rate)
    encoder.encode(torch.from_numpy(window)[None])


def operations(engine: Engine, names: Iterable[str], sound: Sound) -> int:
    """Of one pass through encoders."""
    with FlopCounterMode(display=False) as counter:
        for name in names:
            encode(engine, name, sound)
    return counter.get_total_flops()


@contextmanager
def padded(engine: Engine) -> Iterator[None]:
    """WhisperCLIP as stock Whisper hears: 3 s of sound and 27 of silence."""
    encoder = engine.parts.encoder("whisperclip")
    short, encoder.trunk = encoder.trunk, load_trunk(weights.ensure("whisper", engine.config.cache), padded=True)
    yield
    encoder.trunk = short


def operations_a_second() -> float:
    """Of a product of two matrices, the best of ten."""
    width, taken = 2048, []
    matrix = torch.randn(width, width)
    for _ in range(10):
        began = time.perf_counter()
        matrix @ matrix
        taken.append(time.perf_counter() - began)
    return 2 * width**3 / min(taken)


if __name__ == "__main__":
    main()
