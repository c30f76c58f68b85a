"""Who annotates: a video captioner, a sound describer and a scorer, behind one call each.

Each kind of annotators has a file of its own; this one holds only what they have in common.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .scoring import Scorer

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

KINDS = ("compact", "paper")
FRAMES = 8  # of a clip that the video captioner is given, evenly spread


class VideoCaptioner(Protocol):
    """Frames of a clip, in their order -> what can be seen."""

    def __call__(self, frames: "Sequence[Image.Image]") -> str: ...


class SoundDescriber(Protocol):
    """A window float32 [T] and its samples per second -> what can be heard."""

    def __call__(self, window: "np.ndarray", rate: int) -> str: ...


@dataclass(frozen=True)
class Annotators:
    """Three loaders: each model is loaded when its stage has work, and let go of after it.

    Attributes:
        kind: one of `KINDS`.
        names: of the models, each with its revision, under `video`, `sound` and `scorer`.
    """

    kind: str
    names: dict[str, str]
    video: Callable[[], VideoCaptioner]
    sound: Callable[[], SoundDescriber]
    scorer: Callable[[], Scorer]


def of(kind: str, earlier: dict[str, str] | None = None) -> Annotators:
    """The annotators of one of `KINDS`.

    Args:
        earlier: the names of a run that is gone on with; what is fetched is then fetched at the same revision.
    """
    if kind == "compact":
        from . import annotators_compact

        return annotators_compact.annotators()
    from . import annotators_paper

    return annotators_paper.annotators(earlier)
