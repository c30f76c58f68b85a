"""Whether the compact scores mean anything: `python -m tests.bench.annotate` prints a table.

Every clip of the gallery is scored with its own sound and with those of all clips of other categories. The AUC is how
often an own sound scores above another's: 1 always, 0.5 no better than chance. Below it, what the texts that the
gallery's annotations hold are worth: how often they name the clip's category, and the AUC of "both name a same thing".
"""

import argparse
import time

import numpy as np

from soundclip_demo.alignment import DIMENSIONS
from soundclip_demo.config import Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from training import reference
from training.annotators_compact import DistanceScorer, named
from training.scoring import separates


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    limit_threads()
    config = Config()
    engine = Engine(config)
    scorer = DistanceScorer(engine, reference.load(config.checkpoints))
    clips = engine.gallery.clips
    kinds = np.array([clip.category for clip in clips])
    other = kinds[:, None] != kinds[None]
    began = time.perf_counter()
    sounds = [engine.embed_file(clip.video, Setting())[1] for clip in clips]
    seen = [engine.look_at(clip.video) for clip in clips]
    pairs = [[scorer.shares(sound, *view) for view in seen] for sound in sounds]
    print(f"{len(clips)} clips, {other.sum()} pairs of other categories, {time.perf_counter() - began:.0f} s\n")
    print(f"{'':24} {'own':>6} {'other':>6} {'AUC':>6} {'in tenths':>10}")
    for name in DIMENSIONS:
        if name not in pairs[0][0]:
            print(f"{name:24} not measured")
            continue
        shares = np.array([[pair[name] for pair in row] for row in pairs])
        _show(name, 10 * shares.diagonal(), 10 * shares[other])
    means = np.array([[np.mean(list(pair.values())) for pair in row] for row in pairs])
    _show("mean", 10 * means.diagonal(), 10 * means[other])
    if all(clip.annotation for clip in clips):
        _texts(clips, kinds, other)


def _show(name: str, own: np.ndarray, others: np.ndarray) -> None:
    auc, rounded = separates(own, others), separates(own.round(), others.round())
    print(f"{name:24} {own.mean():6.2f} {others.mean():6.2f} {auc:6.2f} {rounded:10.2f}")


def _texts(clips: tuple, kinds: np.ndarray, other: np.ndarray) -> None:
    seen, heard = ([set(named(getattr(clip.annotation, what))) for clip in clips] for what in ("seen", "heard"))
    same = np.array([[bool(saw & listened) for saw in seen] for listened in heard])
    right = [np.mean([kind in names for kind, names in zip(kinds, told, strict=True)]) for told in (seen, heard)]
    print(f"\nthe picture's text names the category: {right[0]:.0%}, the sound's {right[1]:.0%}")
    print(f"both name a same thing: AUC {separates(same.diagonal(), same[other]):.2f}")


if __name__ == "__main__":
    main()
