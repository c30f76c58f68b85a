"""The comparison's panel: a button, a sentence and a table. What visitors, clips and models wrote is escaped here."""

from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from ..compare import Row
from ..events import Hit
from . import texts
from .line import Wait
from .media import address
from .scripted import scripted

if TYPE_CHECKING:
    from ..gallery import Gallery
    from .choosing import Chosen


@dataclass(frozen=True)
class Said:
    """A row's own caption. `turn` tells it from one asked for earlier; while `busy` it waits or is written."""

    turn: int
    text: str = ""
    busy: bool = True
    wait: Wait | None = None
    stopped: bool = False
    problem: str = ""


@dataclass(eq=False)
class Comparison:
    """One visitor's table. The comparison and captions fill it at once; each of them draws it as it then stands.

    Attributes:
        encoders: how many there are, ready or not.
        rows, said: by row id.
        state: "running" while rows are coming, then "done" or "stopped"; whoever changes it ends the comparison.
        successor: the sound or window chosen since; from then on nothing of this one is shown.
    """

    chosen: "Chosen"
    encoders: int
    rows: dict[str, Row] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    state: str = "running"
    successor: "Chosen | None" = None
    problem: str = ""

    def add(self, row: Row) -> None:
        self.rows[row_id(row)] = row

    def end(self, state: str) -> None:
        if self.state == "running":
            self.state = state

    def heard_by(self) -> int:
        """How many encoders have found something."""
        return len({row.encoder for row in tuple(self.rows.values()) if row.hit})

    def hush(self) -> None:
        """No row's caption is wanted any more."""
        for name, said in tuple(self.said.items()):
            if said.busy:
                self.said[name] = replace(said, busy=False, stopped=True)


def row_id(row: Row) -> str:
    return f"{row.encoder}-{row.mode}"


def compare_panel() -> gr.HTML:
    """Triggers `compare` and `halt`, and with `row` of a row `describe`, `hush` and `adopt`."""
    return scripted("compare.js", value=ready(None), elem_id="compare")


def ready(name: str | None) -> str:
    """Before a comparison; `name` of the sound, None before there is one."""
    if name is None:
        return head(texts.COMPARE_NO_SOUND, usable=False)
    return head(texts.compare_ready(name))


def panel(comparison: Comparison, gallery: "Gallery") -> str:
    """The table as it stands, or the state before it where another sound was chosen since."""
    if comparison.successor:
        return ready(comparison.successor.name)
    name, rows = comparison.chosen.name, tuple(comparison.rows.values())
    sentence = texts.compared(comparison.state, name, comparison.heard_by(), comparison.encoders)
    top = head(comparison.problem or sentence, running=comparison.state == "running")
    if not rows:
        return top
    columns = "".join(f'<th scope="col" role="columnheader">{title}</th>' for title in texts.COLUMNS.values())
    body = "".join(line(row, comparison.said.get(row_id(row)), gallery) for row in rows)
    return (
        f'{top}<table role="table" aria-label="{escape(texts.COMPARE_TABLE)}">'
        f'<thead role="rowgroup"><tr role="row">{columns}</tr></thead><tbody role="rowgroup">{body}</tbody>'
        f'</table><p class="quiet">{escape(texts.COMPARE_NOTE)}</p>'
    )


def head(sentence: str, usable: bool = True, running: bool = False) -> str:
    action, label = ("halt", texts.COMPARE_STOP) if running else ("compare", texts.COMPARE_RUN)
    return (
        f'<div class="panel-head"><h2>{escape(texts.COMPARE)}</h2>'
        f'<p class="how-far" role="status" aria-live="polite">{escape(sentence)}</p>'
        f"{button(action, label, kind='' if running else 'main', usable=usable)}</div>"
    )


