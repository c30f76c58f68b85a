"""Trains a projector by InfoNCE on pairs of a sound and a picture of what makes it; the encoder stays frozen.

WhisperCLIP's fusion has a few weights of its own; they are trained together with its projector.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from soundclip_demo.encoders.whisperclip import Fusion
from soundclip_demo.projection import Projector

from .corpus import SoundFile
from .features import Features
from .losses import TEMPERATURE, info_nce

ENCODERS = ("whisper", "whisperclip")


@dataclass(frozen=True)
class Config:
    epochs: int = 60
    batch: int = 256
    rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    temperature: float = TEMPERATURE
    mix: float = 0.5  # share of the pairs that are mixed with another
    seed: int = 0


class Whisper(nn.Module):
    """Layer statistics [N, L, 2, width] -> what the plain Whisper encoder gives: its last layer's mean."""

    def forward(self, summary: Tensor) -> Tensor:
        return summary[:, -1, 0]


def build(encoder: str, statistics: Tensor, width: int, config: Config) -> tuple[nn.Module, Projector]:
    """The fusion (or its stand-in) and a fresh projector, both standardised by training `statistics` [N, L, 2, w]."""
    fusion: nn.Module = Whisper()
    if encoder == "whisperclip":
        fusion = Fusion(statistics.shape[1], statistics.shape[-1])
        fusion.mean.copy_(statistics.mean(0))
        fusion.std.copy_(statistics.std(0).clamp(min=1e-4))
    embedding = fusion(statistics).detach()
    projector = Projector(embedding.shape[1], width, dropout=config.dropout)
    projector.mean.copy_(embedding.mean(0))
    projector.std.copy_(embedding.std(0).clamp(min=1e-4))
    return fusion, projector


def train(
    encoder: str, features: Features, targets: dict[str, Tensor], config: Config = Config()
) -> tuple[nn.Module, Projector, list[dict[str, float]]]:
    """Trains on the train split and keeps the epoch with the lowest validation loss.

    Args:
        targets: tokens [n, D] of the pictures of each category.

    Returns:
        Fusion, projector and the curve: for each epoch `train` and `validation` loss.
    """
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    train_rows, groups = _rows(features.sounds, "train", targets)
    validation_rows, validation_groups = _rows(features.sounds, "validation", targets)
    tokens = [targets[name] for name in sorted(targets)]
    if not len(train_rows) or not len(validation_rows):
        raise ValueError("the corpus is too small: nothing pictured to train on, or nothing to validate with")
    batch = min(config.batch, len(train_rows))
    summaries = torch.from_numpy(np.asarray(features.statistics[train_rows])).float()
    fusion, projector = build(encoder, summaries[:, 0], tokens[0].shape[1], config)
    projector.norm.fill_(torch.cat(tokens).norm(dim=1).mean())
    weights = 1 / np.sqrt(np.maximum(3, np.bincount(groups)))[groups]  # large categories a little less often
    model = nn.ModuleList([fusion, projector])
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.rate, weight_decay=config.weight_decay)
    steps = len(train_rows) // batch * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, max(20, steps), pct_start=0.1)
    held_out = torch.from_numpy(np.asarray(features.statistics[validation_rows, 0])).float()

    best, curve = None, []
    for _ in tqdm(range(config.epochs), desc=f"projector {encoder}", unit="epoch"):
        model.train()
        losses = []
        for _ in range(len(train_rows) // batch):
            rows = random.choice(len(train_rows), batch, p=weights / weights.sum())
            views = random.integers(0, summaries.shape[1], batch)
            pictures = _draw(tokens, groups[rows], random)
            heard, pictures = _mix(summaries[rows, views], pictures, config.mix, random)
            token = projector(fusion(heard))
            loss = info_nce(token, pictures, torch.from_numpy(groups[rows]), config.temperature)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            token = projector(fusion(held_out))
            pictures = _draw(tokens, validation_groups, np.random.default_rng(config.seed))
            validation = info_nce(token, pictures, torch.from_numpy(validation_groups), config.temperature).item()
        curve.append({"train": float(np.mean(losses)), "validation": validation})
        if best is None or validation < best[0]:
            best = (validation, {k: v.clone() for k, v in model.state_dict().items()})
    model.load_state_dict(best[1])
    return fusion.eval(), projector.eval(), curve


def save(folder: Path, encoder: str, fusion: nn.Module, projector: Projector, card: dict) -> None:
    """Writes `<encoder>-projector.safetensors`, and WhisperCLIP's fusion beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    projector.save(folder / f"{encoder}-projector.safetensors", card)
    if isinstance(fusion, Fusion):
        state = {name: tensor.contiguous() for name, tensor in fusion.state_dict().items()}
        save_file(state, folder / f"{encoder}-fusion.safetensors", {"card": json.dumps(card)})


def _rows(sounds: list[SoundFile], split: str, targets: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a split whose category has a picture, and the category's number for each."""
    number = {name: i for i, name in enumerate(sorted(targets))}
    rows = [i for i, sound in enumerate(sounds) if sound.split == split and sound.category in number]
    return np.array(rows, dtype=int), np.array([number[sounds[i].category] for i in rows], dtype=int)


def _mix(heard: Tensor, pictures: Tensor, share: float, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mixes some pairs with another of the batch, sounds and pictures in the same proportion.

    Things often sound together; and a projector that was never sure of a mixture ranks second guesses better.
    """
    other = torch.from_numpy(random.permutation(len(heard)))
    kept = np.where(random.random(len(heard)) < share, random.uniform(0.5, 1.0, len(heard)), 1.0)
    kept = torch.from_numpy(kept).float()
    pictures = F.normalize(pictures, dim=1)
    mixed = kept[:, None] * pictures + (1 - kept)[:, None] * pictures[other]
    kept = kept.view(-1, *[1] * (heard.dim() - 1))
    return kept * heard + (1 - kept) * heard[other], mixed


def _draw(tokens: list[Tensor], groups: np.ndarray, random: np.random.Generator) -> Tensor:
    """One picture of each category in `groups` -> [N, D]."""
    return torch.stack([tokens[group][random.integers(len(tokens[group]))] for group in groups])
