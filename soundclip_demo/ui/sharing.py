"""What the page shows as an address, and an address as what the page shows."""

from typing import Any

import gradio as gr

from ..suites import SUITES
from . import link, texts
from .choosing import Choosing, Chosen
from .handlers import Page


class Sharing:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page, choosing: Choosing) -> None:
        self.page, self.choosing = page, choosing

    def now(
        self, chosen: Chosen | None, encoder: str | None, share: float, sees: str, k: float, protocol: str
    ) -> dict[str, Any]:
        """The link component's value."""
        patches = int(k) if sees == texts.SEES_MATCH else 0  # a picture of one's own is not shared either
        seen = link.Link(encoder or "", float(share), patches, self._shared(chosen), protocol)
        return link.state(seen, self.page.title(seen.encoder), chosen.name if chosen else "")

    def open(self, event: gr.EventData) -> list[Any]:
        """[encoder, share, sees, k, LLaVA, chosen, problem, serial] of an address, which anybody can have written."""
        encoders = [row.name for row in self.page.ready_encoders()]
        most = SUITES[self.page.engine.config.suite].patches
        llavas = self.page.engine.protocols()
        wanted, unknown = link.read(str(getattr(event, "query", "")), encoders, self._known, most, llavas)
        chosen, problem = self.choosing.known(wanted.sound) or [gr.skip(), gr.skip()]
        if unknown:  # not in `problem`, which is empty again as soon as something is found
            gr.Warning(texts.link_unknown(unknown), title=texts.LINK_TITLE)
        seen = [texts.SEES_MATCH, wanted.k] if wanted.k else [gr.skip(), gr.skip()]
        return [wanted.encoder, wanted.share, *seen, wanted.llava or gr.skip(), chosen, problem, self.page.serial()]

    def _known(self, sound: str) -> bool:
        return sound in self.page.examples or self.page.engine.gallery.find(sound) is not None

    def _shared(self, chosen: Chosen | None) -> str:
        """The id of an example or a clip; empty for a visitor's own sound."""
        if chosen is None:
            return ""
        if chosen.truth and chosen.truth.clip:
            return chosen.truth.clip
        return next((row.id for row in self.page.examples.values() if str(row.path) == chosen.path), "")
