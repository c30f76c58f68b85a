"""A column's caption, how captions came about, and the two lines above the page: what is loading, what went wrong."""

from collections.abc import Sequence
from html import escape

from ..errors import UserError
from ..events import Setting, Timing
from . import texts
from .line import Wait


def panel(
    text: str,
    places: Sequence[tuple[int, int]] | None = None,
    *,
    writing: bool = False,
    stopped: bool = False,
    times: Timing | None = None,
    early: bool = False,
) -> str:
    """The caption so far. `aria-busy` keeps a screen reader silent until the caption is finished.

    Args:
        places: start and end of each word that names what is truly heard; None where that is not known.
        early: it was written when the demo was started, in `times`.
    """
    if text:
        body = marked(text, places or ())
    elif writing:
        body = _quiet(texts.CAPTION_READING)
    else:
        body = "" if stopped else _quiet(texts.CAPTION_NOTHING)
    cursor = '<span class="cursor" aria-hidden="true"></span>' if writing else ""
    stop = f" {_quiet(texts.CAPTION_STOPPED)}" if stopped else ""
    verdict = "" if writing or stopped or places is None else _names(bool(places))
    took = " · ".join(filter(None, [texts.stage_times(times.ms) if times else "", texts.REHEARSED if early else ""]))
    return _frame(f"{body}{cursor}{stop}", writing, verdict, took)


def marked(text: str, places: Sequence[tuple[int, int]]) -> str:
    """The text as HTML, its places in `mark` elements."""
    parts, done = [], 0
    for start, end in places:
        parts += [escape(text[done:start]), f"<mark>{escape(text[start:end])}</mark>"]
        done = end
    return "".join(parts) + escape(text[done:])


def waiting(wait: Wait | None = None) -> str:
    """Others come first; None before it is known how many."""
    place = (wait.number, wait.seconds) if wait else ()
    return _frame(_quiet(texts.waiting(texts.CAPTION_WAITING, *place)), busy=True)


def empty() -> str:
    return _frame(_quiet(texts.CAPTION_EMPTY), again=False)


def missing(message: str) -> str:
    """The caption model cannot run here; the rest of the page did."""
    return _frame(_quiet(message))


def told(suite: str, setting: Setting, category: str = "") -> str:
    """Who writes the captions and from what; where the truth is known, what the marks in them mean."""
    marks = texts.marks(escape(category)) if category else ""
    return f"<p>{escape(texts.written_by(suite, setting))}</p>" + (f"<p>{marks}</p>" if marks else "")


def _quiet(sentence: str) -> str:
    return f'<span class="quiet">{escape(sentence)}</span>'


def _names(names: bool) -> str:
    kind = "names" if names else "names not"
    return f'<span class="{kind}">{escape(texts.NAMES[names])}</span>'


def _frame(body: str, busy: bool = False, verdict: str = "", times: str = "", again: bool = True) -> str:
    """`data-offers` names the button of use now, `stop` or `again`; caption.css shows it."""
    offers = "stop" if busy else "again" if again else ""
    return (
        f'<div class="caption-head"><h3>{escape(texts.CAPTION)}</h3>{verdict}'
        f'<span class="times">{escape(times)}</span></div>'
        f'<div class="caption-text" data-offers="{offers}" role="log" aria-live="polite" tabindex="0" '
        f'aria-label="{escape(texts.CAPTION)}" aria-busy="{str(busy).lower()}">{body}</div>'
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
