"""Which pictures show what makes a sound: the picture side of the training pairs.

The corpus has no real video with real sound, so a pair shares a category, not an occasion. Pictures of the corpus
come first; the bundled gallery's posters are added, since for two dozen categories (a sneeze, a hi-hat) no other
picture exists. The pictures are therefore seen in training; the gallery's recordings never are.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import corpus
from .features import Features


def by_category(features: Features, data: Path, gallery: Path) -> dict[str, Tensor]:
    """Sound category -> tokens [n, D] of the pictures that show it; categories without any are left out."""
    row = {file: i for i, file in enumerate(features.pictures)}
    groups = corpus.pictures(data)
    found = {
        name: [features.tokens[row[file]] for picture in category.pictures for file in groups.get(picture, [])]
        for name, category in corpus.categories().items()
    }
    posters = np.load(gallery / "tokens.npy", allow_pickle=False)
    for clip, token in zip(corpus.rows(gallery / "clips.csv"), posters, strict=True):
        found[clip["category"]].append(token)
    return {name: torch.from_numpy(np.stack(tokens)).float() for name, tokens in found.items() if tokens}
