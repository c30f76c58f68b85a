"""`app.py` with a caption model that takes its time over every word, and one encoder that takes its time to load.

Long enough for a test to press Stop, and to see what the page says. One encoder fewer is kept than there are.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import app
from soundclip_demo import encoders
from soundclip_demo.captioner import Captioner

SECONDS_A_WORD = 0.4
SECONDS_TO_LOAD = 6
LAST_LOADED = next(iter(encoders.ENCODERS))
stream, load = Captioner.stream, encoders.load


def unhurried(*arguments: Any, **options: Any) -> Iterator[str]:
    said = 0
    for text in stream(*arguments, **options):
        words = len(text.split())  # several may come at once
        time.sleep(SECONDS_A_WORD * max(1, words - said))
        said = words
        yield text


def unhurried_load(name: str, *arguments: Any) -> Any:
    if name == LAST_LOADED:
        time.sleep(SECONDS_TO_LOAD)
    return load(name, *arguments)


Captioner.stream = unhurried
encoders.load = unhurried_load
sys.argv += ["--encoders-kept", str(len(encoders.ENCODERS) - 1)]
app.main()
