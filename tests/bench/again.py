"""Whether another run of the recipe gives the same: `python -m tests.bench.again [OTHER.json]` counts and lists.

OTHER is the `results/compact.json` that it wrote below its `--assets`; without it, a second run's figures are taken
that are kept in `assets/results/again.json` (`--keep` puts those of OTHER there). Every figure with an interval in the
committed results is looked up. Such an interval says how far a figure might lie with other recordings; that another
training, in which sums are rounded otherwise, comes out otherwise is not in it. How far two trainings lie apart is told
for each measure, as the standard deviation of one; OTHER, if it is a third run, is held against intervals that allow
for that as well. Such a run's figures are in `assets/results/once-more.json`.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from soundclip_demo import whole
from soundclip_demo.config import Config

RESULTS = Config().results
KEPT = RESULTS / "again.json"
Z = 1.96  # of 95 %


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?", default=KEPT)
    parser.add_argument("--keep", action="store_true", help=f"writes what is compared to {KEPT}")
    args = parser.parse_args()
    ours, other = (json.loads(file.read_text()) for file in (RESULTS / "compact.json", args.other))
    if args.keep:
        whole.write(KEPT, json.dumps({"settings": [bare(row, ours["groups"]) for row in other["settings"]]}) + "\n")
    spreads = spread(pairs(ours, json.loads(KEPT.read_text())))
    inside = allowed = count = 0
    for (mode, name), title, committed, again in pairs(ours, other):
        count += 1
        if fits := committed["low"] <= again["mean"] <= committed["high"]:
            inside += 1
        else:
            limits = "{low:.4f} to {high:.4f}".format(**committed)
            print(f"{title}: {name} {again['mean']:.4f}, not {limits}")
        room = Z * math.sqrt(2) * spreads[mode, name]  # of the difference of two trainings
        below, above = (abs(committed["mean"] - committed[end]) for end in ("low", "high"))
        difference = again["mean"] - committed["mean"]
        allowed += fits or abs(difference) <= math.hypot(above if difference > 0 else below, room)
    print(f"{inside} of {count} figures ({inside / count:.1%}) lie within the committed intervals")
    if args.other != KEPT and not args.keep:
        print(f"{allowed} ({allowed / count:.1%}) lie within intervals that allow for another training")
    print(f"\n{'how far one training lies off':34} {'raw':>8} {'projected':>10}")
    for name in dict.fromkeys(name for _, name in spreads):
        values = [f"{spreads[mode, name]:.4f}" if (mode, name) in spreads else "" for mode in ("raw", "projected")]
        print(f"{name:34} {values[0]:>8} {values[1]:>10}")


def bare(row: dict, groups: list[str]) -> dict:
    """What is compared of a row of results."""
    return {name: row[name] for name in ("encoder", "mode", *groups)}


def pairs(ours: dict, theirs: dict) -> Iterator[tuple[tuple[str, str], str, dict, dict]]:
    """(mode, measure), what it is of, ours and theirs of all that has an interval."""
    rows = {(row["encoder"], row["mode"]): row for row in theirs["settings"]}
    for row in ours["settings"]:
        encoder, mode = row["encoder"], row["mode"]
        for group in ours["groups"]:
            for name, *both in figures(row[group], rows[encoder, mode][group]):
                yield (mode, name), f"{encoder} {mode}, {group}", *both


def figures(ours: dict, theirs: dict, name: str = "") -> Iterator[tuple[str, dict, dict]]:
    """Name, ours and theirs of all that has an interval in both."""
    if {"mean", "low", "high"} <= ours.keys():
        yield name.strip(), ours, theirs
        return
    for key in ours.keys() & theirs.keys():
        if isinstance(ours[key], dict):
            yield from figures(ours[key], theirs[key], f"{name} {key}")


def spread(both: Iterator[tuple[tuple[str, str], str, dict, dict]]) -> dict[tuple[str, str], float]:
    """Standard deviation of a training by mode and measure, from the differences of two under all encoders."""
    squares = defaultdict(list)
    for key, _, ours, theirs in both:
        squares[key].append((ours["mean"] - theirs["mean"]) ** 2 / 2)
    return {key: math.sqrt(sum(values) / len(values)) for key, values in sorted(squares.items())}


if __name__ == "__main__":
    main()
