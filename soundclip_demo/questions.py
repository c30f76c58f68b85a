"""A question about a sound becomes the next turn of the conversation that the caption began.

The token stands where it stood for the caption, in the first turn; what was said since follows in the language
model's own chat format (`captioner.Template`). All of it is bounded: a question in length, what was said before by
leaving out the oldest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import UserError

QUESTION_LENGTH = 300  # characters
HISTORY_LENGTH = 2000  # characters of caption, questions and answers that go along
ANSWER_TOKENS = 96


@dataclass(frozen=True)
class Exchange:
    """A question and what was answered. The first one of a conversation is the prompt and its caption."""

    question: str
    answer: str


def asked(question: str) -> str:
    """The question as it is put.

    Raises:
        UserError: there is none, or it is too long.
    """
    question = question.strip()
    if not question:
        raise UserError("Please type a question.")
    if len(question) > QUESTION_LENGTH:
        raise UserError(f"The question is longer than {QUESTION_LENGTH} characters.", "Please ask in fewer words.")
    return question


def conversation(history: Sequence[Exchange], question: str) -> tuple[str, list[tuple[str, str]]]:
    """The first thing that is asked, and then each answer with the next question, as `Captioner.stream` takes them.

    An exchange without an answer says nothing and is left out; so are the oldest, until the rest is short enough.
    """
    kept: list[Exchange] = []
    room = HISTORY_LENGTH
    for exchange in reversed([exchange for exchange in history if exchange.answer]):
        room -= len(exchange.question) + len(exchange.answer)
        if room < 0:
            break
        kept.insert(0, exchange)
    questions = [*(exchange.question for exchange in kept), question]
    answers = [exchange.answer for exchange in kept]
    return questions[0], list(zip(answers, questions[1:], strict=True))
