"""Questions about the sound, and what the caption model answered: the row under the captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from ..questions import QUESTION_LENGTH
from . import texts
from .line import Wait
from .turns import SIDES


@dataclass(eq=False)
class Item:
    """A question and how far its answer is.

    Attributes:
        of: whose token was asked, for the visitor.
        setting: what it was asked with; answers of one setting are one conversation.
        state: `waiting`, `writing`, `done`, `stopped`, or `missing`, where `answer` says what is.
        wait: where it stands while it waits; None before that is known.
    """

    turn: int
    of: str
    setting: Any
    question: str
    answer: str = ""
    state: str = "waiting"
    wait: Wait | None = None

    @property
    def busy(self) -> bool:
        return self.state in ("waiting", "writing")


def ask_row(suite: str) -> dict[str, Any]:
    """The field, whose token is asked, and the answers above them; ask.css shows the button that is of use."""
    with gr.Column(elem_id="ask", elem_classes="sheet"):
        answers = gr.HTML(log(()), apply_default_css=False, elem_id="answers")
        with gr.Row(elem_id="ask-row"):
            question = gr.Textbox(
                label=texts.QUESTION,
                placeholder=texts.QUESTION_HINT,
                max_length=QUESTION_LENGTH,
                lines=1,
                max_lines=1,
                elem_id="question",
            )
            choices = [(texts.ASK_SIDES[side], side) for side in SIDES]
            which = gr.Radio(choices, value=SIDES[-1], label=texts.ASK_WHICH, elem_id="ask-which")
            ask = gr.Button(texts.ASK, size="sm", elem_id="ask-go")
            stop = gr.Button(texts.ASK_STOP, size="sm", variant="stop", elem_id="ask-stop")
        gr.HTML(f'<p class="quiet">{escape(texts.ASK_NOTE[suite])}</p>', apply_default_css=False)
    return {"answers": answers, "question": question, "which": which, "ask": ask, "stop": stop}


def log(items: Sequence[Item], problem: str = "") -> str:
    """All questions and answers, the last at the end. `aria-busy` keeps a screen reader silent until one is whole."""
    busy = any(item.busy for item in items)
    rows = "".join(_row(item) for item in items)
    said = f'<p class="problem">{escape(problem)}</p>' if problem else ""
    return (
        f'<div class="answers" role="log" aria-live="polite" aria-label="{escape(texts.ASK_LOG)}" tabindex="0" '
        f'aria-busy="{str(busy).lower()}"><ol>{rows}</ol>{said}</div>'
    )


def _row(item: Item) -> str:
    place = (item.wait.number, item.wait.seconds) if item.wait else ()
    notes = {"waiting": texts.waiting(texts.CAPTION_WAITING, *place), "stopped": texts.ASK_STOPPED}
    note = notes.get(item.state, "" if item.answer or item.busy else texts.ASK_NOTHING)
    quiet = f' <span class="quiet">{escape(note)}</span>' if note else ""
    cursor = '<span class="cursor" aria-hidden="true"></span>' if item.state == "writing" else ""
    return (
        f'<li><p class="question">{escape(item.question)} <span class="of">{escape(item.of)}</span></p>'
        f'<p class="answer {item.state}">{escape(item.answer)}{cursor}{quiet}</p></li>'
    )
