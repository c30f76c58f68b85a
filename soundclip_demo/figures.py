"""Pictures of a report as inline SVG: text that stays sharp on paper, needs no script and loads nothing.

Colours are classes; the page that holds a figure gives them theirs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from .config import WINDOW_SECONDS
from .tiles import WHOLE

if TYPE_CHECKING:
    from .gallery import Gallery
    from .results import Result

WIDTH, HEIGHT = 640, 400
ROOM = 0.06  # of the map's span, left free on every side
STAR = "0,-11 3,-4 10.5,-3.4 4.8,1.6 6.5,8.9 0,5 -6.5,8.9 -4.8,1.6 -10.5,-3.4 -3,-4"


def waveform(peaks: Sequence[float], seconds: float, window: tuple[float, float], label: str) -> str:
    """Peaks in [0, 1] of equal parts of a sound, the window that was encoded behind them."""
    width, height = 4 * len(peaks), 80
    begin, end = (width * min(1.0, t / seconds) for t in window)
    bars = "".join(
        f"M{4 * i + 2} {height / 2 - peak * 38:.1f}V{height / 2 + peak * 38:.1f}"
        for i, peak in enumerate(max(0.02, peak) for peak in peaks)
    )
    return _svg(
        f'<rect class="window" x="{begin:.1f}" y="0" width="{max(2.0, end - begin):.1f}" height="{height}" rx="4"/>'
        f'<path class="peaks" d="{bars}"/>',
        (width, height),
        label,
        "waveform",
    )


def atlas(gallery: "Gallery", results: Sequence["Result"], names: Sequence[str], label: str) -> str:
    """Clips as dots (of many only some), the matches ringed and named, and a star for each result in the colour of its
    mode."""
    x, y = gallery.coordinates.T
    left, right, low, high = x.min(), x.max(), y.min(), y.max()
    width, height = (right - left) or 1.0, (high - low) or 1.0

    def pixel(px: float, py: float) -> tuple[float, float]:
        across = (px - left + ROOM * width) / (width * (1 + 2 * ROOM))
        down = (high + ROOM * height - py) / (height * (1 + 2 * ROOM))
        return WIDTH * min(1.0, max(0.0, across)), HEIGHT * min(1.0, max(0.0, down))

    dots = "".join(_circle(*pixel(*at), 3, "dot") for at in gallery.coordinates[gallery.tiles.clips(*WHOLE)])
    marks, written = [], {}
    for result in results:
        kind = result.setting.mode
        star = pixel(result.placed.x, result.placed.y) if result.placed else None
        for hit in result.matches.hits if result.matches else ():
            at = pixel(*gallery.coordinates[gallery.clips.row(hit.clip)])
            if star:
                marks.append(_line(star, at, f"tie {kind}"))
            marks.append(_circle(*at, 6, f"ring {kind}"))
            written.setdefault(hit.category, at)
    stars = [pixel(r.placed.x, r.placed.y) if r.placed else None for r in results]
    if len(stars) == 2 and all(stars):
        marks.append(_line(*stars, "way"))
    for at, result, name in zip(stars, results, names, strict=True):
        if at:
            marks.append(
                f'<g transform="translate({at[0]:.1f} {at[1]:.1f})"><title>{escape(name)}</title>'
                f'<polygon class="star {result.setting.mode}" points="{STAR}"/></g>'
            )
    marks += [_name(at, category) for category, at in written.items()]  # last, so that nothing covers them
    return _svg(dots + "".join(marks), (WIDTH, HEIGHT), label, "atlas")


@dataclass(frozen=True)
class Spot:
    """One setting in a plot: `x` and `y` are mean, low and high, in [0, 1]; `kind` is its mode, `here` marks it."""

    name: str
    kind: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    here: bool = False


def tradeoff(spots: Sequence[Spot], front: Sequence[int], across: str, up: str, label: str) -> str:
    """Means with their intervals as crosses; the frontier as a line through the indices `front`; axes in percent."""
    room = 52
    right = _tens(max(spot.x[2] for spot in spots))
    top = _tens(max(spot.y[2] for spot in spots))

    def pixel(x: float, y: float) -> tuple[float, float]:
        return room + x / right * (WIDTH - room - 90), HEIGHT - room - y / top * (HEIGHT - room - 30)

    marks = []
    for i in range(round(right * 10) + 1):
        at = pixel(i / 10, 0)
        marks += [_line(at, pixel(i / 10, top), "grid"), _text((at[0], at[1] + 18), f"{10 * i}%", "middle", "tick")]
    for i in range(round(top * 10) + 1):
        at = pixel(0, i / 10)
        marks += [_line(at, pixel(right, i / 10), "grid"), _text((at[0] - 8, at[1] + 4), f"{10 * i}%", "end", "tick")]
    marks += [
        _line(pixel(*(spots[a].x[0], spots[a].y[0])), pixel(*(spots[b].x[0], spots[b].y[0])), "front")
        for a, b in pairwise(front)
    ]
    for spot in spots:
        at = pixel(spot.x[0], spot.y[0])
        marks += [
            _line(pixel(spot.x[1], spot.y[0]), pixel(spot.x[2], spot.y[0]), f"error {spot.kind}"),
            _line(pixel(spot.x[0], spot.y[1]), pixel(spot.x[0], spot.y[2]), f"error {spot.kind}"),
            _circle(*at, 5, f"spot {spot.kind}"),
        ]
        marks += [_circle(*at, 10, "here")] if spot.here else []
    named = [spot for spot in spots if spot.kind == "projected" or spot.here]
    places = [pixel(spot.x[0], spot.y[0]) for spot in named]
    marks += [_text((x + 9, y - 7), spot.name, "start", "name") for spot, (x, y) in zip(named, places, strict=True)]
    marks.append(_text((WIDTH - 8, HEIGHT - 8), f"{across} \u2192", "end", "axis"))
    marks.append(_text((8, 18), f"\u2191 {up}", "start", "axis"))
    return _svg("".join(marks), (WIDTH, HEIGHT), label, "tradeoff")


def seconds_of(window: tuple[float, float], seconds: float) -> str:
    """Which part of a sound was heard."""
    if seconds <= WINDOW_SECONDS:
        return f"all {seconds:.1f} s of it"
    return f"{window[0]:.1f} to {window[1]:.1f} s of {seconds:.1f} s"


def _svg(inside: str, size: tuple[int, int], label: str, kind: str) -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{escape(label)}" '
        f'xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    )


def _circle(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>'


def _line(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    return f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def _name(at: tuple[float, float], words: str) -> str:
    """Beside its dot, on the side where there is room."""
    side = "end" if at[0] > WIDTH * 0.75 else "start"
    return _text((at[0] + (-9 if side == "end" else 9), at[1] + 4), words, side, "name")


def _text(at: tuple[float, float], words: str, side: str, kind: str) -> str:
    return f'<text class="{kind}" x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{side}">{escape(words)}</text>'


def _tens(share: float) -> float:
    """The next full ten percent."""
    return max(1, math.ceil(share * 10 - 1e-9)) / 10
