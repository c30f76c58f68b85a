"""Whether a second run of the recipe gives the same: `python -m tests.bench.again OTHER.json` counts.

OTHER is the `results/compact.json` that it wrote below its `--assets`. Every figure with an interval in the committed
results is looked up there; those that lie outside of the committed interval are listed.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from soundclip_demo.config import Config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    ours = json.loads((Config().results / "compact.json").read_text())
    theirs = json.loads(parser.parse_args().other.read_text())
    rows = {(row["encoder"], row["mode"]): row for row in theirs["settings"]}
    inside = count = 0
    for row in ours["settings"]:
        for group in ours["groups"]:
            for name, committed, again in figures(row[group], rows[row["encoder"], row["mode"]][group]):
                count += 1
                if committed["low"] <= again["mean"] <= committed["high"]:
                    inside += 1
                else:
                    limits = "{low:.4f} to {high:.4f}".format(**committed)
                    print(f"{row['encoder']} {row['mode']}, {group}: {name} {again['mean']:.4f}, not {limits}")
    print(f"{inside} of {count} figures ({inside / count:.1%}) lie within the committed intervals")


def figures(ours: dict, theirs: dict, name: str = "") -> Iterator[tuple[str, dict, dict]]:
    """Name, ours and theirs of all that has an interval in both."""
    if {"mean", "low", "high"} <= ours.keys():
        yield name.strip(), ours, theirs
        return
    for key in ours.keys() & theirs.keys():
        if isinstance(ours[key], dict):
            yield from figures(ours[key], theirs[key], f"{name} {key}")


if __name__ == "__main__":
    main()
