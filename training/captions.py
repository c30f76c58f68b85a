"""The sentences LLaVA is taught to write.

A sound's caption says what sounds (from `tables/categories.csv`) and how, as measured on its window: no two
recordings of dogs need have the same second sentence, and nobody had to listen to five thousand files.
"""

import numpy as np

from soundclip_demo.audio import Sound
from soundclip_demo.config import WINDOW_SECONDS

from .corpus import Category

LOW, HIGH = 900.0, 2800.0  # Hz: spectral centroids below and above these are called low and high
FRAME = 0.03  # seconds


def of_sound(category: Category, sound: Sound) -> str:
    """For instance: "A dog barks. The sound is low and comes in bursts."."""
    return f"{category.sentence} The sound is {_pitch(sound)} and {_course(sound)}."


def of_picture(name: str, kind: str) -> str:
    """For instance: "A photo of a dog."."""
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"A {'drawing' if 'drawing' in kind else 'photo'} of {article} {name}."


def _pitch(sound: Sound) -> str:
    spectrum = np.abs(np.fft.rfft(sound.window(sound.loudest()))) ** 2
    hertz = np.fft.rfftfreq(round(WINDOW_SECONDS * sound.rate), 1 / sound.rate)
    centroid = float((spectrum[: len(hertz)] * hertz).sum() / spectrum.sum())
    return "low" if centroid < LOW else "high" if centroid > HIGH else "medium"


def _course(sound: Sound) -> str:
    """How loudness runs over the window: one hit that dies away, bursts with near silence between, or steady."""
    window = sound.window(sound.loudest())
    frames = window[: len(window) // (n := round(FRAME * sound.rate)) * n].reshape(-1, n)
    level = np.sqrt(np.mean(frames**2, axis=1))
    loud = level > 0.25 * level.max()
    starts = int(np.sum(loud[1:] & ~loud[:-1]) + loud[0])
    if loud.mean() > 0.7:
        return "steady"
    return "dies away" if starts == 1 else "comes in bursts"