def line(row: Row, said: Said | None, gallery: "Gallery") -> str:
    """One row; an encoder that cannot run says why across all columns."""
    short, _, more = row.title.partition(" (")
    more = f' <span class="small">{escape(more.rstrip(")"))}</span>' if more else ""
    encoder = f'<th scope="row" role="rowheader" class="encoder"><span>{escape(short)}{more}</span></th>'
    if row.hit is None:
        reason = escape(f"{row.mode}: {row.reason}" if row.mode else row.reason)
        cell = f'<td role="cell" class="reason" colspan="{len(texts.COLUMNS) - 1}">{reason}</td>'
        return f'<tr role="row" class="absent">{encoder}{cell}</tr>'
    name = {"encoder": row.title, "mode": texts.MODES[row.mode]}
    whole, encode = texts.row_times(row.encode_ms, row.ms)
    adopt = button("adopt", name["mode"], row_id(row), texts.ADOPT.format(**name), "plain")
    cells = {
        "mode": adopt,
        "match": picture(row.hit, gallery),
        "cosine": f'<span class="number">{row.hit.score:.2f}</span>{mark(row)}',
        "time": f'<span class="number">{escape(whole)}</span><span class="small">{escape(encode)}</span>',
        "caption": caption(row, said, name),
    }
    tds = "".join(
        f'<td role="cell" class="{column}" data-label="{texts.COLUMNS[column]}">{cell}</td>'
        for column, cell in cells.items()
    )
    return f'<tr role="row" class="{escape(row.mode)}" data-row="{escape(row_id(row))}">{encoder}{tds}</tr>'


def picture(hit: Hit, gallery: "Gallery") -> str:
    """Poster and category; the category beside it says what the picture shows."""
    poster = escape(address(gallery.clip(hit.clip).poster))
    return f'<img src="{poster}" alt="" width="80" height="45"><span>{escape(hit.category)}</span>'


def mark(row: Row) -> str:
    """Above or below chance by sign, words and colour."""
    above = row.above_chance
    note = escape(texts.chance_note(row.hit, row.chance))
    return (
        f'<span class="mark {"above" if above else "below"}" title="{note}">'
        f'<i aria-hidden="true">{texts.CHANCE_MARKS[above]}</i> {escape(texts.CHANCE[above])}</span>'
    )


def caption(row: Row, said: Said | None, name: dict[str, str]) -> str:
    """The button and what the model wrote. The button stays one element: it keeps the focus."""
    busy = said is not None and said.busy
    if busy:
        press = button("hush", texts.STOP, row_id(row), texts.STOP_ROW.format(**name))
    else:
        press = button("describe", texts.DESCRIBE, row_id(row), texts.DESCRIBE_ROW.format(**name))
    return (
        f'<div class="telling">{press}'
        f'<div class="said" aria-live="polite" aria-busy="{str(busy).lower()}">{words(said)}</div></div>'
    )


def words(said: Said | None) -> str:
    if said is None:
        return ""
    if said.problem:
        return f'<span class="small">{escape(said.problem)}</span>'
    if said.busy and not said.text:
        place = (said.wait.number, said.wait.seconds) if said.wait else ()
        return f'<span class="small">{escape(texts.waiting(texts.ROW_WAITING, *place))}</span>'
    cursor = '<span class="cursor" aria-hidden="true"></span>' if said.busy else ""
    end = f' <span class="small">{escape(texts.CAPTION_STOPPED)}</span>' if said.stopped else ""
    nothing = "" if said.text or said.stopped else f'<span class="small">{escape(texts.CAPTION_NOTHING)}</span>'
    return f"{escape(said.text)}{cursor}{nothing}{end}"


def button(
    action: str, label: str, row: str = "", long: str = "", kind: str = "", usable: bool = True
) -> str:
    """`long` is for those who hear the page; the visible label is part of it."""
    about = f' data-row="{escape(row)}"' if row else ""
    about += f' aria-label="{escape(long)}"' if long else ""
    about += "" if usable else " disabled"
    classes = f"do {kind}".strip()
    return f'<button type="button" class="{classes}" data-do="{action}"{about}>{escape(label)}</button>'
