"""Retrieval against caption quality: which settings are not beaten by another one in both."""

from collections.abc import Sequence


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other point beats: none is as good in both numbers and better in one."""
    return [
        i
        for i, (a, b) in enumerate(points)
        if not any(c >= a and d >= b and (c > a or d > b) for c, d in points)
    ]
