"""How long the stages of an analysis took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stages:
    """Collects milliseconds by stage name."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.ms[name] = _ms(began)

    def growing(self, texts: Iterator[str], name: str) -> Iterator[str]:
        """Passes a growing text on, and takes the time to its first word and to its end."""
        began = time.perf_counter()
        for text in texts:
            self.ms.setdefault(f"{name}_first_token", _ms(began))
            yield text
        self.ms[name] = _ms(began)


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
