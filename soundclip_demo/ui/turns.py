"""Which caption each visitor still wants.

Gradio can cancel an event from the browser, but a cancelled caption may still be waiting in the queue, or
be cancelled before the browser knows its id. Here the server decides: every new sound, setting or prompt
opens a new turn, Stop ends it, and a caption ends at its next word once its turn is over.
"""

import threading
from collections import OrderedDict

MOST_SESSIONS = 2000


class Turns:
    """A counter per session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._last = 0

    def next(self, session: str) -> int:
        """Opens a new turn; whatever ran for an older one is over."""
        with self._lock:
            self._last += 1
            self._turns[session] = self._last
            self._turns.move_to_end(session)
            while len(self._turns) > MOST_SESSIONS:
                self._turns.popitem(last=False)
            return self._last

    def wanted(self, session: str, turn: int) -> bool:
        with self._lock:
            return self._turns.get(session) == turn

    def any(self, session: str) -> bool:
        """Whether some caption is wanted; not after `end`."""
        with self._lock:
            return session in self._turns

    def end(self, session: str) -> None:
        """Stop was pressed, or the visitor left: no caption of theirs is wanted any more."""
        with self._lock:
            self._turns.pop(session, None)
