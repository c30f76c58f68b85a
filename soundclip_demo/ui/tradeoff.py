"""The trade-off as a picture, with sentences made from its numbers and the numbers as a table.

The sentences are put together here, once for each choice of two measures; the browser draws, and shows those of its
choice.
"""

from html import escape
from typing import Any

import gradio as gr

from .. import encoders, published
from ..events import PROTOCOLS
from ..tradeoff import FOUND, Measured, Point, Tradeoff
from . import texts
from .paper import layer, lines
from .scripted import scripted

PAPERS = "frozen"  # the protocol of the paper, which never let LLaVA hear a sound
SHARES = ("top1", "top5", "caption", "b3")  # said in percent


def tradeoff_panel(measured: Tradeoff, paper: dict, suite: str) -> gr.HTML:
    """Triggers `go` with the `encoder`, `share` and `protocol` of the chosen point; `read_go` checks what arrives.

    `value` is the setting to mark, `{"encoder", "share", "protocol"}`, or None.

    Args:
        paper: what `published.read` gives.
    """
    return scripted(
        "plot.js",
        "tradeoff.js",
        value=None,
        html_template=template(measured, paper),
        elem_id="measured",
        base=base(measured, paper, suite),
        words=texts.READING,
    )


def read_go(event: gr.EventData) -> tuple[str, float, str] | None:
    """Encoder, projected share and protocol that the browser names; None where it names something else."""
    encoder, share, protocol = (getattr(event, name, None) for name in ("encoder", "share", "protocol"))
    known = isinstance(encoder, str) and encoder in encoders.ENCODERS and protocol in PROTOCOLS
    return (encoder, float(share), protocol) if known and isinstance(share, int | float) and 0 <= share <= 1 else None


def template(measured: Tradeoff, paper: dict) -> str:
    """Without the picture where no captions were measured: retrieval alone trades nothing."""
    protocols = measured.protocols
    found = {name: texts.FOUND_BY[name] for name in found_measures(measured)}
    told = {name: texts.TOLD_BY[name] for name in told_measures(measured)}
    shown = [*protocols, texts.BOTH_PROTOCOLS] if len(protocols) > 1 else protocols
    radios = "".join(
        f'<label><input type="radio" name="tradeoff-protocol" value="{name}"{" checked" if i == 0 else ""}> '
        f"{escape(name)}</label>"
        for i, name in enumerate(shown)
    )
    keys = "".join(
        f'<li data-key="{name}"><span class="key" aria-hidden="true"></span>{escape(text)}</li>'
        for name, text in texts.TRADEOFF_KEY.items()
    )
    protocol = (
        f"<fieldset><legend>{escape(texts.CHOOSE_PROTOCOL)}</legend>"
        f'<div class="segments">{radios}</div></fieldset>'
    )
    picture = (
        '<div class="plot-box" data-plot="measured"></div><p class="reading"></p>'
        f'<div class="choices">{select("found", texts.CHOOSE_FOUND, found)}{select("told", texts.CHOOSE_TOLD, told)}'
        f'</div><ul class="keys">{keys}</ul>'
    )
    return (
        f'<section class="tradeoff"><div class="panel-head"><h2>{escape(texts.MEASURED)}</h2>'
        f"{protocol if protocols else ''}</div>"
        '<p class="headline" aria-live="polite"></p>'
        f'<div class="sides"><div class="picture">{picture if protocols else ""}</div>'
        f'<div class="telling"><p class="quiet">{escape(texts.measured_on(measured.recordings, measured.gallery))}</p>'
        f'<details><summary>{escape(texts.MEASURED_MORE)}</summary><ul class="said"></ul>'
        f'<p class="quiet">{escape(drawn(measured))}</p><p class="quiet measure"></p></details></div></div>'
        f'<details class="numbers"><summary>{escape(texts.MEASURED_TABLE)}</summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(texts.MEASURED_TABLE)}"></div></details>'
        f"{layer(paper)}</section>"
    )


def select(name: str, label: str, options: dict[str, str]) -> str:
    listed = "".join(f'<option value="{key}">{escape(text)}</option>' for key, text in options.items())
    return f'<label>{escape(label)} <select data-choice="{name}">{listed}</select></label>'


def base(measured: Tradeoff, paper: dict, suite: str) -> dict[str, Any]:
    """Everything the browser draws and writes; values are lists of mean, low, high and n."""
    found, told = found_measures(measured), told_measures(measured)
    titles = {name: encoders.title(name, suite).partition(" (")[0] for name in measured.encoders}
    return {
        "gallery": measured.gallery,
        "protocols": measured.protocols,
        "encoders": titles,
        "measures": {
            name: {"title": text, "percent": name in SHARES, "about": measured.about.get(name, "")}
            for name, text in (texts.FOUND_BY | texts.TOLD_BY).items()
        },
        "ends": [sent(point) for point in measured.ends],
        "points": [sent(point) for point in measured.points],
        "native": {name: {key: listed(value) for key, value in row.items()} for name, row in measured.native.items()},
        "columns": {
            "encoder": texts.COLUMNS["encoder"],
            "setting": texts.MEASURED_SETTING,
            "all": texts.MEASURED_ALL.format(n=measured.recordings),
            "swept": swept(measured, texts.MEASURED_SWEEP),
        },
        "views": {
            f"{x} {y}": {
                "said": said(measured, paper, x, y, titles),
                "frontier": {name: measured.frontier(x, name, y) for name in measured.protocols},
            }
            for x in found
            for y in told or [""]
        },
        "paper": lines(paper),
    }


