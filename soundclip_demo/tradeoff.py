"""The measured trade-off of a suite: how well each setting finds, and what captions of its tokens are worth.

Reads `assets/results/<suite>.json`, which `python -m training evaluate` writes; what the paper reports is in a file of
its own (`published.py`) and never mixed in.
"""

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .encoders import ENCODERS
from .events import PROTOCOLS

FOUND = ("top1", "top5", "mrr")
ENDS = {"raw": 0.0, "projected": 1.0}  # mode -> share of the token that is projected
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """A mean, or a mean difference, with its 95 % interval, and of how many recordings it is."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Point:
    """A setting that was measured.

    Attributes:
        share: how much of the token is projected, in [0, 1].
        found: measure of retrieval, one of `FOUND` -> its value.
        told: protocol -> measure of captions -> its value.
    """

    encoder: str
    share: float
    found: dict[str, Measured]
    told: dict[str, dict[str, Measured]]

    def value(self, measure: str, protocol: str | None = None) -> Measured | None:
        """Of a measure of captions where there is a protocol, else of retrieval; None where it was not measured."""
        return self.told.get(protocol, {}).get(measure) if protocol else self.found.get(measure)


@dataclass(frozen=True)
class Tradeoff:
    """What was measured, in the order of the results file.

    Attributes:
        gallery: how many clips were searched; 0 where the file does not say.
        about: measure of captions -> what it is.
        ends: every encoder raw and projected, of all recordings.
        points: what can be drawn in one picture: the sweep, whose captions are all of the same recordings, fewer
            than all; `ends` where no captions were measured along it.
        native: encoder -> what it finds in a space of its own.
        gains: (encoder, measure of retrieval, or protocol and measure of captions) -> projected minus raw on the
            same recordings.
    """

    recordings: int
    gallery: int
    about: dict[str, str]
    ends: tuple[Point, ...]
    points: tuple[Point, ...]
    native: dict[str, dict[str, Measured]]
    gains: dict[tuple[str, str], Measured]

    @property
    def encoders(self) -> list[str]:
        return list(dict.fromkeys(point.encoder for point in (*self.ends, *self.points)))

    @property
    def protocols(self) -> list[str]:
        """Those that captions were measured of."""
        return [name for name in PROTOCOLS if any(name in point.told for point in (*self.ends, *self.points))]

    @property
    def measures(self) -> list[str]:
        """Those of captions, in the file's order."""
        told = [told for point in (*self.ends, *self.points) for told in point.told.values()]
        return list(dict.fromkeys(measure for values in told for measure in values))

    def change(self, encoder: str, measure: str, protocol: str | None = None) -> int | None:
        """What projecting does to a measure: 1 raises it, -1 lowers it, 0 changes it within the noise.

        Judged by the interval of the paired difference, or, in a file without it, by whether the intervals of raw and
        projected lie apart. None where it was not measured.
        """
        gain = self.gains.get((encoder, f"{protocol} {measure}" if protocol else measure))
        if gain:
            return int(gain.low > 0) - int(gain.high < 0)
        values = {point.share: point.value(measure, protocol) for point in self.ends if point.encoder == encoder}
        raw, projected = (values.get(share) for share in ENDS.values())
        if raw is None or projected is None:
            return None
        return int(projected.low > raw.high) - int(projected.high < raw.low)

    def frontier(self, found: str, protocol: str, told: str) -> list[int]:
        """Indices of the `points` that no other beats at both, from the one that finds least to the one that finds
        most; means alone count."""
        pairs = {
            i: (x.mean, y.mean)
            for i, point in enumerate(self.points)
            if (x := point.value(found)) and (y := point.value(told, protocol))
        }
        at = list(pairs)
        return sorted((at[i] for i in frontier(list(pairs.values()))), key=lambda i: (pairs[i][0], -pairs[i][1], i))


def read(file: Path) -> Tradeoff | None:
    """The results of a suite; None where it was not measured or the file is damaged. What a file lacks is left out.

    Of the group named first: recordings of the categories there is most to learn from.
    """
    results = _results(file)
    group = next(iter(results.get("groups", {})), "")
    settings, sweep, gains = (_rows(results, name, group) for name in ("settings", "sweep", "projected_minus_raw"))
    ends = tuple(_point(row, ENDS[row["mode"]], group) for row in settings if row["mode"] in ENDS)
    swept = tuple(_point(row, row["share"], group) for row in sweep)
    if not ends:
        return None
    return Tradeoff(
        results["groups"][group].get("recordings", 0),
        results.get("gallery_clips", 0),
        results.get("caption_measures", {}),
        ends,
        swept if any(point.told for point in swept) else ends,
        {row["encoder"]: _values(row[group], FOUND) for row in settings if row["mode"] == "native"},
        {(row["encoder"], name): gain for row in gains for name, gain in _values(row[group], row[group]).items()},
    )


def captions(file: Path, protocol: str) -> list[str]:
    """The captions that the results of a suite keep of a protocol's LLaVA, of every setting; none without results."""
    rows = _results(file).get("settings", [])
    return [kept["caption"] for row in rows for kept in row.get("caption_examples", {}).get(protocol, [])]


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other point beats: none is as good in both numbers and better in one."""
    return [
        i
        for i, (a, b) in enumerate(points)
        if not any(c >= a and d >= b and (c > a or d > b) for c, d in points)
    ]


def _results(file: Path) -> dict[str, Any]:
    """Nothing where there are none, or none that can be read: the page can do without."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as damage:
        log.warning("%s cannot be read: %s", file.name, damage)
        return {}


def _rows(results: dict, name: str, group: str) -> list[dict]:
    """Those that say something of the group, of encoders that are still here."""
    return [row for row in results.get(name, []) if group in row and row["encoder"] in ENCODERS]


def _point(row: dict, share: float, group: str) -> Point:
    told = {name: _values(row[group][name], row[group][name]) for name in PROTOCOLS if name in row[group]}
    return Point(row["encoder"], share, _values(row[group], FOUND), told)


def _values(given: dict[str, Any], names: Iterable[str]) -> dict[str, Measured]:
    """Of the names that have a mean with an interval: medians, counts and what could not be measured have none."""
    fields = ("mean", "low", "high", "n")
    return {
        name: Measured(*(given[name][field] for field in fields))
        for name in names
        if isinstance(given.get(name), dict)
        and all(math.isfinite(given[name].get(field, math.nan)) for field in fields)
    }
