"""The measured trade-off of a suite: how well each encoder finds, and what captions of its tokens are worth.

Reads `assets/results/<suite>.json`, which `python -m training evaluate` writes; what the paper reports is in a file of
its own and never mixed in.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .events import PROTOCOLS

MODES = ("raw", "projected")


@dataclass(frozen=True)
class Share:
    """A share of recordings with its 95 % interval, all in [0, 1], and of how many it is."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Encoder:
    """One encoder raw and projected, keyed by mode.

    Attributes:
        found: share whose first clip is of the right category.
        named: protocol -> share whose caption names what sounds.
    """

    name: str
    found: dict[str, Share]
    named: dict[str, dict[str, Share]]


@dataclass(frozen=True)
class Tradeoff:
    """What was measured, in the order of the results file."""

    recordings: int
    gallery: int
    encoders: tuple[Encoder, ...]

    @property
    def protocols(self) -> list[str]:
        """Those that captions were measured of."""
        return [name for name in PROTOCOLS if all(name in encoder.named for encoder in self.encoders)]


def read(file: Path) -> Tradeoff | None:
    """The results of a suite; None where it was not measured.

    Of the group named first: recordings of the categories there is most to learn from.
    """
    if not file.exists():
        return None
    results = json.loads(file.read_text())
    group = next(iter(results["groups"]))
    rows = {(row["encoder"], row["mode"]): row[group] for row in results["settings"]}
    encoders = [
        Encoder(
            name,
            {mode: _share(rows[name, mode]["top1"]) for mode in MODES},
            {
                protocol: {mode: _share(rows[name, mode][protocol]["caption"]) for mode in MODES}
                for protocol in PROTOCOLS
                if all(protocol in rows[name, mode] for mode in MODES)
            },
        )
        for name in dict.fromkeys(name for name, _ in rows)
    ]
    return Tradeoff(results["groups"][group]["recordings"], results["gallery_clips"], tuple(encoders))


def change(shares: dict[str, Share]) -> int:
    """What projecting does: 1 raises, -1 lowers, 0 where the two intervals overlap."""
    raw, projected = (shares[mode] for mode in MODES)
    return int(projected.low > raw.high) - int(projected.high < raw.low)


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other point beats: none is as good in both numbers and better in one."""
    return [
        i
        for i, (a, b) in enumerate(points)
        if not any(c >= a and d >= b and (c > a or d > b) for c, d in points)
    ]


def _share(given: dict) -> Share:
    return Share(*(given[name] for name in ("mean", "low", "high", "n")))
