"""The line in which captions and answers wait for the caption model: one for all visitors, the first to come first.

In Gradio's own queue they would hold up everything else, since its one limit counts all events of the page; and where
somebody stands in it could only be shown as a spinner over a component.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import UserError
from . import texts

MOST = 20  # that wait; each holds a thread of the server
REMEMBERED = 20  # of the last ones served: how long they took
LOOKS = 0.25  # seconds between two looks whether one that waits is still wanted


@dataclass(frozen=True)
class Wait:
    """Where somebody stands.

    Attributes:
        number: 1 is the next one.
        seconds: expected until then; None where nobody has been served yet.
    """

    number: int
    seconds: int | None


class Line:
    """Serves one place at a time. Safe to call from several threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._moved = most, threading.Condition()
        self._places: list[Place] = []  # the first one is served
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def join(self) -> "Place":
        """A place at the end, to be left through `with`.

        Raises:
            UserError: too many wait already.
        """
        with self._moved:
            if len(self._places) > self._most:
                seconds = self._expected(len(self._places), time.monotonic())
                raise UserError(texts.LINE_FULL, texts.line_full(seconds))
            place = Place(self)
            self._places.append(place)
            if self._places[0] is place:
                place.began = time.monotonic()
            return place

    def leave(self, place: "Place") -> None:
        with self._moved:
            now, first = time.monotonic(), self._places[0] is place
            self._places.remove(place)
            if first:
                self._took.append(now - place.began)
                if self._places:
                    self._places[0].began = now
            self._moved.notify_all()

    def first(self, place: "Place") -> bool:
        """Whether it is this one's turn, now or before the next look."""
        with self._moved:
            return self._moved.wait_for(lambda: self._places[0] is place, LOOKS)

    def wait(self, place: "Place") -> Wait:
        with self._moved:
            number = self._places.index(place)
            return Wait(number, self._expected(number, time.monotonic()))

    def _expected(self, number: int, now: float) -> int | None:
        """Seconds until as many have been served: what they take on average, less what the first one took so far."""
        if not self._took:
            return None
        average = sum(self._took) / len(self._took)
        return max(1, round(number * average - min(average, now - self._places[0].began)))


class Place:
    """One place in a line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.began = 0.0  # when it came first

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.leave(self)

    def waits(self, wanted: Callable[[], bool]) -> Iterator[Wait]:
        """Yields where it stands whenever that changes, until it is first or wanted no longer."""
        said = None
        while wanted() and not self._line.first(self):
            now = self._line.wait(self)
            if now.number and now != said:
                yield now
                said = now
