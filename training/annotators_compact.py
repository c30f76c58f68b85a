"""Annotators that run on two CPU cores with no hub: the compact LLaVA describes, the compact encoders measure.

The LLaVA was taught one plain sentence for each of some hundred kinds of sounds and pictures. A language model of its
size cannot judge: SmolLM2-135M-Instruct, asked AVE-2's five questions about the two texts, scored own sounds above
another clip's no more often than chance. So the scores are distances between sound and picture, which the projector was
trained for; `python -m tests.bench.annotate` measures what they tell.
"""

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from soundclip_demo import weights
from soundclip_demo.alignment import HIGHEST, Alignment
from soundclip_demo.audio import Sound
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.config import DEFAULT_PROMPT, Config
from soundclip_demo.engine import Engine
from soundclip_demo.events import CaptionPart, Missing, Setting
from soundclip_demo.parts import NotReady
from soundclip_demo.suites import SUITES

from . import reference
from .annotators import Annotators
from .corpus import categories
from .generation import spaced
from .own_clips import Clip
from .reference import Reference
from .scoring import Scored

PATCHES = 8  # as many as the LLaVA saw in training (`batches.PATCHES`)
CAPTION_TOKENS = 60
REASONS = {
    "contextual_relevance": "The picture lies nearer to the sound than {share} of {pictures} other pictures do.",
    "physical_causality": "The sound lies nearer to the picture than {share} of {sounds} other sounds do.",
    "sound_source_visibility": "A part of the picture lies nearer to the sound than any part does to {share} of "
    "{sounds} other sounds.",
}
UNKNOWN = {
    "temporal_alignment": "Not measured: these models see one frame, in which nothing happens at any time.",
    "spatial_coherence": "Not measured: these models hear one channel and see one frame, and know of no movement.",
}


def annotators(config: Config | None = None) -> Annotators:
    """The compact suite's own models."""
    config = config or Config()
    engine = cache(lambda: Engine(config))  # all three run in one
    llava = f"compact LLaVA@{_revision(config.checkpoints / 'llava')}"
    heard = _revision(config.checkpoints, "whisperclip-")
    space, compared = SUITES[config.suite].space(config).name, _revision(config.checkpoints, reference.NAME)
    measured = f"distances of WhisperCLIP@{heard} in {space}, against reference@{compared}"
    return Annotators(
        "compact",
        {"video": llava, "sound": f"{llava} on WhisperCLIP@{heard}", "scorer": measured},
        lambda: FrameCaptioner(engine()),
        lambda: TokenDescriber(engine()),
        lambda: DistanceScorer(engine(), reference.load(config.checkpoints)),
    )


def _revision(folder: Path, prefix: str = "") -> str:
    """Names the content of the checkpoints of a folder."""
    files = sorted(folder.rglob(f"{prefix}*.safetensors"))
    return sha256("".join(map(weights.sha256, files)).encode()).hexdigest()[:12]


class FrameCaptioner:
    """The compact LLaVA sees one frame, the middle one: its token and its most relevant patches.

    Only its first sentence counts: it was taught on sounds last, and its second one always tells how a thing sounds.
    """

    def __init__(self, engine: Engine) -> None:
        self._tower, self._captioner = engine.parts.tower(), engine.parts.captioner()

    def __call__(self, frames: Sequence[Image.Image]) -> str:
        tokens, patches = self._tower.look([frames[len(frames) // 2]])
        token, patches = tokens[0], patches[0]
        visual = torch.cat([token[None], patches[relevant_patches(token, patches, PATCHES)]])
        *_, text = "", *self._captioner.stream(visual, DEFAULT_PROMPT, CAPTION_TOKENS)
        return _first_sentence(text)


class TokenDescriber:
    """The compact LLaVA hears the window: its projected WhisperCLIP token, as on the page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, window: np.ndarray, rate: int) -> str:
        text = ""
        for event in self._engine.run(Sound(window, rate), Setting(max_new_tokens=CAPTION_TOKENS)):
            if isinstance(event, Missing):
                raise NotReady(event.message)
            if isinstance(event, CaptionPart):
                text = event.text
        return text


class DistanceScorer:
    """Scores what distances in the suite's CLIP space can tell, and nothing else.

    A score is how many tenths of the reference fit worse than the clip's own sound or picture do: 5 on average for a
    sound and a picture put together at random. A still frame and one channel tell nothing of time and place.
    """

    def __init__(self, engine: Engine, reference: Reference) -> None:
        self._engine, self._reference = engine, reference

    def __call__(self, seen: str, heard: str, clip: Clip) -> Scored:
        token, patches = self._engine.look_at(clip.file)
        shares = self.shares(self._engine.embed_file(clip.file, Setting())[1], token, patches)
        scores = {name: round(HIGHEST * share) for name, share in shares.items()}
        counts = {"sounds": len(self._reference.sounds), "pictures": len(self._reference.pictures)}
        reasons = {name: REASONS[name].format(share=said(share), **counts) for name, share in shares.items()}
        return Scored(0, Alignment(scores, UNKNOWN | reasons, *sources(seen, heard)))

    def shares(self, sound: Tensor, picture: Tensor, patches: Tensor) -> dict[str, float]:
        """By dimension, how much of the reference fits worse than the tokens [D], [D] and patches [P, D] do."""
        sound, picture, patches = (normalize(tokens, dim=-1) for tokens in (sound, picture, patches))
        sounds, pictures = self._reference.sounds, self._reference.pictures
        own = sound @ picture
        return {
            "contextual_relevance": _below(pictures @ sound, own),
            "physical_causality": _below(sounds @ picture, own),
            "sound_source_visibility": _below((sounds @ patches.T).amax(1), (patches @ sound).amax()),
        }


def said(share: float) -> str:
    """In whole per cent; what is only rounded up to the whole does not say so."""
    if share == 1:
        return "all"
    return "more than 99%" if share >= 0.995 else f"{share:.0%}"


def _below(reference: Tensor, own: Tensor) -> float:
    """The share of cosines [N] that `own` lies above."""
    return float((reference < own).float().mean())


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text)[0]


def named(text: str) -> list[str]:
    """The categories that a text names, by whole words."""
    words = {name: (name, *category.words) for name, category in categories().items()}
    return [name for name, known in words.items() if any(spaced(word) in spaced(text) for word in known)]


def sources(seen: str, heard: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Categories named in both texts, in what was heard only, and in what was seen only."""
    saw, heard_of = named(seen), named(heard)
    return (
        tuple(name for name in saw if name in heard_of),
        tuple(name for name in heard_of if name not in saw),
        tuple(name for name in saw if name not in heard_of),
    )
