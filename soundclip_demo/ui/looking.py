"""What the model looks at: which frame, how near its patches lie to both tokens, and how many of them go along."""

from dataclasses import replace
from typing import Any

import gradio as gr

from ..errors import UserError
from ..events import Relevance
from ..parts import NotReady
from ..zerogpu import on_gpu
from . import caption, given, texts
from .finding import Ticket
from .handlers import Page, failed
from .look import looked_at


class Looking:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.relevance = on_gpu(page.engine.look)

    def look(
        self, raw: Ticket | None, projected: Ticket | None, sees: str, k: Any, own: str | None
    ) -> list[Any]:
        """[the panel's value, problem] for the tokens of both columns."""
        columns: dict[str, Relevance] = {}
        try:
            patches = given.patches(sees, k, self.page.patches)
            for ticket in filter(None, (raw, projected)):
                columns[texts.side(ticket.setting)[0]] = self._of(ticket, own if sees == texts.SEES_PICTURE else None)
        except UserError as problem:
            return [gr.skip(), caption.error(problem)]
        except NotReady as missing:
            return [gr.skip(), caption.error(UserError(str(missing)))]
        except Exception as error:
            return [gr.skip(), caption.error(failed("look", error))]
        if not columns:
            return [None, gr.skip()]
        clip = next(iter(columns.values())).clip
        of = texts.looked_at(self.page.engine.gallery.clip(clip).category if clip else "")
        return [looked_at(of, patches, columns), gr.skip()]

    def _of(self, ticket: Ticket, own: str | None) -> Relevance:
        sound = self.page.engine.load_sound(ticket.chosen.path)
        return self.relevance(sound, replace(ticket.setting, picture=own), ticket.chosen.start)

    def keep(self, sees: str, event: gr.EventData) -> list[Any]:
        """[what the caption model sees, k]: the browser may send anything as `k`, whose 0 is the sound only."""
        k = given.whole(getattr(event, "k", None), 0, self.page.patches)
        if k is None:
            return [gr.skip(), gr.skip()]
        if k == 0:
            return [texts.SEES_SOUND, gr.skip()]
        return [texts.SEES_MATCH if sees == texts.SEES_SOUND else gr.skip(), k]
