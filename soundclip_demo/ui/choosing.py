"""Each way of giving a sound: a file, a recording, an example, a clip of the gallery, another window of the same.

Each handler gives [chosen, problem]; a sound that cannot be read leaves the earlier one chosen.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import UserError
from ..events import Truth
from . import caption, texts
from .handlers import KEEP, Page, failed

NAME_LENGTH = 60


@dataclass(frozen=True)
class Chosen:
    """The visitor's sound. `serial` makes choosing the same sound twice a change."""

    path: str
    name: str
    decode_ms: float
    serial: int
    start: float | None = None
    licence: str = ""
    attribution: str = ""
    truth: Truth | None = None


class Choosing:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def file(self, path: str | None, name: str = "") -> list[Any]:
        return self._choose(path, name or Path(path).name) if path else KEEP

    def recording(self, path: str | None) -> list[Any]:
        return self._choose(path, texts.RECORDING) if path else KEEP

    def example(self, event: gr.EventData) -> list[Any]:
        """The browser may send anything as `id`."""
        return self.known(str(getattr(event, "id", ""))) or KEEP

    def clip(self, event: gr.EventData) -> list[Any]:
        """The sound of a clip of the gallery; the browser may send anything as `clip`."""
        return self.known(str(getattr(event, "clip", ""))) or KEEP

    def known(self, name: str) -> list[Any] | None:
        """An example or a clip by its id, which may be anything."""
        if example := self.page.examples.get(name):
            truth = Truth(example.category)
            return self._choose(str(example.path), example.title, example.licence, example.attribution, truth)
        clip = self.page.engine.gallery.find(name)
        if not clip:
            return None
        name, truth = texts.clip_sound(clip.category), Truth(clip.category, clip.id)
        return self._choose(str(clip.video), name, clip.licence, clip.attribution, truth)

    def window(self, chosen: Chosen | None, event: gr.EventData) -> Any:
        """Another part of the chosen sound; the browser may send anything as `start`."""
        try:
            start = float(event.start)
        except (AttributeError, TypeError, ValueError):
            return gr.skip()
        usable = chosen is not None and 0 <= start < self.page.engine.config.limits.seconds
        return replace(chosen, start=start) if usable else gr.skip()

    def _choose(self, path: str, name: str, *about: Any) -> list[Any]:
        began = time.perf_counter()
        try:
            self.page.engine.load_sound(path)
        except UserError as problem:
            return [gr.skip(), caption.error(problem)]
        except Exception as error:
            return [gr.skip(), caption.error(failed("choose", error))]
        decode = round((time.perf_counter() - began) * 1000, 1)
        return [Chosen(path, name[:NAME_LENGTH], decode, self.page.serial(), None, *about), gr.skip()]
