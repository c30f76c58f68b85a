"""Matches and place of a sound, raw beside projected: what happens on each new sound, window or setting."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..errors import UserError
from ..events import Heard, Matches, Missing, Setting, Timing
from ..results import Result
from . import caption, given, matches, texts
from .choosing import Chosen
from .handlers import Page, failed, lasting, session, steady
from .map import stars
from .media import address
from .turns import FIND, SIDES

if TYPE_CHECKING:
    from ..audio import Sound

OUTPUTS = (
    "wave",
    "status",
    *SIDES,
    "map",
    "problem",
    *(f"{side}_ticket" for side in SIDES),
    *(f"{side}_words" for side in SIDES),
)


@dataclass(frozen=True)
class Ticket:
    """The right to one caption: of what, at which place, and for which turn. `result` is what was found there and,
    in the end, the caption; None for a row of the comparison."""

    turn: int
    place: str
    chosen: Chosen
    setting: Setting
    result: Result | None = None

    def same(self, chosen: Chosen, setting: Setting) -> bool:
        return (self.chosen, self.setting) == (chosen, setting)


def beside(encoder: str, share: float) -> tuple[Setting, Setting]:
    """The settings of both columns; `share` of the right one's token is projected, in [0, 1].

    Raises:
        UserError: it is no such share.
    """
    share = round(given.share(share), 2)
    other = {"mode": "projected"} if share == 1 else {"mode": "blend", "t": share}
    return Setting(encoder, "raw", caption=False), Setting(encoder, **other, caption=False)


class Finding:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @steady
    def find(
        self,
        chosen: Chosen | None,
        encoder: str | None,
        share: float,
        raw: Ticket | None,
        projected: Ticket | None,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """Yields the outputs named in `show`. A column whose sound and setting are as before is left alone, and a
        problem leaves earlier results as they are. One that a later one has overtaken shows nothing more."""
        visitor = session(request)
        if chosen is None:
            if self.page.turns.at(visitor, FIND):  # once there was a sound: Gradio keeps those of the last tabs only
                yield show(problem=caption.error(UserError(*texts.FORGOTTEN)))
            return
        turn, tickets = self.page.turns.next(visitor, FIND), dict(zip(SIDES, (raw, projected), strict=True))
        for step in lasting(self._find(chosen, encoder, share, tickets, visitor, turn)):
            if not self.page.turns.wanted(visitor, turn):
                return
            yield step

    def _find(
        self,
        chosen: Chosen,
        encoder: str | None,
        share: float,
        tickets: dict[str, Ticket | None],
        visitor: str,
        turn: int,
    ) -> Iterator[list[Any]]:
        if not encoder:
            yield show(problem=caption.error(UserError(texts.NO_ENCODER)))
            return
        try:
            settings = dict(zip(SIDES, beside(encoder, share), strict=True))
            sides = [side for side in SIDES if not (tickets[side] and tickets[side].same(chosen, settings[side]))]
            if sides == list(SIDES):
                yield show(status=texts.listening(self.page.title(encoder)))
            yield from self._found(chosen, {side: settings[side] for side in sides}, tickets, visitor, turn)
        except UserError as problem:
            yield show(problem=caption.error(problem), status="")
        except Exception as error:
            yield show(problem=caption.error(failed("find", error)), status="")

    def _found(
        self,
        chosen: Chosen,
        settings: dict[str, Setting],
        tickets: dict[str, Ticket | None],
        visitor: str,
        turn: int,
    ) -> Iterator[list[Any]]:
        """Everything at once, when all of it is known: it takes little longer than the first column alone."""
        sound = self.page.engine.load_sound(chosen.path)
        sides = {setting: side for side, setting in settings.items()}
        found: dict[str, dict[type, Any]] = {side: {} for side in settings}
        steps = self.page.run_each(sound, list(settings.values()), chosen.start, chosen.truth)
        for setting, event in steps:
            if isinstance(event, Missing) and setting.mode == "raw":
                raise UserError(event.message)  # without the encoder there is neither column
            found[sides[setting]][type(event)] = event
        if not self.page.turns.wanted(visitor, turn):
            return  # a new turn of the columns would end that of the captions that are wanted
        shown: dict[str, Any] = {"problem": ""}
        for side, events in found.items():
            shown |= self._side(side, events, chosen, settings[side], visitor)
            tickets = tickets | {side: shown[f"{side}_ticket"]}
        if heard := found.get("raw", {}).get(Heard):
            times = {"decode": chosen.decode_ms, "encode": found["raw"][Timing].ms["encode"]}
            shown |= {"wave": picture(chosen, sound, heard), "status": texts.heard_once(times)}
        there = [(ticket.setting, ticket.result.placed, ticket.result.matches) for ticket in tickets.values() if ticket]
        label = self.page.title(there[0][0].encoder)
        yield show(**shown, map=stars(label, there, f"{chosen.serial} {chosen.start}"))

    def _side(
        self, side: str, events: dict[type, Any], chosen: Chosen, setting: Setting, visitor: str
    ) -> dict[str, Any]:
        """What one column shows: matches, ticket and caption."""
        if Missing in events:
            column = matches.missing(setting, events[Missing].message)
            return {side: column, f"{side}_ticket": None, f"{side}_words": caption.empty()}
        column = matches.found(setting, events[Matches], chosen.truth, self.page.engine.gallery, events[Timing].ms)
        result = Result(setting)
        for event in events.values():
            result.add(event)
        ticket = Ticket(self.page.turns.next(visitor, side), side, chosen, setting, result)
        return {side: column, f"{side}_ticket": ticket, f"{side}_words": caption.waiting()}


def show(**given: Any) -> list[Any]:
    """In the order of `OUTPUTS`; what is not given stays."""
    return [given.get(name, gr.skip()) for name in OUTPUTS]


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
