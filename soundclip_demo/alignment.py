"""How well sound and picture of a clip belong together: five scores with a reason each, and three lists of sources.

Fields as AVE-2 gives them and `python -m training annotate` writes them (paper-facts section 6.3). Two score names and
those of the reasons and of the silent things were not seen in public; they are taken by their pattern: what begins with
the name of the dimension.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIMENSIONS = (
    "temporal_alignment",
    "spatial_coherence",
    "contextual_relevance",
    "physical_causality",
    "sound_source_visibility",
)
HIGHEST = 10


@dataclass(frozen=True)
class Alignment:
    """An opinion, or a measurement, that is never ground truth.

    Attributes:
        scores: by dimension, 0 to 10; one that the annotators have no means to tell is missing.
        reasons: by dimension; one that was not given is missing.
        visible_active, invisible_active, visible_silent: things that sound and are seen, and so on.
    """

    scores: dict[str, int]
    reasons: dict[str, str]
    visible_active: tuple[str, ...] = ()
    invisible_active: tuple[str, ...] = ()
    visible_silent: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Of the scores that there are."""
        return self.sum / len(self.scores)

    @property
    def sum(self) -> int:
        return sum(self.scores.values())

    @property
    def most(self) -> int:
        """What the sum could be at most: 50 where all five dimensions have a score."""
        return HIGHEST * len(self.scores)


@dataclass(frozen=True)
class Annotation:
    """What annotators said of a clip.

    Attributes:
        seen, heard: what can be seen, and what can be heard.
        kind: of annotators, such as "compact".
        models: their names, each with its revision, by what they did.
    """

    seen: str
    heard: str
    alignment: Alignment
    kind: str = ""
    models: tuple[tuple[str, str], ...] = ()


def alignment_of(given: dict[str, Any]) -> Alignment:
    """The scores, reasons and things of a row of AVE-2, or of a line that `training annotate` wrote.

    Raises:
        KeyError, TypeError, ValueError: a score is missing, or neither null nor one from 0 to 10; or all are null.
    """
    scores = {name: _score(given, name) for name in DIMENSIONS}
    known = {name: score for name, score in scores.items() if score is not None}
    if not known:
        raise ValueError("none of the scores is known")
    return Alignment(
        known,
        {name: reason for name in DIMENSIONS if (reason := _reason(given, name))},
        *(_things(given, kind) for kind in ("visible_active", "invisible_active", "visible_silent")),
    )


def read(file: Path) -> dict[str, Annotation]:
    """The lines of a file that `training annotate` wrote, by their ids; clips without scores are left out.

    Raises:
        OSError, ValueError: it cannot be read, or a line is damaged.
    """
    found = {}
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                said = annotation_of(line)
            except ValueError as error:
                raise ValueError(f"line {number} of {file.name} is {error}") from error
            if said:
                found[said[0]] = said[1]
    return found


def annotation_of(line: str) -> tuple[str, Annotation] | None:
    """Of a line that `training annotate` wrote: the clip's id, and what was said of it; None where it has no scores.

    Raises:
        ValueError: the line is damaged.
    """
    try:
        given = json.loads(line)
        if given.get("problem"):
            return None
        if not isinstance(given["id"], str):
            raise TypeError("its id is no text")
        texts = str(given["video_caption"]), str(given["environmental_audio"])
        models = tuple((str(part), str(name)) for part, name in given.get("models", {}).items())
        return given["id"], Annotation(*texts, alignment_of(given), str(given.get("annotators", "")), models)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"no annotation: {error}") from error


def _score(given: dict[str, Any], dimension: str) -> int | None:
    value = given[f"{dimension}_score"]
    if value is None:
        return None
    score = int(value)
    if not 0 <= score <= HIGHEST:
        raise ValueError(f"{dimension}_score is {score}, not 0 to {HIGHEST}")
    return score


def _reason(given: dict[str, Any], dimension: str) -> str:
    """The text field of a dimension, whatever follows its name."""
    texts = {name: value for name, value in given.items() if name.startswith(dimension) and isinstance(value, str)}
    texts.pop(f"{dimension}_score", None)
    return next(iter(texts.values()), "").strip()


def _things(given: dict[str, Any], kind: str) -> tuple[str, ...]:
    listed = next((value for name, value in given.items() if name.startswith(kind)), None)
    return tuple(str(thing) for thing in listed or ())
