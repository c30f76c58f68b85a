"""The published figures as a layer of their own, apart from ours: another plot, another table, what was withdrawn."""

from html import escape
from typing import Any

from .. import published
from ..encoders import ENCODERS
from . import texts

FOUND = "R@1"
TOLD = ("B3", "B1", "B2")


def layer(paper: dict) -> str:
    """Folded until the visitor asks for it; nothing in it is drawn before that."""
    pairs = {metric: published.pairs(paper, metric) for metric in (FOUND, *TOLD)}
    gallery = next(iter(pairs[FOUND].values())).gallery
    options = "".join(f'<option value="{metric}">{escape(texts.PAPER_BY[metric])}</option>' for metric in TOLD)
    remarks = "".join(f"<li>{escape(text)}</li>" for text in remarked(pairs))
    taken_back = "".join(f"<li>{escape(text)}</li>" for text in published.withdrawn(paper))
    return (
        f'<details class="paper"><summary>{escape(texts.PAPER_SHOW)}</summary><div class="paper-layer">'
        f"<h3>{escape(texts.PAPER)}</h3><p>{escape(texts.PAPER_NOTE.format(gallery=gallery))}</p>"
        f'<div class="choices"><label>{escape(texts.CHOOSE_TOLD)} <select data-choice="paper">{options}</select>'
        '</label></div><div class="sides"><div class="picture"><div class="plot-box" data-plot="paper"></div></div>'
        f'<div class="telling"><ul class="remarks">{remarks}</ul>'
        f'<p class="withdrawn">{escape(texts.WITHDRAWN)}</p><ul class="withdrawn">{taken_back}</ul></div></div>'
        f"{table(pairs)}</div></details>"
    )


def lines(paper: dict) -> dict[str, Any]:
    """For the plot: metric -> encoder -> [raw, projected]."""
    rows = {
        metric: {name: [row.raw, row.projected] for name, row in published.pairs(paper, metric).items()}
        for metric in (FOUND, *TOLD)
    }
    titles = {name: ENCODERS[name].title for name in rows[FOUND]}
    return {"rows": rows, "encoders": titles, "titles": texts.PAPER_BY, "found": FOUND}


def remarked(pairs: dict[str, dict[str, published.Figure]]) -> list[str]:
    """What the authors say of single figures, each said once."""
    named: dict[tuple[str, str], list[str]] = {}
    for metric, rows in pairs.items():
        for name, row in rows.items():
            if row.remark:
                named.setdefault((metric, row.remark), []).append(ENCODERS[name].title)
    return [
        texts.PAPER_REMARK.format(encoders=" and ".join(names), metric=metric, remark=remark)
        for (metric, remark), names in named.items()
    ]


def table(pairs: dict[str, dict[str, published.Figure]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in (texts.COLUMNS["encoder"], *pairs))
    body = "".join(
        f'<tr><th scope="row">{escape(ENCODERS[name].title)}</th>'
        + "".join(f"<td>{change(metric, rows[name])}</td>" for metric, rows in pairs.items())
        + "</tr>"
        for name in pairs[FOUND]
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(texts.PAPER_TABLE)}">'
        f"<table><caption>{escape(texts.PAPER_TABLE)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def change(metric: str, row: published.Figure) -> str:
    """Raw to projected, with the digits that were published."""
    return " → ".join(f"{value:.2%}" if metric == FOUND else f"{value:.3f}" for value in (row.raw, row.projected))
