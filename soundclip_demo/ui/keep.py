"""What the page shows, to keep: JSON, CSV and a report, made when asked for and handed to the browser.

Nothing is written to the server's disk.
"""

import re
from pathlib import Path
from typing import Any

import gradio as gr

from .. import record, report, tradeoff
from ..errors import UserError
from ..record import Record
from . import texts
from .choosing import Chosen
from .finding import Ticket
from .handlers import Page, failed
from .scripted import scripted

KINDS = {"json": "application/json", "csv": "text/csv", "html": "text/html"}
TEMPLATE = """
<div class="keep"><span class="keep-label"></span>
  <button type="button" class="do" data-kind="json"></button><button type="button" class="do" data-kind="csv"></button
  ><button type="button" class="do" data-kind="html"></button>
  <label class="keep-sound"><input type="checkbox"><span></span></label>
  <span class="keep-plot"><span></span><button type="button" class="do" data-plot="svg">SVG</button
  ><button type="button" class="do" data-plot="png">PNG</button></span>
  <span class="keep-said" role="status" aria-live="polite"></span></div>
"""


def keep_buttons() -> gr.HTML:
    """`value` is what `Keeping.save` gives; triggers `save` with `kind` and `sound`."""
    return scripted(
        "keep.js",
        value=None,
        html_template=TEMPLATE,
        elem_id="keep",
        words={
            "label": texts.KEEP,
            "sound": texts.KEEP_SOUND,
            "making": texts.KEEP_MAKING,
            "plot": texts.KEEP_PLOT,
        }
        | texts.KEEP_KINDS,
    )


class Keeping:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def save(
        self, chosen: Chosen | None, raw: Ticket | None, projected: Ticket | None, event: gr.EventData
    ) -> dict[str, Any]:
        """A file for the browser, or a sentence why there is none; the browser may send anything as `kind`."""
        kind = str(getattr(event, "kind", ""))
        tickets = [ticket for ticket in (raw, projected) if ticket]
        try:
            if chosen is None or not tickets or kind not in KINDS:
                raise UserError(texts.KEEP_NOTHING)
            results = [ticket.result for ticket in tickets]
            kept = record.make(self.page.engine, chosen.name, results, chosen.licence, chosen.attribution)
            text = self._text(kept, kind, chosen, getattr(event, "sound", False) is True)
        except UserError as problem:
            return {"serial": self.page.serial(), "said": str(problem)}
        except Exception as error:
            return {"serial": self.page.serial(), "said": str(failed("keep", error))}
        name = f"soundclip-{plain(chosen.name)}.{kind}"
        said = texts.kept(name)
        return {"serial": self.page.serial(), "name": name, "type": KINDS[kind], "text": text, "said": said}

    def _text(self, kept: Record, kind: str, chosen: Chosen, with_sound: bool) -> str:
        if kind == "json":
            return record.as_json(kept)
        if kind == "csv":
            return record.as_csv(kept)
        sound = self.page.engine.load_sound(chosen.path)
        config = self.page.engine.config
        measured = tradeoff.read(config.results / f"{config.suite}.json")
        return report.page(kept, sound, Path(chosen.path) if with_sound else None, measured)


def plain(name: str) -> str:
    """A part of a file name, whatever a visitor's file is called."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "sound"
