"""What goes into an analysis (`Setting`) and what comes out of it (events, in the order of this file).

The page, the command line and the public API all read these; none of them touches a tensor.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .config import DEFAULT_PROMPT, MAX_NEW_TOKENS, TOP_CLIPS

if TYPE_CHECKING:
    from PIL import Image

MODES = ("projected", "raw", "blend")
PROTOCOLS = ("frozen", "tuned")


@dataclass(frozen=True)
class Setting:
    """What the visitor chooses.

    Attributes:
        encoder: a name from `encoders.ENCODERS`.
        mode: one of `MODES`.
        t: the blend `(1 - t) raw + t projected`; read only in mode `blend`.
        k: how many patches the captioner sees beside the sound; 0 means the sound only.
        picture: path of the visitor's own picture or video whose patches are used;
            None means the frame of the clip that the projected token finds first, so that one sound's raw and
            projected tokens look at the same picture.
        protocol: `frozen` asks a LLaVA that never saw a sound, `tuned` the one with an adapter trained on sounds;
            None takes the tuned one where there is one.
        prompt: the question put to LLaVA.
        temperature: 0 is greedy.
    """

    encoder: str = "whisperclip"
    mode: str = "projected"
    t: float = 0.5
    k: int = 0
    picture: str | None = None
    protocol: str | None = None
    prompt: str = DEFAULT_PROMPT
    temperature: float = 0.0
    top: int = TOP_CLIPS
    caption: bool = True
    max_new_tokens: int = MAX_NEW_TOKENS

    @property
    def projected_share(self) -> float:
        """How much of the token is projected, in [0, 1]."""
        return {"projected": 1.0, "raw": 0.0}.get(self.mode, self.t)


@dataclass(frozen=True)
class Truth:
    """What is truly heard, where that is known.

    Attributes:
        clip: id of the clip whose sound it is; empty where the sound is not from the gallery.
    """

    category: str
    clip: str = ""


@dataclass(frozen=True)
class Heard:
    """Which part of the sound was used.

    Attributes:
        seconds: length of the whole sound.
        window: start and end of the part that was encoded, in seconds.
        chosen: "loudest" when the demo chose it, "visitor" when the visitor did, "whole" for a short sound.
        truncated: True when the file was longer than the limit and only its beginning was read.
    """

    seconds: float
    window: tuple[float, float]
    chosen: str
    truncated: bool = False


@dataclass(frozen=True)
class Hit:
    """One match. `score` is the cosine in CLIP space; `deviations` says how many standard deviations it
    lies above the mean cosine of this token to the whole gallery."""

    rank: int
    clip: str
    category: str
    caption: str
    licence: str
    score: float
    deviations: float


@dataclass(frozen=True)
class Matches:
    """The top clips.

    Attributes:
        chance: deviations that the best of N random cosines exceeds in 1 of 20 cases; a best hit
            below it is no better than chance.
        right: rank of the right clip, or of the first clip of the right category where the sound is not from the
            gallery; None where the truth is not known or the gallery has no such clip.
    """

    hits: tuple[Hit, ...]
    gallery_size: int
    chance: float
    right: int | None = None

    @property
    def above_chance(self) -> bool:
        return bool(self.hits) and self.hits[0].deviations > self.chance


@dataclass(frozen=True)
class Placed:
    """Where the sound lands on the map (same units as the atlas)."""

    x: float
    y: float
    off_map: bool


@dataclass(frozen=True)
class WordsFound:
    """Where typed words lie among the clips.

    Attributes:
        text: as it was searched for.
        encoder: title of the encoder in whose space it was.
        meets: what of the clips it was compared with there, "pictures" or "sounds".
    """

    text: str
    encoder: str
    meets: str
    matches: Matches
    placed: Placed


@dataclass(frozen=True)
class CaptionPart:
    """The caption so far (not the increment), and whether it is finished.

    Attributes:
        rehearsed: it was written when the demo started, not now; see `rehearsal`.
    """

    text: str
    done: bool = False
    rehearsed: bool = False


@dataclass(frozen=True)
class AnswerPart:
    """The answer to a question so far (not the increment), and whether it is finished."""

    text: str
    done: bool = False


@dataclass(frozen=True)
class Relevance:
    """How near each of a picture's P patches lies to a token. The captioner is given the first k of `order`.

    Attributes:
        clip: whose frame it is; None where the picture is the visitor's own.
        view: the square of the picture that the CLIP tower looks at.
        grid: rows and columns of the patches, which divide `view` evenly.
        cosines: of each patch, in raster order.
        order: the patches' places in raster order, from the nearest to the farthest.
    """

    clip: str | None
    view: "Image.Image"
    grid: tuple[int, int]
    cosines: tuple[float, ...]
    order: tuple[int, ...]


@dataclass(frozen=True)
class Missing:
    """A part of the demo that could not run; the rest went on.

    Attributes:
        part: "search" (an encoder, its projector, the index) or "captioner".
        message: one sentence for the visitor.
    """

    part: str
    message: str


@dataclass(frozen=True)
class Timing:
    """Milliseconds of each stage that ran: decode, encode, project, search, place, caption_first_token, caption,
    answer_first_token, answer."""

    ms: dict[str, float] = field(default_factory=dict)


Event = Heard | Matches | Placed | CaptionPart | AnswerPart | Missing | Timing
