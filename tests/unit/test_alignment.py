"""Alignment scores as they are read: of all five dimensions, or of those that could be measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from soundclip_demo import alignment
from soundclip_demo.alignment import DIMENSIONS, Alignment, alignment_of


def line(**changes: Any) -> dict[str, Any]:
    """A line of `training annotate`."""
    scores = {f"{name}_score": 5 + i for i, name in enumerate(DIMENSIONS)}
    reasons = {f"{name}_reason": f"why {name}" for name in DIMENSIONS}
    things = {"visible_active_sources": ["dog"], "invisible_active_sources": [], "visible_silent_objects": ["sofa"]}
    texts = {"video_caption": "A dog.", "environmental_audio": "A bark."}
    by = {"annotators": "toy", "models": {"video": "eye@1", "scorer": "mind@3"}}
    return {"id": "c0"} | texts | by | scores | reasons | things | changes


def test_sum_and_mean() -> None:
    found = alignment_of(line())
    assert (found.sum, found.most, found.mean) == (35, 50, 7.0)
    part = alignment_of(line(temporal_alignment_score=None, spatial_coherence_score=None))
    assert (part.sum, part.most, part.mean) == (24, 30, 8.0)
    assert set(part.scores) == set(DIMENSIONS[2:])
    assert part.reasons["temporal_alignment"] == "why temporal_alignment"  # why it is not known
    assert (part.visible_active, part.invisible_active, part.visible_silent) == (("dog",), (), ("sofa",))


@pytest.mark.parametrize("value", [11, -1, "many", [], float("inf")])
def test_what_is_no_score_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        alignment_of(line(temporal_alignment_score=value))


def test_no_scores_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="none of the scores is known"):
        alignment_of(line(**{f"{name}_score": None for name in DIMENSIONS}))


def test_lines_are_read_by_their_ids(tmp_path: Path) -> None:
    file = tmp_path / "annotations.jsonl"
    rows = [line(), {"id": "c1", "problem": "silent"}, line(id="c2", annotators="paper")]
    file.write_text("\n".join(map(json.dumps, rows)))
    found = alignment.read(file)
    assert list(found) == ["c0", "c2"]
    first = found["c0"]
    assert (first.seen, first.heard, first.kind) == ("A dog.", "A bark.", "toy")
    assert first.models == (("video", "eye@1"), ("scorer", "mind@3"))
    assert isinstance(first.alignment, Alignment)


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        '["problem"]',
        "3",
        json.dumps(line(models=["eye"])),
        json.dumps(line(temporal_alignment_score=float("inf"))),
        json.dumps({name: value for name, value in line().items() if name != "id"}),
        json.dumps({name: value for name, value in line().items() if name != "video_caption"}),
        json.dumps(line(id=["c0"])),
        "[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(damaged: str, tmp_path: Path) -> None:
    file = tmp_path / "annotations.jsonl"
    file.write_text(json.dumps(line(id="c9")) + "\n" + damaged + "\n")
    with pytest.raises(ValueError, match="line 2 of annotations.jsonl is no annotation"):
        alignment.read(file)
