"""The one exception whose text reaches a visitor, and what is made of all the others."""

import errno
import logging
import traceback

# Libraries wrap the system's errors, or have their own.
FULL = ("No space left on device", "Disk quota exceeded")
NO_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory")


class UserError(Exception):
    """Something the visitor caused or can mend.

    Attributes:
        message: one plain sentence that says what is wrong.
        hint: one plain sentence that says what to do about it (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


def lacks(error: BaseException) -> str:
    """What the machine had too little of when this was raised: "memory", "disk", or "" for any other reason."""
    said, number = str(error), getattr(error, "errno", None)
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(words in said for words in NO_MEMORY):
        return "memory"
    full = number in (errno.ENOSPC, errno.EDQUOT) or any(words in said for words in FULL)
    return "disk" if full else ""


def note(log: logging.Logger, what: str, error: BaseException) -> None:
    """Logs that `what` failed and where. The error's own message stays out: it may name a visitor's file or quote them.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s failed: %s\n%s", what, type(error).__name__, where)
