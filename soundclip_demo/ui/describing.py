"""The captions of both columns: written one after the other, each until it is finished or wanted no longer."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from ..errors import UserError
from ..events import CaptionPart, Missing, Setting, Timing
from . import caption, given, texts
from .finding import Ticket
from .handlers import Page, failed, session, steady
from .line import Wait
from .turns import SIDES


class Describing:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def renew(self, raw: Ticket | None, projected: Ticket | None, request: gr.Request) -> list[Any]:
        """[both tickets, both captions]: other captions of what was found, since the prompt or what the model sees
        has changed."""
        tickets = [self._renewed(ticket, session(request)) for ticket in (raw, projected)]
        return [
            *(ticket or gr.skip() for ticket in tickets),
            *(caption.waiting() if ticket else gr.skip() for ticket in tickets),
        ]

    def _renewed(self, ticket: Ticket | None, visitor: str) -> Ticket | None:
        """None also where a find has given the place another ticket since this one was read."""
        turns = self.page.turns
        if ticket is None or (turns.at(visitor, ticket.place) and not turns.wanted(visitor, ticket.turn)):
            return None
        return replace(ticket, turn=turns.next(visitor, ticket.place))

    def stop(self, raw: str | None, projected: str | None, request: gr.Request) -> list[Any]:
        """Ends the caption being written at its next word; one still in line is said to be over at once."""
        self.page.turns.end(session(request), *SIDES)
        waits = [words is not None and texts.CAPTION_WAITING in words for words in (raw, projected)]
        return [caption.panel("", stopped=True) if wait else gr.skip() for wait in waits]

    @steady
    def describe(self, ticket: Ticket | None, request: gr.Request, *choices: Any) -> Iterator[list[Any]]:
        """Yields [a column's caption, how captions came about]; it says by itself whether Stop or Describe again is
        of use. The `choices` are those of `setting`."""
        if ticket is None:
            return
        visitor, turns = session(request), self.page.turns
        try:
            setting = self.setting(ticket, *choices)
            told = caption.told(self.page.engine.config.suite, setting, self._category(ticket))
            text, times, early = "", None, False
            with closing(self.written(visitor, ticket, setting)) as events:
                for event in events:
                    match event:
                        case Wait():
                            yield [caption.waiting(event), told]
                        case CaptionPart():
                            text, early = event.text, event.rehearsed
                            yield [self._panel(ticket, text, writing=not event.done), told]
                        case Timing():
                            stages = ("caption_first_token", "caption")
                            times = Timing({name: event.ms[name] for name in stages if name in event.ms})
                        case Missing():
                            yield [caption.missing(event.message), told]
                            return
            if turns.wanted(visitor, ticket.turn):
                yield [self._panel(ticket, text, times=times, early=early), told]
            elif not turns.at(visitor, ticket.place):  # else the place is the next caption's
                yield [self._panel(ticket, text, stopped=True), told]
        except UserError as problem:
            yield [caption.missing(str(problem)), ""]
        except Exception as error:
            yield [caption.missing(str(failed("describe", error))), ""]

    def _category(self, ticket: Ticket) -> str:
        """Of what is truly heard; empty where that is not known."""
        return ticket.chosen.truth.category if ticket.chosen.truth else ""

    def _panel(self, ticket: Ticket, text: str, **state: Any) -> str:
        category = self._category(ticket)
        places = self.page.engine.gallery.places_named(text, category) if category else None
        return caption.panel(text, places, **state)

    def written(
        self, visitor: str, ticket: Ticket, setting: Setting
    ) -> Iterator[Wait | CaptionPart | Timing | Missing]:
        """Where a ticket stands in line, then its caption as it is written, until the visitor wants it no longer.

        Raises:
            UserError: too many wait, or the sound or the setting cannot be used.
        """
        wanted = partial(self.page.wanted, visitor, ticket.turn)
        if not wanted():
            return
        with self.page.line.join() as place:
            yield from place.waits(wanted)
            if wanted():
                yield CaptionPart("")
                yield from self._written(visitor, ticket, setting)

    def _written(
        self, visitor: str, ticket: Ticket, setting: Setting
    ) -> Iterator[CaptionPart | Timing | Missing]:
        if ticket.result:
            ticket.result.retell(setting)
        sound = self.page.engine.load_sound(ticket.chosen.path)
        events = self.page.run(sound, setting, ticket.chosen.start)
        with closing(events):  # closing is what really ends generation
            for event in events:
                if not self.page.turns.wanted(visitor, ticket.turn):
                    return
                if isinstance(event, CaptionPart | Timing | Missing):
                    if ticket.result:
                        ticket.result.add(event)
                    yield event

    def setting(
        self, ticket: Ticket, protocol: str | None, sees: str, k: Any, own: str | None, prompt: str | None
    ) -> Setting:
        """The ticket's setting with what the visitor chose for all captions: the values of `wiring.caption_choices`.

        Raises:
            UserError: the wanted picture is not there, or `k` is no number of patches.
        """
        if sees == texts.SEES_PICTURE and own is None:
            raise UserError(texts.PICTURE_FIRST)
        return replace(
            ticket.setting,
            caption=True,
            protocol=protocol,
            k=given.patches(sees, k, self.page.patches),
            picture=own if sees == texts.SEES_PICTURE else None,
            prompt=(prompt or "").strip() or Setting.prompt,
        )
