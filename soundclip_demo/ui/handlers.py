"""The page itself: one `Page` serves all visitors, and the handlers of its parts hang on it.

What belongs to one visitor travels in a `gr.State` or is keyed by their session. The order of a change: a sound is
chosen (`choosing.py`) or a setting moved -> `Finding.find` (matches and map of both columns, quick) -> a `Ticket` for
each column -> `Describing.describe` (its caption, slow). Matches never wait for a caption, neither the visitor's own
nor another's.
"""

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.context import LocalContext

from ..errors import UserError, lacks, note
from ..events import Setting
from ..rehearsal import Rehearsal
from ..suites import SUITES
from ..zerogpu import on_gpu
from . import caption, texts
from .examples import Example
from .line import Line
from .tradeoff import read_go
from .turns import Turns

if TYPE_CHECKING:
    from ..any_engine import AnyEngine

TICK = 2.0  # seconds
KEEP = [gr.skip(), gr.skip()]
log = logging.getLogger(__name__)


class Page:
    """What all handlers share, and those of the page as a whole."""

    def __init__(self, engine: "AnyEngine", examples: dict[str, Example]) -> None:
        self.engine = engine
        self.rehearsal = Rehearsal(engine)
        self.run, self.run_each = on_gpu(self.rehearsal.run), on_gpu(engine.run_each)
        self.examples = examples
        self.patches = SUITES[engine.config.suite].patches  # of a picture
        self.turns, self.line = Turns(), Line()
        self._serials = itertools.count()

    def serial(self) -> int:
        """A number that was never given before: it makes the same choice made twice a change."""
        return next(self._serials)

    def state(self, encoder: str | None, known: list[str], ticks: int) -> list[Any]:
        """[loading line, encoder radio, known encoders, ticks, timer]: asked again until all is ready."""
        sentences = self.engine.status()
        ready = [status.name for status in self.ready_encoders()]
        radio = gr.skip() if ready == known else gr.Radio(**self.encoder_choices(encoder))
        seconds = TICK if ticks < 60 else 15  # a part that stays missing need not be asked for so often
        # Loading may not have begun at the first few ticks: nothing to say does not yet mean ready.
        timer = gr.Timer(value=seconds, active=bool(sentences) or ticks < 5)
        return [caption.notes(sentences, texts.BANNER_LOADING), radio, ready, ticks + 1, timer]

    def wake(self, encoder: str | None) -> list[Any]:
        """[ticks, timer]: an encoder that has to be loaded first is worth a loading line."""
        if not encoder or self.engine.has_encoder(encoder):
            return KEEP
        return [0, gr.Timer(value=TICK, active=True)]

    def ready_encoders(self) -> list[Any]:
        return [row for row in self.engine.encoders() if row.ready and row.suite == self.engine.config.suite]

    def encoder_choices(self, wanted: str | None = None) -> dict[str, Any]:
        """Arguments of the encoder radio: what can run now, and the wanted one or the default if it can."""
        rows = self.ready_encoders()
        names = [row.name for row in rows]
        value = next((name for name in (wanted, Setting.encoder, *names) if name in names), None)
        return {"choices": [(row.title, row.name) for row in rows], "value": value}

    def go(self, event: gr.EventData) -> list[Any]:
        """[encoder, share, protocol, serial]: to the setting of a point of the trade-off, where it can run."""
        encoder, share, protocol = read_go(event) or (None, None, None)
        there = protocol in self.engine.protocols() and encoder in [row.name for row in self.ready_encoders()]
        return [encoder, share, protocol, self.serial()] if there else [gr.skip()] * 4

    def title(self, encoder: str) -> str:
        return next((row.title for row in self.ready_encoders() if row.name == encoder), encoder)

    def wanted(self, visitor: str, turn: int) -> bool:
        """Whether somebody still waits for what a turn gives."""
        return self.turns.wanted(visitor, turn) and not gone()

    def leave(self, request: gr.Request) -> None:
        self.turns.end(session(request))


def session(request: gr.Request) -> str:
    return request.session_hash or ""


def failed(what: str, error: Exception) -> UserError:
    """Notes what nobody foresaw, and says to the visitor as much as is known of it."""
    note(log, what, error)
    known = {"memory": (texts.NO_MEMORY, texts.NO_MEMORY_HINT), "disk": (texts.DISK_FULL, texts.DISK_FULL_HINT)}
    return UserError(*known.get(lacks(error), (texts.BROKEN, texts.BROKEN_HINT)))


def gone() -> bool:
    """Whether the caller of the event that runs here has left, which Gradio knows and does not tell."""
    blocks, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    event = blocks._queue.event_ids_to_events.get(number) if blocks else None
    return event is not None and not event.alive


def steady(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The handler with one step at least: Gradio empties the outputs of one that ends without any."""

    @wraps(handler)
    def steps(*given: Any) -> Iterator[Any]:
        empty = True
        with closing(handler(*given)) as running:
            for step in running:
                empty = False
                yield step
        if empty:
            yield gr.skip()

    return steps


def lasting(steps: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Each step with everything that earlier ones showed.

    Gradio sends the difference to the step before, and the browser applies it to the very dict that it was about
    to draw: a waveform followed too soon by "stays as it is" was never seen.
    """
    shown: list[Any] = []
    for step in steps:
        shown = [old if new == gr.skip() else new for old, new in zip(shown or step, step, strict=True)]
        yield shown
