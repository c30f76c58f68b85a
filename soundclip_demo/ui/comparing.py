"""What happens on each event of the comparison. The visitor's `Comparison` travels in a `gr.State`; the browser
only ever names a row of it.

The order: `fill` gives the table its rows one by one. `ask` opens a turn for one row -> `Asked` -> `write` (that
row's caption, slow, in the line of all captions). `reset` empties the table for another sound or window.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from ..compare import Row, contenders
from ..errors import UserError
from ..events import CaptionPart, Missing, Setting
from .choosing import Chosen
from .compare import Comparison, Said, panel, ready, row_id
from .describing import Describing
from .finding import Ticket
from .handlers import Page, failed, session, steady
from .line import Wait
from .turns import ROW


@dataclass(frozen=True)
class Asked:
    """The right to one row's caption. `ticket` is for what the caption model sees, `row` for where it is shown."""

    ticket: Ticket
    row: str
    comparison: Comparison


class Comparing:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page, describing: Describing) -> None:
        self.page = page
        self.describing = describing

    def reset(self, chosen: Chosen | None, comparison: Comparison | None) -> list[Any]:
        """[comparison, table] for another sound or window; what was under way for the earlier one ends."""
        if comparison:
            comparison.successor = chosen
            comparison.end("stopped")
            comparison.hush()
        return [None, ready(chosen.name if chosen else None)]

    @steady
    def fill(self, chosen: Chosen | None) -> Iterator[list[Any]]:
        """Yields [comparison, table] at the start and after each row."""
        if chosen is None:
            return
        comparison = Comparison(chosen, len(contenders(self.page.engine)))
        yield [comparison, self._draw(comparison)]
        try:
            sound = self.page.engine.load_sound(chosen.path)
            with closing(self.page.engine.compare(sound, chosen.start)) as rows:
                for row in rows:
                    if comparison.state != "running":
                        break
                    comparison.add(row)
                    yield [gr.skip(), self._draw(comparison)]
        except UserError as problem:
            comparison.problem = str(problem)
        except Exception as error:
            comparison.problem = str(failed("compare", error))
        comparison.end("done")
        yield [gr.skip(), self._draw(comparison)]

    def halt(self, comparison: Comparison | None) -> Any:
        """No further row; those that are there stay."""
        if comparison is None:
            return gr.skip()
        comparison.end("stopped")
        return self._draw(comparison)

    def adopt(self, comparison: Comparison | None, event: gr.EventData) -> list[Any]:
        """[encoder, share, serial]: the page goes to a row's setting, and the serial starts `find`."""
        row = known_row(comparison, event)
        return [row.encoder, float(row.mode == "projected"), self.page.serial()] if row else [gr.skip()] * 3

    def ask(self, comparison: Comparison | None, event: gr.EventData, request: gr.Request) -> list[Any]:
        """[asked, table]: opens the visitor's next turn for a row's caption."""
        row = known_row(comparison, event)
        if row is None:
            return [gr.skip(), gr.skip()]
        turn = self.page.turns.next(session(request), ROW)
        comparison.hush()
        comparison.said[row_id(row)] = Said(turn)
        ticket = Ticket(turn, ROW, comparison.chosen, Setting(encoder=row.encoder, mode=row.mode))
        return [Asked(ticket, row_id(row), comparison), self._draw(comparison)]

    def hush(self, comparison: Comparison | None, request: gr.Request) -> Any:
        """Ends the row's caption that is being written or waits."""
        if comparison is None:
            return gr.skip()
        self.page.turns.end(session(request), ROW)
        comparison.hush()
        return self._draw(comparison)

    @steady
    def write(self, asked: Asked | None, request: gr.Request, *choices: Any) -> Iterator[str]:
        """Yields the table after each word of the row's caption; the `choices` are those of `Describing.setting`."""
        if asked is None:
            return
        comparison, visitor = asked.comparison, session(request)
        try:
            setting = self.describing.setting(asked.ticket, *choices)
            with closing(self.describing.written(visitor, asked.ticket, setting)) as parts:
                for part in parts:
                    if not self._note(asked, part):
                        break
                    yield self._draw(comparison)
            problem = ""
        except UserError as error:
            problem = str(error)
        except Exception as error:
            problem = str(failed("describe", error))
        said = comparison.said[asked.row]
        if said.turn == asked.ticket.turn and said.busy:  # else Stop or the next request has said how it ended
            comparison.said[asked.row] = replace(said, busy=False, stopped=not problem, problem=problem)
        yield self._draw(comparison)

    def _note(self, asked: Asked, part: Any) -> bool:
        """Writes what the model gave into the table; False when the row waits for nothing any more."""
        said = asked.comparison.said[asked.row]
        if said.turn != asked.ticket.turn or not said.busy:
            return False
        match part:
            case Wait():
                said = replace(said, wait=part)
            case CaptionPart(text=text, done=done):
                said = replace(said, text=text, busy=not done, wait=None)
            case Missing(message=message):
                said = replace(said, busy=False, problem=message)
        asked.comparison.said[asked.row] = said
        return said.busy

    def _draw(self, comparison: Comparison) -> str:
        return panel(comparison, self.page.engine.gallery)


def known_row(comparison: Comparison | None, event: gr.EventData) -> Row | None:
    """The row that the browser names; it may name anything."""
    row = comparison.rows.get(str(getattr(event, "row", ""))) if comparison else None
    return row if row and row.hit else None
