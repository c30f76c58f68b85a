"""How long an analysis without its caption takes beside what it could take: `python -m tests.bench.analysis`.

Warm, on the example sounds, medians of `--rounds` rounds; a ratio is the median over sounds. The bound of a row is
the operations of its networks at the speed of a large matrix product in the same run. Stock Whisper pads every sound
to 30 seconds: that row is the very same path with such an encoder. Captions have a table of their own
(`tests.bench.caption`), as have search, the place on the map and the start.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import truediv
from pathlib import Path

import psutil
import soundfile
import torch

from soundclip_demo import weights
from soundclip_demo.audio import Sound, resample
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.encoders import ENCODERS, network
from soundclip_demo.encoders.whisper import load_trunk
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.packed import pack
from soundclip_demo.results import analyze

from .machine import operations, operations_a_second

BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limit_threads()
    engine = Engine(replace(Config(), sound_cache=0, embedding_cache=0))
    kept = Engine(replace(engine.config, sound_cache=64, embedding_cache=64))
    compared = Engine(replace(engine.config, embedding_cache=len(ENCODERS)))  # both modes of a sound, no other sound
    kept.parts = compared.parts = engine.parts  # the models are loaded once
    files = sorted(engine.config.examples.glob("*.ogg"))
    sounds = [engine.load_sound(file) for file in files]
    for name in ENCODERS:
        encode(engine, name, sounds[0])
    peak = operations_a_second()
    print(f"two threads compute {peak / 1e9:.0f} GFLOP/s in a product of matrices")
    print(f"{'':43} {'p50 ms':>8} {'p95 ms':>8} {'bound ms':>9}")

    def measure(title: str, given: list, work: Callable) -> list[float]:
        return row(title, rounds, given, work, operations(lambda: work(given[0])) / peak)

    def found(file: Path) -> None:
        analyze(engine, file, Setting(caption=False))

    with tempfile.TemporaryDirectory() as folder:
        recorded = [as_recorded(sound, Path(folder) / f"{number}.wav") for number, sound in enumerate(sounds)]
        for title, given in (("a file in Opus", files), ("a recording in WAV", recorded)):
            taken = measure(f"{title} to matches and map", given, found)
            with padded(engine):
                ratio(measure("    with Whisper padded to 30 s", given, found), taken)
    blends = [(sound, share) for sound in sounds for share in BLENDS]
    for sound, share in blends:
        another(kept, sound, share)
    measure("another mode or t of a sound that was heard", blends[1:], lambda one: another(kept, *one))

    def passes(names: Iterable[str]) -> Callable:
        return lambda sound: [encode(engine, name, sound) for name in names]

    own = measure("the six encoders' own passes", sounds, passes(ENCODERS))
    once = measure("    without the one that two of them share", sounds, passes(set(map(network, ENCODERS))))
    both = measure("six encoders, two modes each", sounds, lambda sound: list(compared.compare(sound)))
    ratio(both, own, "the six passes")
    ratio(both, once, "the five")

    for protocol in engine.protocols():
        analyze(engine, files[0], Setting(protocol=protocol))
    print(f"{'memory with all of it used, captions too':43} {psutil.Process().memory_info().rss / 2**30:8.2f} GiB")


def row(title: str, rounds: int, given: list, work: Callable, bound: float) -> list[float]:
    """Prints the milliseconds of `work`, and those of its bound, which is given in seconds; returns the former."""
    work(given[0])
    taken = []
    for one in given * rounds:
        began = time.perf_counter()
        work(one)
        taken.append(1e3 * (time.perf_counter() - began))
    print(f"{title:43} {statistics.median(taken):8.1f} {statistics.quantiles(taken, n=20)[-1]:8.1f} {1e3 * bound:9.3f}")
    return taken


def ratio(longer: list[float], shorter: list[float], what: str = "the row above") -> None:
    print(f"{f'    times {what}':43} {statistics.median(map(truediv, longer, shorter)):8.2f}")


def as_recorded(sound: Sound, file: Path) -> Path:
    """Writes a sound as browsers write what a microphone hears."""
    soundfile.write(file, sound.samples, sound.rate, "PCM_16")
    return file


def another(engine: Engine, sound: Sound, share: float) -> None:
    for _ in engine.run(sound, Setting(mode="blend", t=share, caption=False)):
        pass


def encode(engine: Engine, name: str, sound: Sound) -> None:
    encoder = engine.parts.encoder(name)
    window = resample(sound.window(sound.loudest()), sound.rate, encoder.sample_rate)
    encoder.encode(torch.from_numpy(window)[None])


@contextmanager
def padded(engine: Engine) -> Iterator[None]:
    """WhisperCLIP as stock Whisper hears: 3 s of sound and 27 of silence."""
    encoder = engine.parts.encoder("whisperclip")
    long = load_trunk(weights.ensure("whisper", engine.config.cache), padded=True)
    short, encoder.trunk = encoder.trunk, pack(long, long.positions)
    yield
    encoder.trunk = short


if __name__ == "__main__":
    main()
