"""From the features that `training clips` wrote to embeddings, and by a suite's projectors to tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from soundclip_demo.config import Config
from soundclip_demo.encoders import ENCODERS, trained
from soundclip_demo.encoders.whisperclip import load_fusion
from soundclip_demo.projection import Projector, blend

from .rows import WHISPERCLIP, Rows


@dataclass(frozen=True, eq=False)
class Heard:
    """What an encoder made of all clips, and its projector."""

    rows: Rows
    head: Callable[[Tensor], Tensor]
    projector: Projector

    @torch.inference_mode()
    def embeddings(self, rows: np.ndarray) -> Tensor:
        """Of clips by ascending number [n] -> [n, d]."""
        return self.head(torch.from_numpy(self.rows[rows]).float())

    @torch.inference_mode()
    def tokens(self, rows: np.ndarray, share: float) -> Tensor:
        """Of clips by ascending number [n] -> [n, D]: raw at a share of 0, projected at 1, else a blend."""
        return blend(self.embeddings(rows), self.projector, self.projector.shape["outputs"], share)


def opened(features: Path, config: Config) -> dict[str, Heard]:
    """The encoders that there are both features and a projector of.

    Raises:
        ValueError: there is none, or a projector was trained on another checkpoint of its encoder.
    """
    found = {}
    for name in ENCODERS:
        if (features / name).is_dir() and (file := trained(f"{name}-projector", config)).exists():
            rows = Rows(features, name)
            fused = name == WHISPERCLIP
            head = load_fusion(trained(f"{name}-fusion", config)) if fused else torch.nn.Identity()
            found[name] = Heard(rows, head, Projector.load(file, rows.spec))
    if not found:
        raise ValueError(f"{config.checkpoints} has no projector for what {features} holds")
    return found
