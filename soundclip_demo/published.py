"""Figures others published (`assets/results/published.json`): never beside ours on one scale, only signs compare.

Models, data and gallery differ (paper-facts section 11, 1).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from .config import ROOT

FILE = ROOT / "assets" / "results" / "published.json"
# Our measures -> the paper's. It has one B3; whole words that name a category and sentences near a source stand for it.
NAMES = {
    "top1": "R@1",
    "caption": "B3",
    "b3": "B3",
    "b1": "B1",
    "b2": "B2",
    "bleu": "BLEU",
    "rouge_l": "ROUGE-L",
    "bertscore": "BERTScore",
}


@dataclass(frozen=True)
class Figure:
    """One encoder raw and projected, what is published in percent as a share; `remark` is its authors', or None."""

    raw: float
    projected: float
    gallery: int | None
    remark: str | None

    @property
    def sign(self) -> int:
        """1 where projecting raises it, -1 where it lowers it, 0 where both are the same; no interval is published."""
        return (self.projected > self.raw) - (self.projected < self.raw)


def read(file: Path = FILE) -> dict:
    """`figures`, a list of rows, with `sources`, `generations` and what was withdrawn beside them."""
    return json.loads(file.read_text())


def pairs(published: dict, metric: str) -> dict[str, Figure]:
    """Encoder -> its figure, of those that are published raw and projected and were not withdrawn."""
    figures = {}
    for row in published["figures"]:
        if row["metric"] == metric and {"raw", "projected"} <= row.keys() and not row["withdrawn"]:
            scale = 100 if row["unit"] == "percent" else 1
            raw, projected = row["raw"] / scale, row["projected"] / scale
            figures[row["encoder"]] = Figure(raw, projected, row["gallery"], row["remark"])
    return figures


def drop(published: dict, metric: str) -> float | None:
    """By how much projecting lowers a measure, where that is all that is published."""
    rows = (row for row in published["figures"] if row["metric"] == metric and not row["withdrawn"])
    return next((row["drop"] for row in rows if "drop" in row), None)


def withdrawn(published: dict) -> list[str]:
    """What the authors took back, with the generation of the work that had said it."""
    rows = (row for row in published["figures"] if row["withdrawn"])
    told = [*published["also_withdrawn"], *(f"the figures of {row['metric']} ({row['generation']})" for row in rows)]
    for name, generation in published["generations"].items():
        told = [text.replace(f"({name})", f"({generation})") for text in told]
    return told
