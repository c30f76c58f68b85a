"""What the page shows as an address, and an address as what the page shows."""

from typing import Any

import gradio as gr

from ..errors import UserError
from . import given, link, texts
from .choosing import Choosing, Chosen
from .handlers import Page


class Sharing:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page, choosing: Choosing) -> None:
        self.page, self.choosing = page, choosing
        self.clips = {clip.id for clip in page.engine.gallery.clips}

    def now(
        self, chosen: Chosen | None, encoder: str | None, share: Any, sees: str, k: Any, protocol: str | None
    ) -> dict[str, Any]:
        """The link component's value.

        Raises:
            gr.Error: `share` is no share of a token, or `k` no number of patches.
        """
        try:
            # A picture of one's own is not shared either.
            patches = given.patches(sees, k, self.page.patches) if sees == texts.SEES_MATCH else 0
            seen = link.Link(encoder or "", given.share(share), patches, self._shared(chosen), protocol or "")
        except UserError as problem:
            raise gr.Error(str(problem), print_exception=False) from None
        return link.state(seen, self.page.title(seen.encoder), chosen.name if chosen else "")

    def open(self, event: gr.EventData) -> list[Any]:
        """[encoder, share, sees, k, LLaVA, chosen, problem, serial] of an address, which anybody can have written.

        The serial starts `find` where no new sound does.
        """
        encoders = [row.name for row in self.page.ready_encoders()]
        known = self.page.examples.keys() | self.clips
        llavas = self.page.engine.protocols()
        wanted, unknown = link.read(str(getattr(event, "query", "")), encoders, known, self.page.patches, llavas)
        sound = self.choosing.known(wanted.sound)
        if unknown:  # not in `problem`, which is empty again as soon as something is found
            gr.Warning(texts.link_unknown(unknown), title=texts.LINK_TITLE)
        seen = [texts.SEES_MATCH, wanted.k] if wanted.k else [gr.skip(), gr.skip()]
        llava, serial = wanted.llava or gr.skip(), gr.skip() if sound else self.page.serial()
        return [wanted.encoder, wanted.share, *seen, llava, *(sound or [gr.skip(), gr.skip()]), serial]

    def _shared(self, chosen: Chosen | None) -> str:
        """The id of an example or a clip; empty for a visitor's own sound."""
        if chosen is None:
            return ""
        if chosen.truth and chosen.truth.clip:
            return chosen.truth.clip
        return next((row.id for row in self.page.examples.values() if str(row.path) == chosen.path), "")
