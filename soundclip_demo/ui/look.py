"""What the model looks at: one frame under the tokens of two settings, a heat map and the k patches that are kept."""

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..events import Relevance
from . import texts
from .scripted import scripted

if TYPE_CHECKING:
    from PIL import Image

MARKS = (15, 150)  # the two budgets of the paper
TEMPLATE = f"""
<section class="look empty" aria-label="{escape(texts.LOOK)}">
  <p class="look-of"></p>
  <div class="look-frames"></div>
  <div class="look-controls">
    <div><label>{escape(texts.LOOK_K)} <span class="look-count"></span>
      <input type="range" class="look-k" min="0" step="1"></label>
      <div class="look-marks"></div></div>
    <div><label>{escape(texts.LOOK_VEIL)}
      <input type="range" class="look-veil" min="0" max="1" step="0.05" value="0.5"></label>
      <div class="look-legend" aria-hidden="true"><span></span><i></i><span></span></div></div>
  </div>
  <p class="quiet">{escape(texts.LOOK_NOTE)}</p>
</section>
"""


def look_panel(patches: int) -> gr.HTML:
    """`value` is what `looked_at` gives, or None; `keep` carries the `k` that the visitor chose."""
    return scripted(
        "look.js",
        value=None,
        html_template=TEMPLATE,
        elem_id="look",
        patches=patches,
        marks=marks(patches),
        words=texts.LOOK_WORDS,
    )


def marks(patches: int) -> list[tuple[int, str]]:
    """The k that a press goes to, with what is on the button."""
    between = [(k, str(k)) for k in MARKS if k < patches]
    return [(0, texts.LOOK_WORDS["only"]), *between, (patches, texts.LOOK_EVERY.format(k=patches))]


def looked_at(of: str, k: int, columns: dict[str, Relevance]) -> dict[str, Any]:
    """The component's value.

    Args:
        of: what the picture is, for the visitor.
        columns: by their titles; all of one picture.
    """
    any_of_them = next(iter(columns.values()))
    return {
        "of": of,
        "k": k,
        "view": data_address(any_of_them.view),
        "grid": any_of_them.grid,
        "columns": [
            {"title": title, "cosines": [round(cosine, 4) for cosine in seen.cosines], "order": seen.order}
            for title, seen in columns.items()
        ],
    }


def data_address(view: "Image.Image") -> str:
    """A small picture as an address that needs no file."""
    content = io.BytesIO()
    view.save(content, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
