"""What a browser sends may be anything: numbers as the page uses them, or one sentence."""

from typing import Any

from ..errors import UserError
from . import texts


def number(value: Any, least: float, most: float) -> float | None:
    """A number within limits; None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if least <= found <= most else None


def whole(value: Any, least: int, most: int) -> int | None:
    """A whole number within limits; None for anything else."""
    found = number(value, least, most)
    return None if found is None or found % 1 else int(found)


def share(value: Any) -> float:
    """How much of a token is projected, in [0, 1].

    Raises:
        UserError: it is nothing of the kind.
    """
    found = number(value, 0.0, 1.0)
    if found is None:
        raise UserError(texts.NO_SHARE)
    return found


def patches(sees: str, value: Any, most: int) -> int:
    """How many patches the caption model sees beside the sound, of a picture's `most`; 0 for the sound only.

    Raises:
        UserError: it is no such number.
    """
    found = 0 if sees == texts.SEES_SOUND else whole(value, 1, most)
    if found is None:
        raise UserError(texts.no_patches(most))
    return found
