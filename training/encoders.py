"""Trains a small network of each encoder family from scratch, on spectrograms stored by `features`.

What a sound is contrasted with is its family's own: descriptions, pictures, or both (`families.py`). Pairs share a
category, not an occasion; two of one category are never each other's negatives.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from soundclip_demo import tensors, whole
from soundclip_demo.encoders import checkpoint
from soundclip_demo.encoders.base import TowerEncoder
from soundclip_demo.encoders.joint import Side, Sides, Words

from .corpus import Category
from .course import Course
from .families import FAMILIES, Family
from .features import Features
from .filling import Filling
from .losses import TEMPERATURE, info_nce
from .pairs import balance, draw, mixed, rows_of


@dataclass(frozen=True)
class Config:
    """`mask` is the largest share of a spectrogram's time, and of its bands, that is hidden at random."""

    epochs: int
    batch: int
    rate: float
    weight_decay: float
    mix: float
    mask: float
    seed: int


@dataclass(frozen=True, eq=False)
class Partners:
    """What sounds are contrasted with, for each category in order of its number.

    Attributes:
        picture: tokens [n, D] of the pictures that show it.
        text: mean word embeddings [m, W] of the sentences that describe it.
    """

    picture: list[Tensor]
    text: list[Tensor]


def partners(targets: dict[str, Tensor], known: dict[str, Category], words: Words) -> Partners:
    """Pictures, and the sentence and the names of every category that has pictures."""
    names = sorted(targets)
    texts = [[known[name].sentence, name, *known[name].words] for name in names]
    return Partners([targets[name] for name in names], [words(group) for group in texts])


def train(
    encoder: str,
    features: Features,
    targets: dict[str, Tensor],
    facing: Partners,
    config: Config,
    saved: Path | None = None,
) -> tuple[nn.Module, Sides, list[dict[str, float]]]:
    """Trains on the train split and keeps the epoch with the lowest validation loss.

    Args:
        saved: file of the state that a run which was killed left behind, or of the one that this run may leave.

    Returns:
        The tower, the sides of its space, and the curve: for each epoch `train` and `validation` loss.
    """
    family = FAMILIES[encoder]
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    inputs = features.inputs(encoder)
    train_rows, groups = rows_of(features.sounds, "train", targets)
    held_rows, held_groups = rows_of(features.sounds, "validation", targets)
    # Channels last: convolutions take two thirds of the time; what is not a picture stays as it is.
    tower, joint = family.build().to(memory_format=torch.channels_last), _joint(family, facing)
    scale = nn.Parameter(torch.tensor(1 / TEMPERATURE).log())
    learning = [*tower.parameters(), *(p for p in joint.parameters() if p.requires_grad), scale]
    batch = min(config.batch, len(train_rows))
    steps = len(train_rows) // batch * config.epochs
    optimiser = torch.optim.AdamW(learning, lr=config.rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, max(20, steps), pct_start=0.15)
    model = nn.ModuleDict({"tower": tower, "joint": joint})
    changing = model.state_dict() | {"scale": scale.detach()}
    course = Course(saved, changing, optimiser, schedule, [random])
    weights = balance(groups)

    def loss_of(heard: Tensor, shown: dict[str, Tensor], of: np.ndarray) -> Tensor:
        space = {name: joint[name](given) for name, given in shown.items()} | {"sound": tower.embed(heard)}
        alike, temperature = torch.from_numpy(of), 1 / scale.clamp(max=np.log(100)).exp()
        return torch.stack([info_nce(space[a], space[b], alike, temperature) for a, b in family.pairs]).mean()

    held = torch.from_numpy(np.asarray(inputs[held_rows, 0])).float()
    for bar in course.turns(config.epochs, f"encoder {encoder}", "epoch"):
        tower.train()
        losses = []
        for _ in range(len(train_rows) // batch):
            chosen = random.choice(len(train_rows), batch, p=weights)
            views = random.integers(0, inputs.shape[1], batch)
            heard = _masked(torch.from_numpy(inputs[train_rows[chosen], views]).float(), config.mask, random)
            shown = {side: draw(getattr(facing, side), groups[chosen], random) for side in family.sides}
            heard, shown = mixed(heard, shown, config.mix, random)
            loss = loss_of(heard, shown, groups[chosen])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        tower.eval()
        with torch.inference_mode():
            again = np.random.default_rng(config.seed)
            shown = {side: draw(getattr(facing, side), held_groups, again) for side in family.sides}
            validation = loss_of(held, shown, held_groups).item()
        course.add(train=float(np.mean(losses)), validation=validation)
        bar.set_postfix(course.rows[-1])
    model.load_state_dict({name: value for name, value in course.best.items() if name != "scale"})
    model.eval()
    return tower, joint, course.rows


@torch.inference_mode()
def embed(name: str, encoder: TowerEncoder, features: Features, unfinished: Path, batch: int = 32) -> None:
    """Writes `<name>-embeddings.npy` float16 [S, V, d] beside the features, and whose they are.

    Args:
        unfinished: folder for what is not whole yet.
    """
    if features.embedded(name) == encoder.spec.hash:
        return
    inputs, tower = features.inputs(name), encoder.tower
    views = inputs.shape[1]
    filling = Filling(unfinished, f"{name}-embeddings", {"spec": encoder.spec.hash, "batch": batch})
    made = filling.array(f"{name}-embeddings", (len(inputs), views, tower.dim))
    starts = range(filling.done, len(inputs), batch)
    for i in tqdm(starts, desc=f"embedding {name}", unit="batch"):
        flat = torch.from_numpy(np.array(inputs[i : i + batch], np.float32)).flatten(0, 1)
        made[i : i + batch] = tower.embed(flat).unflatten(0, (-1, views)).half().numpy()
        filling.keep(i + batch)
    filling.appear(features.folder)
    whole.write(features.spec_file(name), encoder.spec.hash)


def save(folder: Path, encoder: str, tower: nn.Module, joint: Sides, card: dict) -> None:
    """Writes `<encoder>.safetensors` and the sides of its space as `<encoder>-joint.safetensors`."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder / f"{encoder}.safetensors", tower, FAMILIES[encoder].config, card)
    state = {name: tensor.half().contiguous() for name, tensor in joint.state_dict().items()}
    tensors.save(folder / f"{encoder}-joint.safetensors", state, {"card": json.dumps(card)})


def _joint(family: Family, facing: Partners) -> Sides:
    """Fresh sides; that of a distilled encoder's pictures is fixed to their principal directions."""
    joint = Sides({side: Side(getattr(facing, side)[0].shape[1], family.config.dim) for side in family.sides})
    if family.distilled:
        side = joint["picture"].requires_grad_(False)
        tokens = side.norm(torch.cat(facing.picture))
        count = min(family.config.dim, *tokens.shape)
        _, _, directions = torch.pca_lowrank(tokens, count, niter=4)
        weight = nn.functional.pad(directions.T, (0, 0, 0, family.config.dim - count))
        side.linear.weight.copy_(weight)
        side.linear.bias.copy_(-weight @ tokens.mean(0))
    return joint


def _masked(heard: Tensor, most: float, random: np.random.Generator) -> Tensor:
    """Hides a stretch of time and a range of bands of each spectrogram behind its own mean."""
    hidden = heard.clone()
    for one, out in zip(heard, hidden, strict=True):
        for axis in (-2, -1):
            width = int(random.uniform(0, most) * one.shape[axis])
            start = int(random.integers(0, one.shape[axis] - width + 1))
            out.narrow(axis, start, width).fill_(one.mean())
    return hidden
