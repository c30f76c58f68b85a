"""Which captions each visitor still wants.

Gradio can cancel an event from the browser, but a cancelled caption may still be waiting in the queue, or
be cancelled before the browser knows its id. Here the server decides: every new sound, setting or prompt
opens a new turn at its place, Stop ends it, and a caption ends at its next word once its turn is over. A visitor
has captions written in the two columns and a question answered, one after the other, or a caption in a row of the
comparison. Finding has turns, too: the browser may begin a second find while the first still runs, and what the first
found must not take the place of what the second did.
"""

import threading
from collections import OrderedDict

MOST_SESSIONS = 2000
SIDES = ("raw", "projected")  # the columns; the second also holds blends
ROW = "row"
ASK = "ask"
FIND = "find"


class Turns:
    """Per session, the turn that is wanted at each place."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: OrderedDict[str, dict[str, int]] = OrderedDict()
        self._last = 0

    def next(self, session: str, place: str) -> int:
        """Opens a new turn. What ran for an older one at this place is over, and so is what ran in the comparison
        where a column's turn begins, or in the columns where a row's does."""
        with self._lock:
            self._last += 1
            wanted = self._turns.get(session, {}).items()
            kept = {p: turn for p, turn in wanted if FIND in (p, place) or (p == ROW) == (place == ROW)}
            self._turns[session] = kept | {place: self._last}
            self._turns.move_to_end(session)
            while len(self._turns) > MOST_SESSIONS:
                self._turns.popitem(last=False)
            return self._last

    def wanted(self, session: str, turn: int) -> bool:
        with self._lock:
            return turn in self._turns.get(session, {}).values()

    def at(self, session: str, place: str) -> bool:
        """Whether a caption is wanted at a place."""
        with self._lock:
            return place in self._turns.get(session, {})

    def end(self, session: str, *places: str) -> None:
        """Stop was pressed for these places, or, without any, the visitor left."""
        with self._lock:
            left = {p: turn for p, turn in self._turns.get(session, {}).items() if places and p not in places}
            self._turns.pop(session, None)
            if left:
                self._turns[session] = left
