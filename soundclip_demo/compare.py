"""One sound heard by every encoder of the suite, raw and projected: a row for each, best clip and times in it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4

from .audio import Sound
from .encoders import EncoderStatus, network
from .errors import UserError, note
from .events import Hit, Matches, Missing, Setting, Timing

if TYPE_CHECKING:
    from .any_engine import AnyEngine

MODES = ("raw", "projected")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What one encoder finds in one mode, or why it finds nothing.

    Attributes:
        mode: one of `MODES`; empty in the only row of an encoder that is not ready.
        hit: the best clip; None where `reason` says why there is none.
        chance: deviations above which a best hit is more than chance, as in `Matches`.
        encode_ms: milliseconds of the network's pass over the window. Rows that rest on one pass share it: both modes
            of an encoder, and encoders of the same network.
        ms: milliseconds of the whole path: encode, project, search, place.
        reason: for the visitor; empty where there is a hit.
    """

    encoder: str
    title: str
    mode: str = ""
    hit: Hit | None = None
    chance: float = 0.0
    encode_ms: float = 0.0
    ms: float = 0.0
    reason: str = ""

    @property
    def above_chance(self) -> bool:
        return self.hit is not None and self.hit.deviations > self.chance


def contenders(engine: "AnyEngine") -> list[EncoderStatus]:
    """The encoders of the engine's suite in the registry's order, ready or not."""
    return [status for status in engine.encoders() if status.suite == engine.config.suite]


def compare(engine: "AnyEngine", sound: Sound, start: float | None = None) -> Iterator[Row]:
    """Yields each row as soon as it is known; closing the iterator ends the comparison.

    Args:
        start: of the window, in seconds; None takes the loudest.

    Raises:
        UserError: the window cannot be used.
    """
    window, passes = _Window(sound.part(start).samples, sound.rate), {}
    for status in contenders(engine):
        if not status.ready:
            yield Row(status.name, status.title, reason=status.reason)
            continue
        for mode in MODES:
            yield _row(engine, status, mode, window, passes)


class _Window(Sound):
    """The window as a sound of its own, under a name that no embedding is kept under.

    So every network really runs, once, and its time can be compared with the others'. And the rest of a long sound is
    not searched for its loudest part again for every row.
    """

    @cached_property
    def digest(self) -> str:
        return f"compared {uuid4().hex}"


def _row(engine: "AnyEngine", status: EncoderStatus, mode: str, window: Sound, passes: dict[str, float]) -> Row:
    """`passes` are the milliseconds of the networks that have heard the window; this row may add its own."""
    found, ms = None, {}
    try:
        for event in engine.run(window, Setting(encoder=status.name, mode=mode, top=1, caption=False)):
            match event:
                case Matches():
                    found = event
                case Missing(message=message):
                    return Row(status.name, status.title, mode, reason=message)
                case Timing():
                    ms = dict(event.ms)
    except UserError:
        raise
    except Exception as error:  # one broken encoder does not cost the others their rows
        note(log, f"comparing {status.name}", error)
        return Row(status.name, status.title, mode, reason=f"{status.title} failed on this sound.")
    encode_ms = passes.setdefault(network(status.name), ms.pop("encode"))
    whole = round(encode_ms + sum(ms.values()), 1)
    return Row(status.name, status.title, mode, found.hits[0], found.chance, encode_ms, whole)
