"""What was found in a gallery, as the events that the page reads: the best clips, and a place on the map."""

from . import atlas, search
from .events import Hit, Matches, Placed
from .gallery import Gallery


def matches(gallery: Gallery, found: search.Neighbours, top: int) -> Matches:
    """The `top` best of what was found."""
    ranked = zip(found.ids[:top], found.scores, found.deviations(), strict=False)
    hits = tuple(_hit(gallery, rank, *row) for rank, row in enumerate(ranked, 1))
    return Matches(hits, len(gallery.clips), search.chance_level(len(gallery.clips)))


def placed(gallery: Gallery, found: search.Neighbours, best: Matches) -> Placed:
    """Where it lies; off the map when the best of it is no better than chance."""
    return Placed(*atlas.place(found, gallery.coordinates), off_map=not best.above_chance)


def _hit(gallery: Gallery, rank: int, row: int, score: float, deviations: float) -> Hit:
    clip = gallery.clips[row]
    return Hit(rank, clip.id, clip.category, clip.caption, clip.licence, float(score), float(deviations))
