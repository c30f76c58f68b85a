"""An engine whose models another process owns, see `serving`. No model and no torch is loaded in this one.

Sounds are decoded here, and only their windows travel, as samples; pictures travel as paths. A process that is gone
costs what was under way; the next call finds it when it is back.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

import httpx

from . import wire
from .any_engine import AnyEngine
from .audio import Sound
from .compare import Row
from .config import TOP_CLIPS
from .encoders import EncoderStatus
from .errors import UserError
from .events import Event, Heard, Relevance, Setting, Timing, Truth, WordsFound
from .questions import Exchange
from .stages import counted

FACTS = ("encoders", "protocols", "knows_words")
START = 60.0  # seconds that a process just started may take to its first answer
SOON = 10.0  # seconds for what needs no model; the rest may have to wait for one that loads
GONE = ("The models are out of reach just now.", "Please try again in a minute.")
log = logging.getLogger(__name__)


class RemoteEngine(AnyEngine):
    """The engine that answers on a socket, or at the http address of a cluster."""

    def __init__(self, where: str) -> None:
        """Asks it for its settings and opens its gallery.

        Raises:
            UserError: nobody answers there.
        """
        address, path = (where, None) if "://" in where else ("http://engine", where)
        # A line for each call: an idle one may be hung up on at the moment that it is taken up again.
        no_idle = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._http = httpx.Client(base_url=address, transport=httpx.HTTPTransport(uds=path, limits=no_idle))
        try:
            super().__init__(self._value("config", START))
        except UserError as gone:
            start = "Start one with: python -m soundclip_demo serve --socket PATH"
            raise UserError(f"No engine answers at {where}.", start) from gone
        self._facts = {name: self._value(name, SOON) for name in FACTS}

    def status(self) -> list[str]:
        try:
            return self._value("status", SOON)
        except UserError as gone:
            return [str(gone)]

    def encoders(self) -> list[EncoderStatus]:
        return self._fact("encoders")

    def protocols(self) -> tuple[str, ...]:
        return tuple(self._fact("protocols"))

    def knows_words(self) -> bool:
        return self._fact("knows_words")

    def has_encoder(self, name: str) -> bool:
        with suppress(UserError):
            return self._value("has_encoder", SOON, name=name)
        return False

    def specs(self, setting: Setting) -> dict[str, str]:
        return self._value("specs", setting=setting)

    def run(
        self, sound: Sound, setting: Setting, start: float | None = None, truth: Truth | None = None
    ) -> Iterator[Event]:
        with closing(self._stream("run", sound=sound.part(start), setting=setting, truth=truth)) as events:
            for event in events:
                yield sound.heard(start) if isinstance(event, Heard) else event

    def look(self, sound: Sound, setting: Setting, start: float | None = None) -> Relevance:
        return self._value("look", sound=sound.part(start), setting=setting)

    def ask(
        self,
        sound: Sound,
        setting: Setting,
        question: str,
        history: Sequence[Exchange] = (),
        start: float | None = None,
    ) -> Iterator[Event]:
        return self._stream("ask", sound=sound.part(start), setting=setting, question=question, history=list(history))

    def compare(self, sound: Sound, start: float | None = None) -> Iterator[Row]:
        return self._stream("compare", sound=sound.part(start))

    def search_words(self, text: object, top: int = TOP_CLIPS) -> WordsFound:
        # A browser can send an object, which would be taken for a kind of the wire's.
        return self._value("search_words", text=text if isinstance(text, str) else "", top=top)

    def _fact(self, name: str) -> Any:
        """What hardly ever changes: as it is, or as it was told before while nobody answers."""
        with suppress(UserError):
            self._facts[name] = self._value(name, SOON)
        return self._facts[name]

    def _value(self, method: str, seconds: float | None = None, /, **given: Any) -> Any:
        (value,) = self._stream(method, seconds, **given)
        return value

    def _stream(self, method: str, seconds: float | None = None, /, **given: Any) -> Iterator[Any]:
        """What the engine's method gives; closing the iterator ends the work there.

        Args:
            seconds: to wait for each value; None waits for as long as the process is there.

        Raises:
            whatever the method raises; UserError: the process is gone.
        """
        try:
            with self._http.stream("POST", method, content=wire.line(given), timeout=seconds) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    value = wire.read(line)
                    if isinstance(value, Exception):
                        raise value
                    if isinstance(value, Timing):
                        counted(value)
                    yield value
        except httpx.TransportError as gone:
            log.warning("the engine is out of reach (%s)", type(gone).__name__)
            raise UserError(*GONE) from gone
