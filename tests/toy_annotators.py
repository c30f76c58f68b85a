"""Annotators that need no model. As a program they annotate a gallery, slowly enough to be killed midway."""

import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from soundclip_demo.alignment import DIMENSIONS, Alignment
from training import annotate
from training.annotators import Annotators
from training.own_clips import clips_of
from training.scoring import Question, by_texts, fields


class Slow:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Eye(Slow):
    def __call__(self, frames: Sequence[Image.Image]) -> str:
        time.sleep(self.seconds)
        return f"{len(frames)} frames, {'dark' if np.mean(frames[0]) < 100 else 'bright'} at first"


class Ear(Slow):
    def __call__(self, window: np.ndarray, rate: int) -> str:
        time.sleep(self.seconds)
        hertz = np.fft.rfftfreq(len(window), 1 / rate)[np.abs(np.fft.rfft(window)).argmax()]
        return f"{len(window) / rate:g} s of {round(hertz, -2):.0f} Hz"


class Mind(Slow):
    """Scores 200 Hz with 7 throughout, 300 Hz with 8, 400 Hz with 9; never gets 500 Hz right; and so on."""

    def __call__(self, question: Question) -> str:
        time.sleep(self.seconds)
        number = int(re.search(r"(\d+) Hz", question.heard)[1]) // 100 - 2
        if number == 3:
            return "no idea"
        alignment = Alignment(dict.fromkeys(DIMENSIONS, 7 + number % 3), dict.fromkeys(DIMENSIONS, "so it seems"))
        return json.dumps(fields(alignment))


def annotators(seconds: float = 0.0) -> Annotators:
    names = {"video": "eye@1", "sound": "ear@2", "scorer": "mind@3"}
    return Annotators("toy", names, lambda: Eye(seconds), lambda: Ear(seconds), lambda: by_texts(Mind(seconds)))


if __name__ == "__main__":
    print("ready", flush=True)
    annotate.run(clips_of(Path(sys.argv[1]), None), Path(sys.argv[2]), annotators(0.02))
