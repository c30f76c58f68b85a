"""What was measured on unseen recordings, below the results: sentences made from the numbers, and the numbers."""

from html import escape

from .. import encoders
from ..tradeoff import MODES, Share, Tradeoff, change
from . import texts


def panel(measured: Tradeoff, suite: str) -> str:
    """Two sentences and, folded away, a table of all encoders."""
    kinds = {texts.FOUND: [encoder.found for encoder in measured.encoders]}
    kinds |= {
        texts.NAMED.format(protocol=protocol): [encoder.named[protocol] for encoder in measured.encoders]
        for protocol in measured.protocols
    }
    said = " ".join(texts.changes(what, [change(shares) for shares in rows]) for what, rows in kinds.items())
    about = texts.MEASURED_ON.format(recordings=measured.recordings, gallery=measured.gallery)
    return (
        f'<div class="panel-head"><h2>{escape(texts.MEASURED)}</h2></div>'
        f"<p>{escape(said)}</p>"
        f"<details><summary>{escape(texts.MEASURED_TABLE)}</summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(texts.MEASURED_TABLE)}">'
        f"{_table(measured, list(kinds), suite)}</div></details>"
        f'<p class="quiet">{escape(about)}</p>'
    )


def _table(measured: Tradeoff, columns: list[str], suite: str) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in (texts.COLUMNS["encoder"], *columns))
    rows = []
    for encoder in measured.encoders:
        kinds = [encoder.found, *(encoder.named[protocol] for protocol in measured.protocols)]
        cells = "".join(f"<td>{_cell(shares)}</td>" for shares in kinds)
        title = encoders.title(encoder.name, suite).partition(" (")[0]
        rows.append(f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(shares: dict[str, Share]) -> str:
    """A line for each mode."""
    return "".join(
        f'<span class="mode">{texts.MODES[mode]}</span> <span class="number">{shares[mode].mean:.0%}</span> '
        f'<span class="small">({shares[mode].low:.0%} to {shares[mode].high:.0%})</span><br>'
        for mode in MODES
    )
