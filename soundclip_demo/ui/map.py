"""The map of the gallery: base points go to the browser once, then only the stars and their neighbours. Of too many
clips some go, and more of them in tiles when they are looked at (`map_tiles.py`).

What the browser does with them is in `map_*.js`, by concern, and in `map.js`, which comes last and starts it.
"""

import json
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr
import numpy as np

from ..errors import UserError
from ..events import Matches, Placed, Setting, WordsFound
from ..tiles import WHOLE
from . import map_tiles, texts
from .media import address, plotly_script
from .posters import poster
from .scripted import read, scripted

if TYPE_CHECKING:
    from ..gallery import Clip, Gallery

SCRIPTS = (
    "map_points.js", "map_tiles.js", "map_stars.js", "map_names.js", "map_list.js", "map_search.js", "map_export.js",
    "map.js",
)
MANY = 3000  # more clips than this are drawn by WebGL, and told of only when asked
TEMPLATE = read("map.html")


def atlas_map(gallery: "Gallery", search: Callable[[object], WordsFound] | None = None) -> gr.HTML:
    """`value` is what `stars()` gives, or None.

    Args:
        search: finds typed words among the clips; None where no encoder knows words.
    """

    def about(clip: object) -> dict[str, str]:
        """What is shown of one clip, asked for when it is pointed at or opened; nothing for one that is not there."""
        known = gallery.find(clip)
        return told(gallery, known) if known else {}

    def listed(category: object) -> list[list[str]]:
        return map_tiles.listed(gallery, category)

    def tile(place: object) -> dict[str, Any]:
        return map_tiles.tile(gallery, place)

    def located(clips: object) -> dict[str, Any]:
        return map_tiles.located(gallery, clips)

    def find(text: object) -> dict[str, Any]:
        """What is shown of a search, or the problem with it."""
        try:
            return found(search(text))
        except UserError as problem:
            return {"problem": str(problem)}

    many = texts.MAP_MANY if in_tiles(gallery) else {}
    return scripted(
        *SCRIPTS,
        value=None,
        html_template=filled(TEMPLATE, texts.MAP_WORDS | many | {"title": texts.map_title(gallery.space)}),
        elem_id="map",
        base=json.dumps(base(gallery), ensure_ascii=False, separators=(",", ":")),
        script=address(plotly_script()),
        words=texts.MAP_SAID,
        searchable=search is not None,
        server_functions=[about, listed, tile, located, *([find] if search else [])],
    )


def filled(template: str, words: dict[str, str]) -> str:
    """`template` with each `[[name]]` as the escaped sentence of that name."""
    for name, sentence in words.items():
        template = template.replace(f"[[{name}]]", escape(sentence))
    return template


def stars(
    label: str, found: Iterable[tuple[Setting, Placed, Matches | None]], sound: str = ""
) -> dict[str, Any]:
    """The component's value: where the sound lands under one or more settings, and the clips it is joined to there.

    Args:
        label: the encoder's name.
        sound: changes with the sound or its window; the trail of settings begins anew then.
    """
    return {"label": label, "sound": sound, "stars": [_star(*one) for one in found]}


def _star(setting: Setting, placed: Placed, matches: Matches | None) -> dict[str, Any]:
    place = {"side": setting.mode, "x": placed.x, "y": placed.y, "off": placed.off_map}
    blend = {"t": setting.t} if setting.mode == "blend" else {}
    return place | blend | {"clips": [hit.clip for hit in matches.hits] if matches else []}


def found(event: WordsFound) -> dict[str, Any]:
    """What the browser is told of a search by words."""
    hits = [[hit.clip, hit.category, round(hit.score, 2)] for hit in event.matches.hits]
    place = {"x": event.placed.x, "y": event.placed.y, "off": event.placed.off_map}
    return place | {"text": event.text, "hits": hits, "note": texts.words_found(event)}


def base(gallery: "Gallery") -> dict[str, Any]:
    """Everything that never changes; of too many clips those that stand for all. What is told of each clip comes along
    while there are few of them.
    """
    from ..atlas import centres

    clips, many = gallery.clips, in_tiles(gallery)
    middle, order = centres(clips.groups, gallery.coordinates)
    rows = np.union1d(gallery.tiles.clips(*WHOLE), middle) if many else np.arange(len(clips))
    return {
        "title": texts.map_title(gallery.space),
        "media": address(gallery.folder) + "/",
        "categories": clips.categories,
        "counts": np.bincount(clips.groups).tolist(),
        "hues": hues(gallery.coordinates, middle),
        "centres": np.searchsorted(rows, middle).tolist(),
        "order": order.tolist(),
        "about": [told(gallery, clip) for clip in clips] if len(clips) <= MANY else [],
        "tiles": map_tiles.overview(gallery) if many else None,
    } | map_tiles.points(gallery, rows)


def in_tiles(gallery: "Gallery") -> bool:
    """Whether there are too many clips to send them all."""
    return len(gallery.clips) > map_tiles.ALL


def told(gallery: "Gallery", clip: "Clip") -> dict[str, str]:
    """`thumbnail` is a whole address, where there is one, and goes before the poster."""
    files = {"video": within(gallery, clip.video), "poster": within(gallery, clip.poster)}
    return {"caption": clip.caption} | files | ({"thumbnail": poster(clip)} if clip.thumbnail else {})


def within(gallery: "Gallery", path: Path) -> str:
    """The address of a file below `media`, kept short because it is sent for every point."""
    return quote(path.resolve().relative_to(gallery.folder.resolve()).as_posix())


def hues(coordinates: np.ndarray, rows: np.ndarray) -> list[int]:
    """A hue in degrees for each category, by the direction of its middle clip from the middle of the map.

    A hundred categories cannot have a hundred telling colours; this way categories that lie together, and so
    look alike to CLIP, also share a colour.
    """
    x, y = (coordinates[rows] - coordinates.mean(axis=0)).T
    return (np.degrees(np.arctan2(y, x)).round().astype(int) % 360).tolist()
