"""How long the stages of an analysis took: told with it, and counted for `/metrics`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

from .events import Timing

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SECONDS = Histogram("soundclip_stage_seconds", "Seconds that a stage of an analysis took.", ["stage"], buckets=BOUNDS)


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

    def told(self) -> Timing:
        """The event that ends an analysis. Stages that only look up what an analysis found before are not counted."""
        return counted(Timing(self.ms))


def counted(timing: Timing) -> Timing:
    """The same, once it is counted for this process's `/metrics`."""
    for name, ms in timing.ms.items():
        SECONDS.labels(name).observe(ms / 1000)
    return timing


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
