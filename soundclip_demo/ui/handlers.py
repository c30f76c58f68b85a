"""What happens on each event of the page. One `Page` serves all visitors; what belongs to one visitor
travels in `Chosen` and `Ticket` or is keyed by their session.

The order of a change: `choose_...` or a selector -> `find` (matches and map, quick) -> a `Ticket` ->
`describe` (the caption, slow). Matches never wait for a caption, neither the visitor's own nor another's.
"""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..encoders import ENCODERS
from ..errors import UserError
from ..events import CaptionPart, Heard, Matches, Missing, Placed, Setting, Timing
from ..zerogpu import on_gpu
from . import caption, matches, texts
from .examples import Example
from .map import stars
from .media import address
from .turns import PANEL, Turns

if TYPE_CHECKING:
    from ..audio import Sound
    from ..engine import Engine

log = logging.getLogger(__name__)
NAME_LENGTH = 60
TICK = 2.0  # seconds
KEEP = [gr.skip(), gr.skip()]


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


@dataclass(frozen=True)
class Ticket:
    """The right to one caption: what was found and for which turn."""

    turn: int
    chosen: Chosen
    setting: Setting


class Page:
    """Handlers bound to one engine."""

    def __init__(self, engine: "Engine", examples: dict[str, Example]) -> None:
        self.engine = engine
        self.run = on_gpu(engine.run)
        self.examples = examples
        self.turns = Turns()
        self._serials = itertools.count()

    # Choosing a sound: each yields [chosen, problem]; one that cannot be read leaves the earlier sound chosen

    def choose_file(self, path: str | None) -> list[Any]:
        return self._choose(path, Path(path).name) if path else KEEP

    def choose_recording(self, path: str | None) -> list[Any]:
        return self._choose(path, texts.RECORDING) if path else KEEP

    def choose_example(self, event: gr.EventData) -> list[Any]:
        """The browser may send anything as `id`."""
        example = self.examples.get(str(getattr(event, "id", "")))
        if not example:
            return KEEP
        return self._choose(str(example.path), example.title, example.licence, example.attribution)

    def _choose(self, path: str, name: str, *credit: str) -> list[Any]:
        began = time.perf_counter()
        try:
            self.engine.load_sound(path)
        except UserError as problem:
            return [gr.skip(), caption.error(problem)]
        decode = round((time.perf_counter() - began) * 1000, 1)
        return [Chosen(path, name[:NAME_LENGTH], decode, next(self._serials), None, *credit), gr.skip()]

    def move_window(self, chosen: Chosen | None, event: gr.EventData) -> Any:
        """The browser may send anything as `start`."""
        try:
            start = float(event.start)
        except (AttributeError, TypeError, ValueError):
            return gr.skip()
        usable = chosen is not None and 0 <= start < self.engine.config.limits.seconds
        return replace(chosen, start=start) if usable else gr.skip()

    # Matches and map

    def find(
        self,
        chosen: Chosen | None,
        encoder: str | None,
        mode: str,
        t: float,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """Yields the outputs named in `show`; a problem leaves earlier results as they are."""
        yield from lasting(self._find(chosen, encoder, mode, t, request))

    def _find(
        self, chosen: Chosen | None, encoder: str | None, mode: str, t: float, request: gr.Request
    ) -> Iterator[list[Any]]:
        if chosen is None:
            return
        if not encoder:
            yield show(problem=caption.error(UserError(texts.NO_ENCODER)))
            return
        setting = Setting(encoder=encoder, mode=mode, t=t, caption=False)
        try:
            yield from self._found(chosen, setting)
        except UserError as problem:
            yield show(problem=caption.error(problem))
        except Exception:
            log.exception("find failed")
            yield show(problem=caption.error(UserError(texts.BROKEN, texts.BROKEN_HINT)))
        else:
            turn = self.turns.next(session(request))  # only now: a problem leaves an earlier caption going on
            yield show(problem="", ticket=Ticket(turn, chosen, setting), words=caption.waiting())

    def _found(self, chosen: Chosen, setting: Setting) -> Iterator[list[Any]]:
        found: Matches | None = None
        sound = self.engine.load_sound(chosen.path)
        for event in self.run(sound, setting, chosen.start):
            match event:
                case Heard():
                    yield show(wave=picture(chosen, sound, event))
                case Matches():
                    found = event
                    yield show(matches=matches.cards(event, self.engine.gallery, {}))
                case Placed():
                    heard = f"{chosen.serial} {chosen.start}"
                    name = ENCODERS[setting.encoder].title
                    yield show(star=stars(name, [(setting, event, found)], heard))
                case Missing():
                    raise UserError(event.message)
                case Timing() if found:
                    stages = {"decode": chosen.decode_ms} | event.ms
                    yield show(matches=matches.cards(found, self.engine.gallery, stages))

    # Caption

    def renew(self, ticket: Ticket | None, request: gr.Request) -> Any:
        """Another caption for what was found: the prompt or what the model sees has changed."""
        return replace(ticket, turn=self.turns.next(session(request))) if ticket else gr.skip()

    def stop(self, words: str | None, request: gr.Request) -> Any:
        """Ends the caption being written at its next word; one still in the queue is said to be over at once."""
        self.turns.end(session(request), PANEL)
        waits = words is not None and texts.CAPTION_WAITING in words
        return caption.panel("", stopped=True) if waits else gr.skip()

    def describe(
        self,
        ticket: Ticket | None,
        protocol: str,
        sees: str,
        k: float,
        own: str | None,
        prompt: str,
        request: gr.Request,
    ) -> Iterator[str]:
        """Yields the caption panel; it says by itself whether Stop or Describe again is of use."""
        if ticket is None:
            return
        visitor, text, note, times = session(request), "", "", None
        try:
            setting = self.caption_setting(ticket.setting, protocol, sees, int(k), own, prompt)
            if self.turns.wanted(visitor, ticket.turn):
                note = texts.written_by(self.engine.config.suite, protocol, what_is_seen(setting))
                yield caption.panel("", note, writing=True)
            with closing(self.written(visitor, ticket, setting)) as events:
                for event in events:
                    match event:
                        case CaptionPart():
                            text = event.text
                            yield caption.panel(text, note, writing=not event.done)
                        case Timing():
                            stages = ("caption_first_token", "caption")
                            times = Timing({name: event.ms[name] for name in stages if name in event.ms})
                        case Missing():
                            yield caption.missing(event.message)
                            return
            if self.turns.wanted(visitor, ticket.turn):
                yield caption.panel(text, note, times=times)
            elif self.turns.place(visitor) != PANEL:  # else the panel is the next caption's
                yield caption.panel(text, note, stopped=True)
        except UserError as problem:
            yield caption.missing(str(problem))
        except Exception:
            log.exception("describe failed")
            yield caption.missing(f"{texts.BROKEN} {texts.BROKEN_HINT}")

    def written(
        self, visitor: str, ticket: Ticket, setting: Setting
    ) -> Iterator[CaptionPart | Timing | Missing]:
        """The caption of a ticket as it is written; it ends when the visitor wants it no longer."""
        if not self.turns.wanted(visitor, ticket.turn):
            return
        sound = self.engine.load_sound(ticket.chosen.path)
        events = self.run(sound, setting, ticket.chosen.start)
        with closing(events):  # closing is what really ends generation
            for event in events:
                if not self.turns.wanted(visitor, ticket.turn):
                    return
                if isinstance(event, CaptionPart | Timing | Missing):
                    yield event

    def caption_setting(
        self, setting: Setting, protocol: str, sees: str, k: int, own: str | None, prompt: str
    ) -> Setting:
        """The setting with what the visitor chose for captions.

        Raises:
            UserError: the wanted picture is not there.
        """
        if sees == texts.SEES_PICTURE and own is None:
            raise UserError(texts.PICTURE_FIRST)
        return replace(
            setting,
            caption=True,
            protocol=protocol,
            k=0 if sees == texts.SEES_SOUND else k,
            picture=own if sees == texts.SEES_PICTURE else None,
            prompt=prompt.strip() or Setting.prompt,
        )

    # The page itself

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
        if not encoder or self.engine.parts.has_encoder(encoder):
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

    def leave(self, request: gr.Request) -> None:
        self.turns.end(session(request))


def session(request: gr.Request) -> str:
    return request.session_hash or ""


def show(
    wave: Any = None,
    matches: Any = None,
    star: Any = None,
    problem: Any = None,
    ticket: Any = None,
    words: Any = None,
) -> list[Any]:
    """[waveform, matches, map, problem, ticket, caption]; what is not given stays."""
    return [gr.skip() if value is None else value for value in (wave, matches, star, problem, ticket, words)]


def lasting(steps: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """Each step with everything that earlier ones showed.

    Gradio sends the difference to the step before, and the browser applies it to the very dict that it was about
    to draw: a waveform followed too soon by "stays as it is" was never seen.
    """
    shown: list[Any] = []
    for step in steps:
        shown = [old if new == gr.skip() else new for old, new in zip(shown or step, step, strict=True)]
        yield shown


def picture(chosen: Chosen, sound: "Sound", heard: Heard) -> dict[str, Any]:
    """The waveform's value."""
    return {
        "name": chosen.name,
        "src": address(chosen.path),
        "seconds": sound.seconds,
        "peaks": sound.overview(),
        "window": list(heard.window),
        "sentence": texts.heard(heard),
        "licence": chosen.licence,
        "attribution": chosen.attribution,
    }


def what_is_seen(setting: Setting) -> str:
    if not setting.k:
        return texts.SEEN_SOUND
    source = texts.SEEN_OWN_PICTURE if setting.picture else texts.SEEN_MATCH_FRAME
    return texts.SEEN_PATCHES.format(k=setting.k, source=source)
