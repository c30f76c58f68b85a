"""The five matching clips as cards. Strings from the gallery are escaped here, nowhere else."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ..events import Hit, Matches
from . import texts
from .media import address

if TYPE_CHECKING:
    from ..gallery import Clip, Gallery

HERE = Path(__file__).parent
SPAN = 6.0  # deviations across the whole bar; more only fills it
SPEAKER = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 9v6h4l5 4V5L8 9z"/>'
    '<path class="waves" d="M16 8.5a5 5 0 0 1 0 7M18.5 6a8.5 8.5 0 0 1 0 12"/></svg>'
)


def matches_panel() -> gr.HTML:
    """The component; `js_on_load` links cards with the map and lets one clip at a time be heard."""
    return gr.HTML(
        value=empty(),
        html_template="${value}",
        js_on_load=(HERE / "matches.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="matches",
    )


def empty() -> str:
    """Five quiet places before the first sound, so that nothing jumps when the clips come."""
    places = '<li class="card ghost" aria-hidden="true"><div class="frame"></div></li>' * 5
    return f'{heading("")}<ol class="cards">{places}</ol><p class="quiet">{escape(texts.MATCHES_EMPTY)}</p>'


def heading(note: str, good: bool = True, times: str = "") -> str:
    mark = "verdict" if good else "verdict chance"
    verdict = f'<span class="{mark}">{escape(note)}</span>' if note else ""
    line = f'<span class="times">{escape(times)}</span>' if times else ""
    return f'<div class="panel-head"><h2>{escape(texts.MATCHES)}</h2>{verdict}{line}</div>'


def cards(matches: Matches, gallery: "Gallery", times: dict[str, float]) -> str:
    """The whole panel for one result."""
    head = heading(texts.verdict(matches), matches.above_chance, texts.stage_times(times))
    items = "".join(card(hit, gallery.clip(hit.clip), matches.chance) for hit in matches.hits)
    return f'{head}<ol class="cards">{items}</ol>'


def card(hit: Hit, clip: "Clip", chance: float) -> str:
    """One clip: the video plays muted and looping until the visitor asks to hear it."""
    category, caption = escape(hit.category), escape(hit.caption)
    hear = escape(texts.HEAR.format(rank=hit.rank, category=hit.category))
    still = f'<p class="still">{escape(texts.STILL.get(clip.picture_kind, ""))}</p>' if clip.still else ""
    return (
        f'<li class="card" data-clip="{escape(hit.clip)}">'
        f'<div class="frame"><video muted loop playsinline autoplay preload="auto" aria-label="{category}"'
        f' poster="{escape(address(clip.poster))}" src="{escape(address(clip.video))}"></video>'
        f'<span class="rank">{hit.rank}</span>'
        f'<button type="button" class="round hear" aria-pressed="false" aria-label="{hear}">'
        f"{SPEAKER}</button></div>"
        f'<div class="about"><p class="line"><strong>{category}</strong>'
        f'<span class="score" title="cosine">{hit.score:.2f}</span></p>'
        f"{bar(hit.deviations, chance)}"
        f'<p class="words" title="{caption}">{caption}</p>{still}'
        f'<details class="licence"><summary>{escape(hit.licence)}</summary>'
        f"<span>{escape(clip.attribution)}</span></details>"
        "</div></li>"
    )


def bar(deviations: float, chance: float) -> str:
    """Deviations above the gallery's mean cosine, with a tick where chance ends."""
    above = "above chance" if deviations > chance else "no better than chance"
    label = f"{deviations:.1f} deviations above the gallery's mean, {above} ({chance:.1f})"
    kind = "bar" if deviations > chance else "bar weak"
    return (
        f'<div class="{kind}" role="img" aria-label="{label}" title="{label}">'
        f'<i style="width:{share(deviations):.1f}%"></i><b style="left:{share(chance):.1f}%"></b></div>'
    )


def share(deviations: float) -> float:
    """Per cent of the bar."""
    return 100 * min(1.0, max(0.0, deviations / SPAN))
