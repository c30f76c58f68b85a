"""Typed words among the gallery's clips, in the space that one encoder shares with texts.

Words meet the clips' pictures where that space has them, else the clips' own sounds. Which encoder it is, the registry
says; the space is opened at the first search and kept.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from . import atlas, encoders, matching
from .audio import decode, resample
from .config import SoundLimits
from .encoders.base import Encoder
from .encoders.joint import JointSpace
from .errors import UserError
from .events import WordsFound
from .parts import NotReady
from .search import FlatIndex, Index

if TYPE_CHECKING:
    from .engine import Engine
    from .gallery import Gallery

LENGTH = 200  # characters
BATCH = 64  # pictures at a time
TOKENS = 50_000  # tokens at a time


@dataclass(frozen=True)
class WordSpace:
    """Texts -> unit vectors [N, dim], and the gallery's clips in the same space."""

    texts: Callable[[Sequence[str]], Tensor]
    index: Index


def search(engine: "Engine", text: object, top: int) -> WordsFound:
    """The `top` clips nearest to typed words, and a place on the map by the rule that places sounds.

    Raises:
        UserError: the text cannot be searched for, or no encoder's words can be used now.
    """
    words, worded = checked(text), encoders.worded(engine.config)
    if worded is None:
        raise UserError("No encoder of this suite knows words.")
    name, meets = worded
    try:
        space = engine.parts.word_space(name, meets, engine.gallery)
    except NotReady as missing:
        raise UserError(str(missing)) from missing
    found = space.index.search(space.texts([words])[0].numpy(), max(top, atlas.NEIGHBOURS))
    best = matching.matches(engine.gallery, found, top)
    placed = matching.placed(engine.gallery, found, best)
    return WordsFound(words, encoders.title(name, engine.config.suite), meets, best, placed)


def open_space(encoder: Encoder, meets: str, gallery: "Gallery", limits: SoundLimits) -> WordSpace:
    """Embeds the gallery for an encoder; quick where its picture side reads the tokens that are stored.

    Args:
        meets: "pictures" or "sounds", as the registry says.
    """
    joint = encoder.joint()
    clips = _sounds(encoder, gallery, limits) if meets == "sounds" else _pictures(joint, gallery)
    return WordSpace(joint.texts, FlatIndex(clips.numpy()))


def checked(text: object) -> str:
    """The text as it is searched for. It comes from a browser and can be anything.

    Raises:
        UserError: there is no word in it, or too much of it.
    """
    words = " ".join(text.split()) if isinstance(text, str) else ""
    if not any(letter.isalnum() for letter in words):
        raise UserError("There is no word in this.", "Type what you would like to hear or see.")
    if len(words) > LENGTH:
        raise UserError(f"At most {LENGTH} characters can be searched for.", "Please use fewer words.")
    return words


def _pictures(joint: JointSpace, gallery: "Gallery") -> Tensor:
    if joint.tokens:
        parts = (gallery.tokens[rows].astype(np.float32) for rows in _parts(gallery, TOKENS))
        return torch.cat([joint.tokens(torch.from_numpy(part)) for part in parts])
    posters = (map(gallery.poster, gallery.clips[rows]) for rows in _parts(gallery, BATCH))
    return torch.cat([joint.pictures([Image.open(poster) for poster in part]) for part in posters])


def _parts(gallery: "Gallery", size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, len(gallery.clips), size))


def _sounds(encoder: Encoder, gallery: "Gallery", limits: SoundLimits) -> Tensor:
    """The loudest window of every clip; a clip without a sound lies as far from any word as from its opposite."""
    return torch.stack([_sound(encoder, clip.video, limits) for clip in gallery.clips])


def _sound(encoder: Encoder, video: Path, limits: SoundLimits) -> Tensor:
    try:
        sound = decode(video, limits)
        window = sound.window(sound.loudest(), limits.silence_rms)
    except UserError:
        return torch.zeros(encoder.dim)
    return encoder.encode(torch.from_numpy(resample(window, sound.rate, encoder.sample_rate))[None])[0]
