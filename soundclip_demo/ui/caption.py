"""The caption panel and the two lines above the page: what is loading, and what went wrong."""

from html import escape

from ..errors import UserError
from ..events import Timing
from . import texts


def panel(
    text: str,
    written_by: str = "",
    *,
    writing: bool = False,
    stopped: bool = False,
    times: Timing | None = None,
) -> str:
    """The caption so far. `aria-busy` keeps a screen reader silent until the caption is finished."""
    if text:
        body = escape(text)
    elif writing:
        body = _quiet(texts.CAPTION_READING)
    else:
        body = "" if stopped else _quiet(texts.CAPTION_NOTHING)
    cursor = '<span class="cursor" aria-hidden="true"></span>' if writing else ""
    stop = f" {_quiet(texts.CAPTION_STOPPED)}" if stopped else ""
    return _frame(f"{body}{cursor}{stop}", written_by, writing, texts.stage_times(times.ms) if times else "")


def waiting() -> str:
    """Other visitors' captions come first."""
    return _frame(_quiet(texts.CAPTION_WAITING), busy=True)


def empty() -> str:
    return _frame(_quiet(texts.CAPTION_EMPTY), again=False)


def missing(message: str) -> str:
    """The caption model cannot run here; the rest of the page did."""
    return _frame(_quiet(message))


def _quiet(sentence: str) -> str:
    return f'<span class="quiet">{escape(sentence)}</span>'


def _frame(body: str, note: str = "", busy: bool = False, times: str = "", again: bool = True) -> str:
    """`data-offers` names the button of use now, `stop` or `again`; page.css shows it."""
    offers = "stop" if busy else "again" if again else ""
    return (
        f'<div class="panel-head"><h2>{escape(texts.CAPTION)}</h2>'
        f'<span class="times">{escape(times)}</span></div>'
        f'<div class="caption-text" data-offers="{offers}" role="log" aria-live="polite" '
        f'aria-busy="{str(busy).lower()}">{body}</div>'
        f'<p class="quiet">{escape(note)}</p>'
    )


def error(problem: UserError) -> str:
    """One sentence and what to do about it."""
    return (
        f'<div class="notice problem" role="alert"><strong>{escape(problem.message)}</strong> '
        f"{escape(problem.hint)}</div>"
    )


def notes(sentences: list[str], heading: str) -> str:
    """What is still loading or missing; nothing when there is nothing to say."""
    if not sentences:
        return ""
    said = " ".join(escape(sentence) for sentence in sentences)
    return f'<div class="notice" role="status"><strong>{escape(heading)}</strong> {said}</div>'
