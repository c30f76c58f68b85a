"""Which caption each visitor still wants.

Gradio can cancel an event from the browser, but a cancelled caption may still be waiting in the queue, or
be cancelled before the browser knows its id. Here the server decides: every new sound, setting or prompt
opens a new turn, Stop ends it, and a caption ends at its next word once its turn is over. A visitor has one
caption written at a time: in the panel, or in a row of the comparison.
"""

import threading
from collections import OrderedDict

MOST_SESSIONS = 2000
PANEL, ROW = "panel", "row"  # where a caption is written


class Turns:
    """A counter per session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._last = 0

    def next(self, session: str, place: str = PANEL) -> int:
        """Opens a new turn; whatever ran for an older one is over."""
        with self._lock:
            self._last += 1
            self._turns[session] = (self._last, place)
            self._turns.move_to_end(session)
            while len(self._turns) > MOST_SESSIONS:
                self._turns.popitem(last=False)
            return self._last

    def wanted(self, session: str, turn: int) -> bool:
        with self._lock:
            return self._turns.get(session, (0, ""))[0] == turn

    def place(self, session: str) -> str:
        """Where the wanted caption is written; empty when none is wanted, as after `end`."""
        with self._lock:
            return self._turns.get(session, (0, ""))[1]

    def end(self, session: str, place: str = "") -> None:
        """Stop was pressed at a place, or the visitor left: no caption of theirs is wanted there any more."""
        with self._lock:
            if place in ("", self._turns.get(session, (0, ""))[1]):
                self._turns.pop(session, None)
