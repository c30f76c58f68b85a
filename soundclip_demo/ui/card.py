"""All that is known of one clip, in a dialog: it opens from a match or from a point on the map.

Whatever wants it open dispatches `soundclip:card-open` with the clip's id on the document. The server writes the
card when it is asked for, since a gallery has too many clips to send them all. Strings are escaped here.
"""

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..alignment import DIMENSIONS, HIGHEST
from . import texts
from .media import address
from .scripted import scripted

if TYPE_CHECKING:
    from ..alignment import Alignment, Annotation
    from ..gallery import Clip, Gallery

TEMPLATE = f"""
<dialog class="clip-card" aria-labelledby="clip-card-title">
  <button type="button" class="round clip-close" aria-label="{escape(texts.CARD_CLOSE)}">×</button>
  <div class="clip-body"></div>
</dialog>
"""


def clip_card(gallery: "Gallery") -> gr.HTML:
    """The component; its event `query` carries the id of the `clip` whose sound the visitor wants to search with."""

    def about(clip: Any) -> str:
        return asked_for(gallery, clip)

    return scripted(
        "card.js",
        value="",
        html_template=TEMPLATE,
        elem_id="clip-card",
        words={"failed": texts.CARD_FAILED},
        server_functions=[about],
    )


def asked_for(gallery: "Gallery", clip: Any) -> str:
    """The card of one clip; empty where there is none, since the browser may ask for anything."""
    known = gallery.find(clip)
    return body(known) if known else ""


def body(clip: "Clip") -> str:
    """What stands in the dialog."""
    category = escape(clip.category)
    still = f'<p class="still">{escape(texts.STILL.get(clip.picture_kind, ""))}</p>' if clip.still else ""
    said = clip.annotation
    return (
        f'<div class="clip-media"><video controls playsinline preload="metadata" aria-label="{category}"'
        f' poster="{escape(address(clip.poster))}" src="{escape(address(clip.video))}"></video>{still}'
        f'<h2 id="clip-card-title">{category}</h2><p class="clip-caption">{escape(clip.caption)}</p>'
        f'<button type="button" class="clip-query">{escape(texts.CARD_QUERY)}</button>'
        f"{descriptions(said) if said else ''}"
        f'<details class="licence"><summary>{escape(clip.licence)}</summary>'
        f"<span>{escape(clip.attribution)}</span></details></div>"
        f'<div class="clip-scores"><h3>{escape(texts.ALIGNMENT)}</h3>'
        f"{scores(said) if said else _quiet(texts.ALIGNMENT_NONE)}</div>"
    )


def scores(said: "Annotation") -> str:
    """The five bars, their sum and mean, the sources, and who says so."""
    alignment = said.alignment
    rows = "".join(dimension(name, alignment) for name in DIMENSIONS)
    made = "; ".join(texts.ANNOTATED.get(part, part).format(model=model) for part, model in said.models)
    return (
        f'<div class="dimensions">{rows}</div><p class="total">{escape(texts.alignment_total(alignment))}</p>'
        f"{sources(alignment)}{_quiet(texts.ALIGNMENT_BY.get(said.kind, ''))}{_quiet(made)}"
    )


def dimension(name: str, alignment: "Alignment") -> str:
    """A bar that unfolds its reason."""
    title, score = escape(texts.DIMENSIONS[name]), alignment.scores.get(name)
    reason = escape(alignment.reasons.get(name, ""))
    if score is None:
        value, bar, kind = escape(texts.NOT_MEASURED), "", "dimension unknown"
    else:
        value, kind = f"{score}/{HIGHEST}", "dimension"
        bar = f'<span class="dimension-bar" aria-hidden="true"><i style="width:{100 * score // HIGHEST}%"></i></span>'
    line = f"<span>{title}</span><b>{value}</b>{bar}"
    if not reason:
        return f'<div class="{kind}"><p class="dimension-line">{line}</p></div>'
    return f'<details class="{kind}"><summary class="dimension-line">{line}</summary><p>{reason}</p></details>'


def sources(alignment: "Alignment") -> str:
    """Three lists with the published demo's meaning (paper-facts section 10.2); an empty one is left out."""
    lists = {
        "seen-heard": alignment.visible_active,
        "heard-only": alignment.invisible_active,
        "seen-only": alignment.visible_silent,
    }
    shown = "".join(
        f'<div class="sources {kind}"><h4>{escape(texts.SOURCES[kind])}</h4><p>{escape(", ".join(things))}</p></div>'
        for kind, things in lists.items()
        if things
    )
    return f"<h3>{escape(texts.SOURCES_TITLE)}</h3>{shown}" if shown else ""


def descriptions(said: "Annotation") -> str:
    """The two texts, as the published demo shows them."""
    pairs = ((texts.SAID_SEEN, said.seen), (texts.SAID_HEARD, said.heard))
    rows = "".join(f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>" for title, text in pairs)
    return f'<dl class="clip-said">{rows}</dl>'


def _quiet(sentence: str) -> str:
    return f'<p class="quiet">{escape(sentence)}</p>' if sentence else ""
