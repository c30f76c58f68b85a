"""Held-out clips of one's own, or of AVE-2: each sound searches for the one clip that it was taken from.

This is the paper's own task (paper-facts section 8.1: 1,006 clips). What captions are measured against comes from the
clips' annotations; clips without them are searched for and not described.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from soundclip_demo.encoders.joint import JointSpace

from . import corpus
from .annotated import Annotated
from .bertscore import BertScorer
from .clip_tokens import Heard
from .generation import recall_whole_words
from .held_out import HeldOut
from .judge import Judge
from .own_clips import Clip, middle
from .retrieval import by_chance
from .rows import PICTURES, Rows
from .told import Told, threshold

POOL = 1006  # clips that the paper searches


@dataclass(frozen=True, eq=False)
class Scorers:
    """Who measures captions, each with its name.

    Attributes:
        hears: the encoder whose sounds share a space with words.
        sees: a space of pictures and words.
    """

    hears: tuple[str, JointSpace]
    sees: tuple[str, JointSpace]
    bert: tuple[BertScorer, str]
    judge: Judge | None = None


def chosen(features: Path, heard: Mapping[str, Heard], most: int, seed: int = 0) -> np.ndarray:
    """Rows of the test split that every array has, ascending; at most `most` of them, drawn at random.

    Raises:
        ValueError: there are none.
    """
    there = np.load(features / "splits.npy") == "test"
    for array in (Rows(features, PICTURES), *(each.rows for each in heard.values())):
        there[list(array.missing)] = False
    rows = np.flatnonzero(there)
    if not len(rows):
        raise ValueError(f"{features} holds no clip of the test split")
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def of_clips(
    clips: Sequence[Clip],
    features: Path,
    rows: np.ndarray,
    heard: Mapping[str, Heard],
    joints: dict[str, JointSpace],
    annotated: dict[str, Annotated],
) -> HeldOut:
    """The clips `rows` of a folder that `training clips` wrote.

    Args:
        clips: all of that folder, in its order.
        joints: encoders' own spaces; one without pictures is searched by what was seen in the clips, if known.
    """
    named = [clips[row].id for row in rows]
    pictures = torch.from_numpy(Rows(features, PICTURES)[rows]).float()

    def embeddings(encoder: str) -> Tensor:
        return heard[encoder].embeddings(rows)

    def native(encoder: str) -> tuple[Tensor, Tensor] | None:
        joint = joints.get(encoder)
        if joint and joint.pictures:
            return embeddings(encoder), _frames(clips, rows, joint)
        if joint and joint.texts and all(name in annotated for name in named):
            return embeddings(encoder), joint.texts([annotated[name].seen for name in named])
        return None

    right = np.eye(len(rows), dtype=bool)
    chance = {f"top{top}": round(by_chance(right, top), 4) for top in (1, 5)}
    about = {
        "gallery_clips": len(rows),
        "gallery_categories": len(rows),
        "groups": {"all": {"recordings": len(rows), "categories": len(rows), "chance": chance}},
    }
    whole = {"all": np.ones(len(rows), bool)}
    return HeldOut(named, ["clips"] * len(rows), right, whole, pictures, embeddings, native, about)


def told_of_clips(
    clips: Sequence[Clip], rows: np.ndarray, held: HeldOut, annotated: dict[str, Annotated], scorers: Scorers
) -> Told:
    """What captions of the same clips are measured against.

    One reference is what is heard and the active sources, another what is seen (paper-facts section 12, 26).

    Raises:
        ValueError: a clip is not annotated, or nothing that sounds is named.
    """
    if unknown := [name for name in held.kinds if name not in annotated]:
        raise ValueError(f"{len(unknown)} clips are not annotated, as {unknown[0]}")
    about = [annotated[name] for name in held.kinds]
    if not any(row.active for row in about):
        raise ValueError("the annotations name nothing that sounds: there is nothing to look for in captions")
    hears, joint = scorers.hears
    pairs = [(category.sentence, category.name) for category in corpus.categories().values()]
    sources = [row.active for row in about]

    def named(captions: Sequence[str], at: np.ndarray) -> np.ndarray:
        return recall_whole_words(captions, [sources[i] for i in at])

    return Told(
        references=[[" ".join([row.heard, *row.active]), row.seen] for row in about],
        sources=sources,
        named=named,
        named_by="share of the active sources that the caption names, whole words",
        heard=(joint, held.embeddings(hears), f"the joint space of {hears}"),
        seen=(scorers.sees[1], _frames(clips, rows, scorers.sees[1]), f"that of {scorers.sees[0]}"),
        near=(joint.texts, threshold(joint.texts, pairs), f"the joint space of {hears}"),
        bert=scorers.bert,
        judge=scorers.judge,
    )


def _frames(clips: Sequence[Clip], rows: np.ndarray, joint: JointSpace) -> Tensor:
    """Middle frames [N, J]."""
    return torch.cat([joint.pictures([middle(clips[row].file)]) for row in rows])
