"""Trains a projector by InfoNCE on pairs of a sound and a picture of what makes it; the encoder stays frozen.

WhisperCLIP's fusion has a few weights of its own; they are trained together with its projector.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from soundclip_demo.encoders.whisperclip import Fusion, load_fusion
from soundclip_demo.projection import Projector

from .course import Course
from .features import Features
from .losses import info_nce
from .pairs import balance, draw, mixed, rows_of


@dataclass(frozen=True)
class Config:
    """`mix` is the share of the pairs that are mixed with another."""

    epochs: int
    batch: int
    rate: float
    weight_decay: float
    dropout: float
    temperature: float
    mix: float
    seed: int


class Whisper(nn.Module):
    """Layer statistics [N, L, 2, width] -> what the plain Whisper encoder gives: its last layer's mean."""

    def forward(self, summary: Tensor) -> Tensor:
        return summary[:, -1, 0]


def head(encoder: str, checkpoints: Path | None = None) -> nn.Module:
    """What turns an encoder's stored features (`Features.heard`) into its embedding; WhisperCLIP's is trained."""
    if encoder == "whisperclip" and checkpoints:
        return load_fusion(checkpoints / "whisperclip-fusion.safetensors")
    return Whisper() if encoder == "whisper" else nn.Identity()


def build(encoder: str, heard: Tensor, width: int, config: Config) -> tuple[nn.Module, Projector]:
    """The head and a fresh projector, both standardised by training features `heard` [N, ...]."""
    fusion = head(encoder)
    if encoder == "whisperclip":
        fusion = Fusion(heard.shape[1], heard.shape[-1])
        standardise(fusion, heard.mean(0), heard.std(0))
    embedding = fusion(heard).detach()
    projector = Projector(embedding.shape[1], width, dropout=config.dropout)
    standardise(projector, embedding.mean(0), embedding.std(0))
    return fusion, projector


def standardise(module: Fusion | Projector, mean: Tensor, std: Tensor) -> None:
    """Has a module take its input by the mean and standard deviation that the training's has."""
    module.mean.copy_(mean)
    module.std.copy_(std.clamp(min=1e-4))


def train(
    encoder: str, features: Features, targets: dict[str, Tensor], config: Config, saved: Path | None = None
) -> tuple[nn.Module, Projector, list[dict[str, float]]]:
    """Trains on the train split and keeps the epoch with the lowest validation loss.

    Args:
        targets: tokens [n, D] of the pictures of each category.
        saved: file of the state that a run which was killed left behind, or of the one that this run may leave.

    Returns:
        Fusion, projector and the curve: for each epoch `train` and `validation` loss.
    """
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    train_rows, groups = rows_of(features.sounds, "train", targets)
    validation_rows, validation_groups = rows_of(features.sounds, "validation", targets)
    tokens = [targets[name] for name in sorted(targets)]
    if not len(train_rows) or not len(validation_rows):
        raise ValueError("the corpus is too small: nothing pictured to train on, or nothing to validate with")
    batch = min(config.batch, len(train_rows))
    stored = features.heard(encoder)
    summaries = torch.from_numpy(np.asarray(stored[train_rows])).float()
    fusion, projector = build(encoder, summaries[:, 0], tokens[0].shape[1], config)
    projector.norm.fill_(torch.cat(tokens).norm(dim=1).mean())
    weights = balance(groups)
    model = nn.ModuleList([fusion, projector])
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    steps = len(train_rows) // batch * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, max(20, steps), pct_start=0.1)
    held_out = torch.from_numpy(np.asarray(stored[validation_rows, 0])).float()

    course = Course(saved, model.state_dict(), optimiser, schedule, [random])
    for _ in course.turns(config.epochs, f"projector {encoder}", "epoch"):
        model.train()
        losses = []
        for _ in range(len(train_rows) // batch):
            rows = random.choice(len(train_rows), batch, p=weights)
            views = random.integers(0, summaries.shape[1], batch)
            pictures = draw(tokens, groups[rows], random)
            heard, shown = mixed(summaries[rows, views], {"picture": pictures}, config.mix, random)
            token = projector(fusion(heard))
            loss = info_nce(token, shown["picture"], torch.from_numpy(groups[rows]), config.temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            token = projector(fusion(held_out))
            pictures = draw(tokens, validation_groups, np.random.default_rng(config.seed))
            validation = info_nce(token, pictures, torch.from_numpy(validation_groups), config.temperature).item()
        course.add(train=float(np.mean(losses)), validation=validation)
    model.load_state_dict(course.best)
    return fusion.eval(), projector.eval(), course.rows


def save(folder: Path, encoder: str, fusion: nn.Module, projector: Projector, card: dict) -> None:
    """Writes `<encoder>-projector.safetensors`, and WhisperCLIP's fusion beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    projector.save(folder / f"{encoder}-projector.safetensors", card)
    if isinstance(fusion, Fusion):
        fusion.save(folder / f"{encoder}-fusion.safetensors", card)
