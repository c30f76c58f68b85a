"""The five matching clips of one column. What is drawn goes to the browser as plain data; matches.js makes cards of
it and keeps those that stay, so that a move of the slider lets clips change places instead of beginning anew."""

from typing import TYPE_CHECKING, Any

import gradio as gr

from ..encoders import ENCODERS
from ..events import Hit, Matches, Setting, Truth
from . import texts
from .media import address
from .posters import poster
from .scripted import scripted

if TYPE_CHECKING:
    from ..gallery import Clip, Gallery

SPAN = 6.0  # deviations across the whole bar; more only fills it
CARD = """
<li class="card ghost" aria-hidden="true"><div class="frame">
    <video muted loop playsinline preload="auto" tabindex="-1" hidden></video><span class="rank"></span>
    <button type="button" class="round hear" aria-pressed="false" hidden><svg viewBox="0 0 24 24" aria-hidden="true"
      ><path d="M4 9v6h4l5 4V5L8 9z"/><path class="waves" d="M16 8.5a5 5 0 0 1 0 7M18.5 6a8.5 8.5 0 0 1 0 12"/></svg
    ></button></div>
  <div class="about"><button type="button" class="more" disabled><strong></strong></button>
    <div class="line"><div class="bar" role="img"><i></i><b></b></div><span class="score"></span></div>
    <p class="words"></p><details class="licence"><summary></summary><span></span></details></div></li>
"""
TEMPLATE = """
<section class="found"><div class="side-head"><h2></h2><p class="how"></p></div>
  <p class="says"><span class="verdict"></span><span class="right"></span><span class="times"></span></p>
  <ol class="cards">CARDS</ol></section>
"""


def matches_panel(side: str, setting: Setting) -> gr.HTML:
    """The component of a column, with quiet places before the first sound; `value` is what `found` gives."""
    return scripted(
        "matches.js",
        value=_column(setting),
        html_template=TEMPLATE.replace("CARDS", CARD * setting.top),
        elem_id=f"matches-{side}",
        elem_classes="matches",
    )


def found(
    setting: Setting, matches: Matches, truth: Truth | None, gallery: "Gallery", times: dict[str, float]
) -> dict[str, Any]:
    """A column's result; `times` in milliseconds by stage, of which those of this column alone are told."""
    own = {stage: ms for stage, ms in times.items() if stage in ("project", "search", "place")}
    return _column(setting) | {
        "verdict": texts.verdict(matches),
        "above": matches.above_chance,
        "detail": texts.verdict_detail(matches),
        "right": texts.right(matches, truth),
        "times": texts.stage_times(own),
        "chance": share(matches.chance),
        "cards": [card(hit, gallery.clip(hit.clip), matches.chance) for hit in matches.hits],
    }


def missing(setting: Setting, message: str) -> dict[str, Any]:
    """A column that cannot run; the other one did."""
    return _column(setting) | {"verdict": message}


def _column(setting: Setting) -> dict[str, Any]:
    title, how = texts.side(setting)
    return {"title": title, "how": how, "encoder": ENCODERS[setting.encoder].title, "verdict": "", "above": False,
            "detail": "", "right": "", "times": "", "chance": 0.0, "cards": []}


def card(hit: Hit, clip: "Clip", chance: float) -> dict[str, Any]:
    """One clip: the video plays muted and looping until the visitor asks to hear it."""
    return {
        "clip": hit.clip,
        "rank": hit.rank,
        "category": hit.category,
        "caption": hit.caption,
        "score": f"{hit.score:.2f}",
        "share": share(hit.deviations),
        "weak": hit.deviations <= chance,
        "bar": texts.chance_note(hit, chance),
        "more": f"{texts.CARD_ABOUT}: {hit.category}",
        "hear": texts.HEAR.format(rank=hit.rank, category=hit.category),
        "still": texts.STILL.get(clip.picture_kind, "") if clip.still else "",
        "licence": hit.licence,
        "attribution": clip.attribution,
        "video": address(clip.video),
        "poster": poster(clip),
    }


def share(deviations: float) -> float:
    """Per cent of the bar."""
    return round(100 * min(1.0, max(0.0, deviations / SPAN)), 1)
