"""What happens when a visitor asks about the sound. Their `Item`s travel in a `gr.State`.

The order: `open` gives a question its turn -> `Question` -> `answer` (slow, in the line of all captions, behind those
of the same visitor). `reset` empties the log for another sound or window.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from ..errors import UserError
from ..events import AnswerPart, Missing, Setting
from ..questions import Exchange, asked
from ..zerogpu import on_gpu
from . import texts
from .ask import Item
from .ask import log as drawn
from .describing import Describing
from .finding import Ticket
from .handlers import Page, failed, session, steady
from .line import Wait
from .turns import ASK, SIDES

MOST_ITEMS = 20  # older ones leave the page


@dataclass(frozen=True, eq=False)
class Question:
    """The right to one answer: which item of the log, and about what. Each is its own: the same question asked twice
    is a change, which is what Gradio hashes it for."""

    item: Item
    items: list[Item]
    ticket: Ticket
    setting: Setting


class Asking:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page, describing: Describing) -> None:
        self.page, self.describing = page, describing
        self.ask = on_gpu(page.engine.ask)

    def reset(self, items: list[Item] | None, request: gr.Request) -> list[Any]:
        """[items, answers] for another sound or window; an answer that was under way ends."""
        self._end(items, request)
        return [None, drawn(())]

    def open(
        self,
        text: str | None,
        which: str,
        items: list[Item] | None,
        raw: Ticket | None,
        projected: Ticket | None,
        request: gr.Request,
        *choices: Any,
    ) -> list[Any]:
        """[question, items, answers, field]: opens a turn for a question; a problem leaves the field as it is. The
        `choices` are those of `Describing.setting`."""
        earlier = items or []
        ticket = dict(zip(SIDES, (raw, projected), strict=True)).get(which)
        try:
            if ticket is None:
                raise UserError(texts.ASK_NO_SOUND)
            setting = self.describing.setting(ticket, *choices)
            put = asked(text or "")
        except UserError as problem:
            return [gr.skip(), gr.skip(), drawn(earlier, str(problem)), gr.skip()]
        self._end(items, request)
        turn = self.page.turns.next(session(request), ASK)
        item = Item(turn, texts.asked_of(self.page.title(setting.encoder), setting), setting, put)
        items = [*earlier, item][-MOST_ITEMS:]
        return [Question(item, items, ticket, setting), items, drawn(items), ""]

    def stop(self, items: list[Item] | None, request: gr.Request) -> str:
        """Ends the answer at its next word; one still in line is over at once."""
        self._end(items, request)
        return drawn(items or ())

    @steady
    def answer(self, question: Question | None, request: gr.Request) -> Iterator[str]:
        """Yields the log after each word."""
        if question is None:
            return
        item, visitor = question.item, session(request)
        try:
            with closing(self._steps(question, visitor)) as steps:
                for _ in steps:
                    yield drawn(question.items)
            if item.busy:
                item.state = "done" if self.page.turns.wanted(visitor, item.turn) else "stopped"
        except UserError as problem:
            item.answer, item.state = str(problem), "missing"
        except Exception as error:
            item.answer, item.state = str(failed("answer", error)), "missing"
        if self.page.turns.wanted(visitor, item.turn):  # else the log is another sound's or question's
            yield drawn(question.items)

    def _steps(self, question: Question, visitor: str) -> Iterator[Wait | AnswerPart | Missing]:
        """Writes into the question's item where it stands in line, then the answer as it grows."""
        item, wanted = question.item, partial(self.page.wanted, visitor, question.item.turn)
        if not wanted():
            return
        with self.page.line.join() as place:
            for wait in place.waits(wanted):
                item.wait = wait
                yield wait
            if wanted():
                item.state = "writing"
                yield AnswerPart("")
                for part in self._parts(question, visitor):
                    item.answer = part.message if isinstance(part, Missing) else part.text
                    if isinstance(part, Missing):
                        item.state = "missing"
                    yield part

    def _parts(self, question: Question, visitor: str) -> Iterator[AnswerPart | Missing]:
        ticket, setting = question.ticket, question.setting
        sound = self.page.engine.load_sound(ticket.chosen.path)
        events = self.ask(sound, setting, question.item.question, self._history(question), ticket.chosen.start)
        with closing(events):  # closing is what really ends generation
            for event in events:
                if not self.page.turns.wanted(visitor, question.item.turn):
                    return
                if isinstance(event, AnswerPart | Missing):
                    yield event

    def _history(self, question: Question) -> list[Exchange]:
        """The caption and the answers that were given with the same setting."""
        result = question.ticket.result
        told = Exchange(result.setting.prompt, result.caption or "")
        said = [item for item in question.items if item.setting == question.setting and item.state == "done"]
        return [told, *(Exchange(item.question, item.answer) for item in said)]

    def _end(self, items: list[Item] | None, request: gr.Request) -> None:
        self.page.turns.end(session(request), ASK)
        for item in items or ():
            if item.busy:
                item.state = "stopped"
