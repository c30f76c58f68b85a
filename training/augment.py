"""Views of a training sound. The source of a recording leaks its category (old game files stop at 5 kHz, one set
was recorded at 16 kHz): random bandwidth, level of noise, room and time make that shortcut useless."""

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from soundclip_demo.audio import Sound, repeat_to
from soundclip_demo.config import WINDOW_SECONDS


def view(sound: Sound, random: np.random.Generator) -> np.ndarray:
    """One augmented 3-second window of `sound` -> float32 [3 * rate]."""
    rate, width = sound.rate, round(WINDOW_SECONDS * sound.rate)
    latest = max(0, len(sound.samples) - width)
    first = int(random.integers(0, latest + 1)) if random.random() < 0.7 else round(sound.loudest() * rate)
    window = repeat_to(sound.samples[first : first + width], width, gap=rate // 4)
    if random.random() < 0.5:
        window = np.roll(window, int(random.integers(0, width)))
    if random.random() < 0.3:
        window = _faster(window, random.uniform(0.9, 1.1))
    if random.random() < 0.5:
        window = _low_passed(window, random.uniform(1500, 7500), rate)
    if random.random() < 0.25:
        window = _in_a_room(window, random.uniform(0.1, 0.5), rate, random)
    if random.random() < 0.5:
        window = _noisy(window, random.uniform(10, 40), random)
    return window.astype(np.float32)


def _faster(window: np.ndarray, factor: float) -> np.ndarray:
    at = np.arange(0, len(window) - 1, factor)
    return repeat_to(np.interp(at, np.arange(len(window)), window), len(window), gap=0)


def _low_passed(window: np.ndarray, hertz: float, rate: int) -> np.ndarray:
    return sosfilt(butter(4, min(hertz, 0.45 * rate), fs=rate, output="sos"), window)


def _in_a_room(window: np.ndarray, seconds: float, rate: int, random: np.random.Generator) -> np.ndarray:
    """Convolved with decaying noise behind a direct path."""
    at = np.arange(int(seconds * rate))
    response = random.standard_normal(len(at)) * np.exp(-6 * at / len(at))
    response[0] = 6.0
    return fftconvolve(window, response)[: len(window)]


def _noisy(window: np.ndarray, decibels: float, random: np.random.Generator) -> np.ndarray:
    """White or, as often, brown noise at the given signal-to-noise ratio."""
    noise = random.standard_normal(len(window))
    if random.random() < 0.5:
        noise = np.cumsum(noise)
        noise -= noise.mean()
    power = np.mean(window**2) / max(np.mean(noise**2), 1e-12)
    return window + noise * np.sqrt(power) * 10 ** (-decibels / 20)
