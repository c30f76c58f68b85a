"""What was found in a gallery, as the events that the page reads: the best clips, and a place on the map."""

import numpy as np

from . import search
from .events import Hit, Matches, Placed, Truth
from .gallery import Gallery


def matches(gallery: Gallery, found: search.Neighbours, top: int, truth: Truth | None = None) -> Matches:
    """The `top` best of what was found, and the rank of what is right, where that is known, among all of it."""
    ranked = zip(found.ids[:top], found.scores, found.deviations(), strict=False)
    hits = tuple(_hit(gallery, rank, *row) for rank, row in enumerate(ranked, 1))
    right = _rank(gallery, found.ids, truth) if truth else None
    return Matches(hits, len(gallery.clips), search.chance_level(len(gallery.clips)), right)


def placed(gallery: Gallery, found: search.Neighbours, best: Matches) -> Placed:
    """Where it lies; off the map when the best of it is no better than chance."""
    return Placed(*gallery.landscape.place(found), off_map=not best.above_chance)


def _rank(gallery: Gallery, rows: np.ndarray, truth: Truth) -> int | None:
    """From 1, of the first right clip among rows [k] of the gallery, best first; None where none is right."""
    clips = gallery.clips
    if truth.clip:
        right = rows == clips.row(truth.clip)
    elif truth.category in clips.categories:
        right = clips.groups[rows] == clips.categories.index(truth.category)
    else:
        return None
    return int(right.argmax()) + 1 if right.any() else None


def _hit(gallery: Gallery, rank: int, row: int, score: float, deviations: float) -> Hit:
    clip = gallery.clips[row]
    return Hit(rank, clip.id, clip.category, clip.caption, clip.licence, float(score), float(deviations))
