"""Where a text names what sounds: whole words, case and punctuation aside."""

import re
from collections.abc import Iterable
from functools import lru_cache

BETWEEN = r"[\W_]+"  # whatever is neither letter nor digit parts words


def places_named(text: str, words: Iterable[str], known: Iterable[str] = ()) -> list[tuple[int, int]]:
    """Start and end of each place in `text` that holds one of `words` ("indicate" holds no cat).

    Args:
        words: the name of what sounds first, then others for it.
        known: all category names; a longer one is not taken apart (a "car horn" is no car).
    """
    name, *others = words
    longer = tuple(phrase for phrase in known if phrase != name and _alone(name).search(phrase))
    return [match.span() for match in _any(longer, (name, *others)).finditer(text) if match.lastgroup == "word"]


@lru_cache(256)
def _alone(phrase: str) -> re.Pattern[str]:
    return re.compile(_whole([phrase]), re.IGNORECASE)


@lru_cache(256)
def _any(longer: tuple[str, ...], words: tuple[str, ...]) -> re.Pattern[str]:
    """Longer names come first and swallow what they hold; of the words the longest wins."""
    swallow = f"(?P<longer>{_whole(longer)})|" if longer else ""
    return re.compile(f"{swallow}(?P<word>{_whole(sorted(words, key=len, reverse=True))})", re.IGNORECASE)


def _whole(phrases: Iterable[str]) -> str:
    listed = (BETWEEN.join(map(re.escape, re.findall(r"[^\W_]+", phrase))) for phrase in phrases)
    return rf"(?<![^\W_])(?:{'|'.join(filter(None, listed)) or '(?!)'})(?![^\W_])"
