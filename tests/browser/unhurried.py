"""`app.py` with a caption model that takes its time over every word: long enough for a test to press Stop."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import app
from soundclip_demo.captioner import Captioner

SECONDS_A_WORD = 0.4
stream = Captioner.stream


def unhurried(*arguments: Any, **options: Any) -> Iterator[str]:
    for text in stream(*arguments, **options):
        time.sleep(SECONDS_A_WORD)
        yield text


Captioner.stream = unhurried
app.main()
