"""Whether the compact scores mean anything: `python -m tests.bench.annotate [--clips 10]` prints a table.

Gallery clips, one a category, are scored with their own sound and with that of the next one, which is of another
category. The AUC is how often an own sound scores above another's: 1 always, 0.5 no better than chance. Last come two
rules that need no language model, for comparison: whether both texts name a same thing, and whether they share words.
"""

import argparse
import time
from collections import defaultdict

import numpy as np

from soundclip_demo.audio import decode
from soundclip_demo.config import Config, limit_threads
from training.annotators import FRAMES
from training.annotators_compact import annotators, sources
from training.ave2 import DIMENSIONS
from training.corpus import rows
from training.generation import spaced
from training.own_clips import clips_of, frames
from training.scoring import clean, separates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--texts", action="store_true", help="print what the clips were described as")
    args = parser.parse_args()
    limit_threads()
    gallery = Config().gallery
    category = {row["id"]: row["category"] for row in rows(gallery / "clips.csv")}
    first = {category[clip.id]: clip for clip in reversed(clips_of(gallery, None))}
    clips = [first[name] for name in np.random.default_rng(0).permutation(sorted(first))[: args.clips]]
    made = annotators()
    see, hear, scorer = made.video(), made.sound(), made.scorer()
    began = time.perf_counter()
    seen = [clean(see(frames(clip.file, FRAMES))) for clip in clips]
    heard = []
    for clip in clips:
        sound = decode(clip.file)
        heard.append(clean(hear(sound.window(sound.loudest()), sound.rate)))
    described = time.perf_counter()
    own, other = (defaultdict(list), defaultdict(list))
    for i in range(len(clips)):
        for found, j in ((own, i), (other, (i + 1) % len(clips))):
            for name, value in scorer.expectations(seen[i], heard[j]).items():
                found[name].append(value)
            found["both name a same thing"].append(len(sources(seen[i], heard[j])[0]))
            found["share of words"].append(_shared(seen[i], heard[j]))
    scored = time.perf_counter()
    if args.texts:
        for clip, saw, listened in zip(clips, seen, heard, strict=True):
            print(f"{category[clip.id]:18} | {saw} | {listened}")
    for name in DIMENSIONS:
        own["mean of the five"] = np.mean([own[name] for name in DIMENSIONS], 0).tolist()
        other["mean of the five"] = np.mean([other[name] for name in DIMENSIONS], 0).tolist()
    print(f"{len(clips)} clips; {(described - began) / len(clips):.1f} s a clip to describe, ", end="")
    print(f"{(scored - described) / 2 / len(clips):.1f} s a pair to score (without reasons)\n")
    print(f"{'':24} {'own':>6} {'other':>6} {'AUC':>6} {'AUC of whole numbers':>21}")
    for name, values in own.items():
        whole = f"{separates(np.round(values), np.round(other[name])):21.2f}" if name in DIMENSIONS else ""
        auc = separates(values, other[name])
        print(f"{name:24} {np.mean(values):6.2f} {np.mean(other[name]):6.2f} {auc:6.2f} {whole}")


def _shared(seen: str, heard: str) -> float:
    """Words in both texts of all their words, 0 to 1."""
    saw, listened = set(spaced(seen).split()), set(spaced(heard).split())
    return len(saw & listened) / max(1, len(saw | listened))


if __name__ == "__main__":
    main()
