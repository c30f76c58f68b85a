"""Whether the compact scores mean anything: `python -m tests.bench.annotate [--clips 10]` prints a table.

Gallery clips, one a category, are scored with their own sound and with that of the next one, which is of another
category. The AUC is how often an own sound scores above another's: 1 always, 0.5 no better than chance. The last column
gives the scorer texts that are right (the category's, from the tables): what it would do behind faultless describers.
Below are two rules that need no language model: whether both texts name a same thing, and how many words they share.
"""

import argparse
import time
from collections import defaultdict

import numpy as np

from soundclip_demo.audio import decode
from soundclip_demo.config import Config, limit_threads
from training import captions
from training.annotators import FRAMES
from training.annotators_compact import NumberScorer, annotators, sources
from training.ave2 import DIMENSIONS
from training.corpus import categories, rows
from training.generation import spaced
from training.own_clips import clips_of, frames
from training.scoring import clean, separates

MEAN = "mean of the five"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10)
    args = parser.parse_args()
    limit_threads()
    gallery, known = Config().gallery, categories()
    category = {row["id"]: row["category"] for row in rows(gallery / "clips.csv")}
    first = {category[clip.id]: clip for clip in reversed(clips_of(gallery, None))}
    chosen = np.random.default_rng(0).permutation(sorted(first))[: args.clips].tolist()
    made = annotators()
    see, hear, scorer = made.video(), made.sound(), made.scorer()
    began = time.perf_counter()
    seen, heard = [], []
    for name in chosen:
        sound = decode(first[name].file)
        seen.append(clean(see(frames(first[name].file, FRAMES))))
        heard.append(clean(hear(sound.window(sound.loudest()), sound.rate)))
    described = time.perf_counter()
    own, other = _scores(scorer, seen, heard)
    scored = time.perf_counter()
    pictured = [captions.of_picture(name, "photo") for name in chosen]
    right = _scores(scorer, pictured, [known[name].sentence for name in chosen])
    for name, saw, listened in zip(chosen, seen, heard, strict=True):
        print(f"{name:18} | {saw} | {listened}")
    print(f"\n{len(chosen)} clips; {(described - began) / len(chosen):.1f} s a clip to describe, ", end="")
    print(f"{(scored - described) / 2 / len(chosen):.1f} s a pair to score (without reasons)\n")
    print(f"{'':24} {'own':>6} {'other':>6} {'AUC':>6} {'rounded':>8} {'right texts':>12}")
    for name, values in own.items():
        aucs = separates(values, other[name]), separates(np.round(values), np.round(other[name]))
        shown = f"{aucs[0]:6.2f} {aucs[1] if name in DIMENSIONS else np.nan:8.2f}"
        print(f"{name:24} {np.mean(values):6.2f} {np.mean(other[name]):6.2f} {shown}", end="")
        print(f"{separates(right[0][name], right[1][name]):13.2f}")


def _scores(scorer: NumberScorer, seen: list[str], heard: list[str]) -> tuple[dict[str, list[float]], ...]:
    """By measure, the scores of N clips with their own sound and with that of the next."""
    found = defaultdict(list), defaultdict(list)
    for i, saw in enumerate(seen):
        for scores, listened in zip(found, (heard[i], heard[(i + 1) % len(heard)]), strict=True):
            expected = scorer.expectations(saw, listened)
            for name, value in (expected | {MEAN: np.mean(list(expected.values()))}).items():
                scores[name].append(value)
            scores["both name a same thing"].append(len(sources(saw, listened)[0]))
            scores["share of words"].append(_shared(saw, listened))
    return found


def _shared(seen: str, heard: str) -> float:
    """Words in both texts of all their words, 0 to 1."""
    saw, listened = set(spaced(seen).split()), set(spaced(heard).split())
    return len(saw & listened) / max(1, len(saw | listened))


if __name__ == "__main__":
    main()
