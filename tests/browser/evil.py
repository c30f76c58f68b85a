"""`app.py` with a caption model that writes HTML, as one might be made to by what is said in a sound."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import app
from soundclip_demo.captioner import Captioner

EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script><b id=owned>bold</b>"


def evil(*_: Any, **__: Any) -> Iterator[str]:
    for end in range(10, len(EVIL), 10):
        yield EVIL[:end]
    yield EVIL


if __name__ == "__main__":
    Captioner.stream = evil
    app.main()
