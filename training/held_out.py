"""The corpus recordings that nothing was trained on, and what is right for them.

One sound per held-out recording (the first file of each), so that a family of near-copies counts once. A category
is evaluated when it has a clip in the gallery and a held-out recording. Results are given for the `core`, categories
with at least ten recordings in the corpus, and for `all`, which adds those with six to nine, of which four to seven
are left to train on.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from soundclip_demo.audio import decode
from soundclip_demo.encoders.joint import JointSpace
from soundclip_demo.gallery import Gallery
from soundclip_demo.naming import places_named

from . import captions as taught
from . import corpus
from .bertscore import BertScorer
from .corpus import Category, SoundFile
from .features import Features
from .judge import Judge
from .retrieval import by_chance, of_category
from .told import Told, threshold

CORE_RECORDINGS = 10
HEARS, SEES = "clap", "audioclip"  # the encoders whose spaces score captions: these two have words


@dataclass(frozen=True, eq=False)
class HeldOut:
    """N sounds and the C clips that they search.

    Attributes:
        kinds: what each sound is of.
        sources: where each comes from: a source that leaks its categories shows by itself.
        right: which clips are right for it, bool [N, C].
        groups: name -> which sounds belong to it, bool [N].
        clips: tokens [C, D].
        embeddings: encoder -> embeddings [N, d], before any projection.
        native: encoder -> sounds and clips in its own space, [N, J] and [C, J]; None where it has none.
        about: what goes into the results beside the figures.
    """

    kinds: list[str]
    sources: list[str]
    right: np.ndarray
    groups: dict[str, np.ndarray]
    clips: Tensor
    embeddings: Callable[[str], Tensor]
    native: Callable[[str], tuple[Tensor, Tensor] | None]
    about: dict


def of_corpus(
    features: Features, heads: dict[str, Callable[[Tensor], Tensor]], joints: dict[str, JointSpace], gallery: Gallery
) -> HeldOut:
    """The held-out recordings whose category the gallery has.

    Args:
        heads: encoder -> what turns its stored features (`Features.heard`) into embeddings.
        joints: the encoders' own spaces.
    """
    rows = held_out(features.sounds, gallery)
    sounds = [features.sounds[row] for row in rows]
    wanted = [sound.category for sound in sounds]
    groups = {"core": _core(features.sounds, wanted), "all": np.ones(len(rows), bool)}
    groups = {name: of for name, of in groups.items() if of.any()}  # a small corpus has no core

    @torch.inference_mode()
    def embeddings(encoder: str) -> Tensor:
        return heads[encoder](torch.from_numpy(np.asarray(features.heard(encoder)[rows, 0])).float())

    def native(encoder: str) -> tuple[Tensor, Tensor] | None:
        return (embeddings(encoder), native_clips(joints[encoder], gallery)) if encoder in joints else None

    about = {
        "gallery_clips": len(gallery.clips),
        "gallery_categories": len({clip.category for clip in gallery.clips}),
        "groups": {name: _about(list(np.array(wanted)[of]), gallery) for name, of in groups.items()},
    }
    return HeldOut(
        wanted, [sound.source for sound in sounds], of_category(wanted, gallery), groups,
        torch.from_numpy(gallery.tokens.astype(np.float32)), embeddings, native, about,
    )


def told_of_corpus(
    features: Features,
    held: HeldOut,
    joints: dict[str, JointSpace],
    gallery: Gallery,
    language: Path,
    bert_layer: int,
    judge: Judge | None = None,
) -> Told:
    """What captions of the same recordings are measured against.

    The reference is what LLaVA is taught to write of such a sound, its second sentence from the recording's own pitch
    and course. The frame is that of the first clip of the category.

    Args:
        language, bert_layer: folder of the language model, and its layer, whose vectors of words are compared.
    """
    known = corpus.categories()
    sounds = [features.sounds[row] for row in held_out(features.sounds, gallery)]
    first = {clip.category: clip.poster for clip in reversed(gallery.clips)}
    shown = sorted(set(held.kinds))
    frames = dict(zip(shown, joints[SEES].pictures([Image.open(first[name]) for name in shown]), strict=True))
    texts = joints[HEARS].texts
    pairs = [(category.sentence, category.name) for category in known.values()]

    def named(captions: list[str], at: np.ndarray) -> np.ndarray:
        kinds = [known[held.kinds[i]] for i in at]
        return np.array([names(c, kind, known) for c, kind in zip(captions, kinds, strict=True)], float)

    return Told(
        references=[[taught.of_sound(known[sound.category], decode(sound.file))] for sound in sounds],
        sources=[(kind,) for kind in held.kinds],
        named=named,
        named_by="share that name the category or a listed word for it, whole words",
        heard=(joints[HEARS], held.embeddings(HEARS), f"the joint space of {HEARS} (compact retrain)"),
        seen=(joints[SEES], torch.stack([frames[kind] for kind in held.kinds]), f"that of {SEES} (compact retrain)"),
        near=(texts, threshold(texts, pairs), f"the joint space of {HEARS} (compact retrain)"),
        bert=(BertScorer(str(language), bert_layer), f"SmolLM2-135M-Instruct, layer {bert_layer}"),
        judge=judge,
    )


def held_out(sounds: list[SoundFile], gallery: Gallery, split: str = "test") -> list[int]:
    """Rows of the first file of every recording of `split` whose category the gallery has."""
    shown = {clip.category for clip in gallery.clips}
    first: dict[str, int] = {}
    for row, sound in enumerate(sounds):
        if sound.split == split and sound.category in shown:
            first.setdefault(sound.recording, row)
    return sorted(first.values())


def native_clips(joint: JointSpace, gallery: Gallery) -> Tensor:
    """The gallery in an encoder's own space, [C, J]: by the clips' posters, or by their captions where pictures have
    no side in it."""
    if joint.pictures:
        return torch.cat([joint.pictures([Image.open(clip.poster)]) for clip in gallery.clips])
    return joint.texts([clip.caption for clip in gallery.clips])


def chance(wanted: list[str], gallery: Gallery, top: int) -> float:
    """Probability that `top` clips drawn at random hold one of the right category, mean over `wanted`."""
    return by_chance(of_category(wanted, gallery), top)


def names(caption: str, category: Category, known: Iterable[str]) -> bool:
    """Whether a caption names the category or a listed word for it, whole words only ("indicate" holds no cat).

    Args:
        known: all category names; a longer one is not taken apart (a "car horn" is no car).
    """
    return bool(places_named(caption, (category.name, *category.words), known))


def _core(sounds: list[SoundFile], wanted: list[str]) -> np.ndarray:
    """Which of `wanted` have at least `CORE_RECORDINGS` recordings in the corpus, whatever their split."""
    recordings = defaultdict(set)
    for sound in sounds:
        recordings[sound.category].add(sound.recording)
    return np.array([len(recordings[name]) >= CORE_RECORDINGS for name in wanted])


def _about(wanted: list[str], gallery: Gallery) -> dict:
    return {
        "recordings": len(wanted),
        "categories": len(set(wanted)),
        "chance": {f"top{top}": round(chance(wanted, gallery, top), 4) for top in (1, 5)},
    }