def found_measures(measured: Tradeoff) -> list[str]:
    return [name for name in FOUND if any(name in point.found for point in measured.points)]


def told_measures(measured: Tradeoff) -> list[str]:
    return [name for name in texts.TOLD_BY if name in measured.measures]


def said(measured: Tradeoff, paper: dict, x: str, y: str, titles: dict[str, str]) -> list[str]:
    """What the picture of two measures shows, from its numbers alone; the first sentence says most."""
    found = {name: sign for name in measured.encoders if (sign := measured.change(name, x)) is not None}
    told = {
        protocol: {name: sign for name in found if (sign := measured.change(name, y, protocol)) is not None}
        for protocol in measured.protocols
    }
    told = {protocol: signs for protocol, signs in told.items() if signs}
    beside = [beside_paper(paper, x, found), beside_paper(paper, y, told.get(PAPERS, {}))]
    if not told:
        return [*filter(None, [texts.changes(texts.FOUND_BY[x], list(found.values())), texts.NO_CAPTIONS, *beside])]
    outcomes: dict[str, list[str]] = {}  # what projecting does -> the LLaVAs that say so
    for protocol, signs in told.items():
        outcome = texts.outcome([(found[name], sign) for name, sign in signs.items()])
        outcomes.setdefault(outcome, []).append(protocol)
    fronts = [frontier(measured, x, protocol, y, titles) for protocol in told]
    return [*filter(None, [texts.outcomes(outcomes), *fronts, *beside])]


def beside_paper(paper: dict, measure: str, ours: dict[str, int]) -> str:
    """The paper's signs beside ours, of the encoders that both have; empty where nothing is published."""
    metric = published.NAMES.get(measure, "")
    name = metric if measure in FOUND else texts.PAPER_CAPTIONS.format(metric=metric)
    theirs = {encoder: row.sign for encoder, row in published.pairs(paper, metric).items() if encoder in ours}
    if theirs:
        return texts.paper_signs(name, [(sign, ours[encoder]) for encoder, sign in theirs.items()])
    drop = published.drop(paper, metric)
    return texts.paper_drop(name, drop, list(ours.values())) if drop and ours else ""


def frontier(measured: Tradeoff, x: str, protocol: str, y: str, titles: dict[str, str]) -> str:
    at = measured.frontier(x, protocol, y)
    points = [measured.points[i] for i in at]
    ends = [
        texts.frontier_end(
            titles[point.encoder], setting(point), figure(x, point.value(x)), figure(y, point.value(y, protocol))
        )
        for point in points
    ]
    of = sum(1 for point in measured.points if point.value(x) and point.value(y, protocol))
    names = list(dict.fromkeys(titles[point.encoder] for point in points))
    return texts.frontier(protocol, ends, of, names) if points else ""


def drawn(measured: Tradeoff) -> str:
    """What the picture is of; empty without one."""
    return f"{texts.PICTURE_NOTE} {swept(measured, texts.MEASURED_SWEPT)}".strip() if measured.protocols else ""


def swept(measured: Tradeoff, text: str) -> str:
    """The text with the two counts of the picture filled in; empty where the picture is of all recordings."""
    told = [value.n for point in measured.points for values in point.told.values() for value in values.values()]
    if measured.points is measured.ends or not told:
        return ""
    return text.format(found=max(value.n for value in measured.points[0].found.values()), told=max(told))


def setting(point: Point) -> str:
    """As the page names it: raw, projected, or a blend."""
    ends = {0.0: texts.MODES["raw"], 1.0: texts.MODES["projected"]}
    return ends.get(point.share, texts.READING["blend"].format(t=f"{point.share:g}"))


def figure(measure: str, value: Measured) -> str:
    return f"{value.mean:.1%}" if measure in SHARES else f"{value.mean:.3f}"


def sent(point: Point) -> dict[str, Any]:
    return {
        "encoder": point.encoder,
        "share": point.share,
        "setting": setting(point),
        "found": {name: listed(value) for name, value in point.found.items()},
        "told": {
            protocol: {name: listed(value) for name, value in values.items()}
            for protocol, values in point.told.items()
        },
    }


def listed(value: Measured) -> list[float]:
    return [value.mean, value.low, value.high, value.n]
