"""The map of a gallery of many clips, sent in tiles (`tiles.py`): at first a few clips that stand for all, and how
densely all of them lie; then what is looked at closely. What is asked comes from a browser and may be anything.
"""

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tiles import CELLS, DEEPEST, is_tile

if TYPE_CHECKING:
    from ..gallery import Gallery

ALL = 20_000  # clips; no more than this are sent all at once
LISTED = 500  # clips that are told of in one answer, where they are named
DIGITS = 3  # of a place, in the map's units


def points(gallery: "Gallery", rows: Sequence[int]) -> dict[str, list]:
    """Clips as lists: one object for each would be five times as long."""
    x, y = gallery.coordinates[rows].astype(float).round(DIGITS).T.tolist() if len(rows) else ([], [])
    return {"ids": gallery.clips.ids(rows), "x": x, "y": y, "category": gallery.clips.groups[rows].tolist()}


def overview(gallery: "Gallery") -> dict[str, Any]:
    """Where all clips lie, and how densely: logarithms from 0 to 255, a byte a cell, in base64."""
    tiles = gallery.tiles
    density = np.log1p(tiles.density)
    low, high = gallery.coordinates.min(axis=0), gallery.coordinates.max(axis=0)
    return {
        "corner": tiles.corner.tolist(),
        "side": tiles.side,
        "x": [float(low[0]), float(high[0])],
        "y": [float(low[1]), float(high[1])],
        "deepest": DEEPEST,
        "cells": CELLS,
        "density": b64encode((255 * density / density.max()).round().astype(np.uint8).tobytes()).decode(),
    }


def tile(gallery: "Gallery", place: object) -> dict[str, Any]:
    """The clips that stand for tile [level, column, row], and whether they are `all` of it; nothing for no tile."""
    if not is_tile(place):
        return {}
    rows = gallery.tiles.clips(*place)
    return points(gallery, rows) | {"all": len(rows) == gallery.tiles.count(*place)}


def located(gallery: "Gallery", ids: object) -> dict[str, Any]:
    """Clips by their ids, as `points`; what is not there is left out."""
    asked = ids[:LISTED] if isinstance(ids, list) else []
    rows = [gallery.clips.row(clip) for clip in asked if isinstance(clip, str)]
    return points(gallery, [row for row in rows if row is not None])


def listed(gallery: "Gallery", category: object) -> list[list[str]]:
    """[id, caption] of the first clips of a category."""
    clips = gallery.clips
    number = clips.categories.index(category) if category in clips.categories else -1
    rows = np.flatnonzero(clips.groups == number)[:LISTED]
    return [[clip.id, clip.caption] for clip in (clips[row] for row in rows)]
