"""The map of the gallery: base points go to the browser once, then only the star and its neighbours."""

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from ..events import Matches, Placed
from . import texts
from .media import address, plotly_script

if TYPE_CHECKING:
    from ..gallery import Gallery

HERE = Path(__file__).parent
TEMPLATE = f"""
<section class="map">
  <div class="panel-head"><h2>MAP_TITLE</h2><span class="off-map" role="status" hidden></span>
    <div class="map-tools"><button type="button" data-zoom="in" aria-label="Zoom in">+</button
      ><button type="button" data-zoom="out" aria-label="Zoom out">−</button
      ><button type="button" data-zoom="all" aria-label="Show the whole map">⤢</button></div></div>
  <div class="map-box">
    <div class="map-plot" role="img" aria-label="{escape(texts.MAP_NOTE)}"></div>
    <svg class="map-over" aria-hidden="true"></svg>
    <div class="map-tip" hidden><img alt=""><p><strong></strong><span></span></p></div>
    <div class="map-player" role="dialog" aria-label="Clip" hidden>
      <button type="button" class="round map-close" aria-label="Close">×</button>
      <video controls playsinline loop></video><p><strong></strong> <span></span></p>
      <details class="licence"><summary></summary><span></span></details></div>
  </div>
  <p class="quiet">{escape(texts.MAP_NOTE)}</p>
  <details class="map-list"><summary>{escape(texts.MAP_LIST)}</summary><ul></ul></details>
</section>
"""


def atlas_map(gallery: "Gallery") -> gr.HTML:
    """`value` is what `star()` gives, or None."""

    def credit(clip: str) -> list[str]:
        """[licence, attribution] of one clip, asked for when it is opened: too long to send for all."""
        known = next((row for row in gallery.clips if row.id == clip), None)
        return [known.licence, known.attribution] if known else ["", ""]

    return gr.HTML(
        value=None,
        html_template=TEMPLATE.replace("MAP_TITLE", escape(texts.map_title(gallery.space))),
        js_on_load=(HERE / "map.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="map",
        base=base(gallery),
        script=address(plotly_script()),
        words={"off": texts.OFF_MAP},
        server_functions=[credit],
    )


def star(placed: Placed, matches: Matches | None) -> dict[str, Any]:
    """The component's value: where the sound lands, and the clips it is joined to."""
    return {
        "x": placed.x,
        "y": placed.y,
        "off": placed.off_map,
        "clips": [hit.clip for hit in matches.hits] if matches else [],
    }


def base(gallery: "Gallery") -> dict[str, Any]:
    """Everything that never changes: points, colours and where the media lie."""
    names = sorted({clip.category for clip in gallery.clips})
    number = {name: i for i, name in enumerate(names)}
    return {
        "media": address(gallery.folder) + "/",
        "categories": names,
        "hues": hues(gallery, names),
        "points": [
            {
                "id": clip.id,
                "x": round(float(x), 3),
                "y": round(float(y), 3),
                "category": number[clip.category],
                "caption": clip.caption,
                "video": within(gallery, clip.video),
                "poster": within(gallery, clip.poster),
            }
            for clip, (x, y) in zip(gallery.clips, gallery.coordinates, strict=True)
        ],
    }


def within(gallery: "Gallery", path: Path) -> str:
    """The address of a file below `media`, kept short because it is sent for every point."""
    return quote(path.resolve().relative_to(gallery.folder.resolve()).as_posix())


def hues(gallery: "Gallery", names: list[str]) -> list[int]:
    """A hue in degrees for each category, by the direction of its centre from the middle of the map.

    A hundred categories cannot have a hundred telling colours; this way categories that lie together, and so
    look alike to CLIP, also share a colour.
    """
    middle = gallery.coordinates.mean(axis=0)
    centres = []
    for name in names:
        rows = [i for i, clip in enumerate(gallery.clips) if clip.category == name]
        centres.append(gallery.coordinates[rows].mean(axis=0) - middle)
    return [round(math.degrees(math.atan2(y, x))) % 360 for x, y in centres]
