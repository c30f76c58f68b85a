"""Tunes a suite's LLaVA on the sounds of annotated clips: `python -m training tune --features DIR --out DIR`.

An adapter learns on tokens of all encoders together, raw, blended and projected, to write what is heard in a clip and
what makes it. Everything under it stays as it is. Stopped at any moment and started again, it goes on where the last
state was saved, and ends with the weights of a run that was never stopped.

`DIR` gets `llava/` (the adapter in peft's form and its card, for a suite's folder of checkpoints), `curve.csv`,
`manifest.json` and `state.safetensors`, which may be deleted once the run is over.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel, get_peft_model
from torch import Tensor, nn
from tqdm import tqdm

from soundclip_demo import whole
from soundclip_demo.captioner import Captioner
from soundclip_demo.config import Config as Suite
from soundclip_demo.config import config_of, limit_threads
from soundclip_demo.packed import unpack
from soundclip_demo.parts import Parts
from soundclip_demo.suites import SUITES

from . import annotated, clip_tokens, llava, manifest, settings, state
from .annotated import Annotated
from .clip_tokens import Heard
from .llava import Batch

COMMAND = "python -m training tune --features DIR --annotations FILE --out DIR"
COLUMNS = ("step", "train", "validation", "seconds")
WARM = 0.1  # share of the steps in which the rate rises
VALIDATED = 64  # clips at most, in the two plain modes


@dataclass(frozen=True)
class Files:
    """What is tuned, and on what.

    Attributes:
        features: the folder that `training clips` wrote.
        annotations: of its clips.
        checkpoints: projectors, and what else the suite has trained; None for the suite's own folder.
    """

    features: Path
    annotations: Path
    suite: str
    checkpoints: Path | None = None

    def config(self) -> Suite:
        config = config_of(self.suite)
        return replace(config, checkpoints=self.checkpoints or config.checkpoints)


@dataclass(frozen=True)
class Config:
    """Settings of the training.

    Attributes:
        rank: of the adapter in the language model's attention.
        projector_rank: and in the multimodal projector, where the sound tokens enter.
        threshold: least mean alignment score of a clip, 0 to 10; 0 takes all.
        save_every: steps from one saved state, and row of the curve, to the next.
    """

    batch: int
    steps: int
    rate: float
    rank: int
    projector_rank: int
    threshold: float
    save_every: int
    seed: int

    def __post_init__(self) -> None:
        if min(self.batch, self.steps, self.rank, self.projector_rank, self.save_every) < 1:
            raise ValueError("batch, steps, ranks and save_every are at least 1")


class Told:
    """Clips with what is heard in them.

    Raises:
        OSError, ValueError: nothing is annotated that may be trained on.
    """

    def __init__(self, features: Path, heard: dict[str, Heard], known: dict[str, Annotated], config: Config) -> None:
        ids, splits = (np.load(features / f"{name}.npy") for name in ("ids", "splits"))
        missing = {row for each in heard.values() for row in each.rows.missing}
        told = {
            row: captioned(known[name])
            for row, name in enumerate(ids.tolist())
            if name in known and row not in missing and known[name].alignment.mean >= config.threshold
        }
        parts = ("train", "validation")
        self.rows = {part: np.array([row for row in told if splits[row] == part], int) for part in parts}
        if not len(self.rows["train"]):
            raise ValueError("no clip of the train split is annotated")
        self._texts, self._heard, self._config = told, heard, config
        self._random = np.random.default_rng([config.seed, 0])
        self._validated = np.sort(self._random.permutation(self.rows["validation"])[:VALIDATED])

    def draw(self, step: int) -> tuple[Batch, str]:
        """A batch and a prompt, which depend on nothing that came before: a resumed run draws the same.

        A batch is of one encoder; a third each of the batches are raw, projected and in between.
        """
        random = np.random.default_rng([self._config.seed, step + 1])
        rows = self.rows["train"]
        rows = np.sort(random.choice(rows, min(self._config.batch, len(rows)), replace=False))
        encoder = sorted(self._heard)[random.integers(len(self._heard))]
        share = float(random.choice([0.0, 1.0, random.random()]))
        return self._batch(encoder, rows, share), str(random.choice(llava.PROMPTS, p=llava.PROMPT_SHARES))

    def validation(self) -> list[Batch]:
        """The same held-out clips in every encoder, raw and projected; none where none are annotated."""
        parts = np.split(self._validated, range(self._config.batch, len(self._validated), self._config.batch))
        return [
            self._batch(encoder, rows, share)
            for encoder in self._heard
            for share in (0.0, 1.0)
            for rows in parts
            if len(rows)
        ]

    def hash(self) -> str:
        """Of the clips, their captions, and whose embeddings they are heard by."""
        specs = {name: each.rows.spec for name, each in self._heard.items()}
        rows = {split: rows.tolist() for split, rows in self.rows.items()}
        return manifest.hash_of(specs, rows, self._texts)

    def _batch(self, encoder: str, rows: np.ndarray, share: float) -> Batch:
        return self._heard[encoder].tokens(rows, share)[:, None].clone(), [self._texts[row] for row in rows.tolist()]


def captioned(clip: Annotated) -> str:
    """What LLaVA is taught to write of a clip: what is heard, and what makes it."""
    return f"{clip.heard} Sources: {', '.join(clip.active)}." if clip.active else clip.heard


class Run:
    """Everything that a step changes."""

    def __init__(self, captioner: Captioner, config: Config) -> None:
        torch.manual_seed(config.seed)
        self.config, self.step, self.seconds = config, 0, 0.0
        self.adapted: PeftModel = get_peft_model(unpack(captioner.llava), llava.form(config))
        self.captioner = captioner  # peft has put the adapter into the model itself
        self.trained = {name: weight for name, weight in self.adapted.named_parameters() if weight.requires_grad}
        self._optimiser = torch.optim.AdamW(self.trained.values(), weight_decay=0.0)

    def update(self, told: Told) -> Tensor:
        """One step -> its loss."""
        (visual, texts), prompt = told.draw(self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = self.config.rate * _share_of_rate(self.step / self.config.steps)
        loss = self.loss(visual, texts, prompt)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
        self._optimiser.step()
        self.step += 1
        return loss.detach()

    def loss(self, visual: Tensor, texts: list[str], prompt: str = llava.PROMPTS[0]) -> Tensor:
        with torch.device(self.captioner.llava.device):  # where the batch's ids are made
            return llava.caption_loss(self.captioner, visual, prompt, texts)

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> float | None:
        return float(np.mean([self.loss(*batch).item() for batch in batches])) if batches else None

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's weights and both moments of each."""
        return state.pack(self.trained, self._optimiser, {})

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor], progress: dict) -> None:
        """Goes back to saved `tensors()`."""
        state.unpack(tensors, self.trained, self._optimiser)
        self.step, self.seconds = progress["step"], progress["seconds"]


def tune(files: Files, config: Config, out: Path) -> None:
    """Tunes, or goes on with tuning, and writes the adapter.

    Raises:
        OSError, ValueError: files do not belong together, or `out` holds a run with other settings or data.
        NotReady, WeightsError: LLaVA is out of reach.
    """
    out.mkdir(parents=True, exist_ok=True)
    suite, saved, curve = files.config(), out / "state.safetensors", state.Curve(out / "curve.csv", COLUMNS)
    heard = clip_tokens.opened(files.features, suite)
    told = Told(files.features, heard, annotated.read(files.annotations), config)
    given = json.loads(json.dumps({"data": told.hash(), "suite": files.suite, "training": asdict(config)}))
    tensors, about = state.load(saved) if saved.exists() else ({}, {"settings": given, "curve": 0})
    if about["settings"] != given:
        raise ValueError(f"{out} holds a run of other data or settings: {about['settings']}, not {given}")
    run = Run(Parts(suite).captioner("frozen"), config)
    if tensors:
        run.restore(tensors, about["progress"])
    length, of = about["curve"], {"suite": files.suite, "features": str(files.features)}
    of |= {"annotations": str(files.annotations), "device": str(run.captioner.llava.device)}
    with manifest.running(out / "manifest.json", asdict(config), given["data"], **of) as noted:
        curve.begin(length)
        began = time.perf_counter() - run.seconds
        losses, held_out = [], told.validation()
        for _ in tqdm(range(run.step, config.steps), desc="tuning", unit="step", initial=run.step, total=config.steps):
            losses.append(run.update(told))
            if run.step % config.save_every and run.step < config.steps:
                continue
            train = torch.stack(losses).mean().item()
            if not math.isfinite(train):
                raise ValueError(f"the loss is {train} at step {run.step}: a lower rate may help")
            losses.clear()
            validation = run.validate(held_out)
            run.seconds = time.perf_counter() - began
            curve.add(step=run.step, train=train, validation=validation, seconds=run.seconds)
            progress = {"step": run.step, "seconds": run.seconds}
            state.save(saved, run.tensors(), {"settings": given, "progress": progress, "curve": curve.length})
        noted |= _write(out, given, run, told, curve.rows()[-1])


def _share_of_rate(progress: float) -> float:
    """Of the largest rate, at a share of the steps: a rise, then half a cosine."""
    if progress < WARM:
        return (progress + 0.01) / (WARM + 0.01)
    return (1 + math.cos(math.pi * (progress - WARM) / (1 - WARM))) / 2


def _write(out: Path, given: dict, run: Run, told: Told, last: dict[str, str]) -> dict:
    """`llava/` with its card -> what the card says beside settings and data."""
    run.adapted.save_pretrained(out / "llava" / "adapter")
    (out / "llava" / "adapter" / "README.md").unlink(missing_ok=True)  # peft's empty form; the card is filled in
    found = {
        "command": COMMAND,
        "minutes": round(run.seconds / 60, 1),
        "clips": {split: len(rows) for split, rows in told.rows.items()},
        "losses": {name: float(last[name]) for name in ("train", "validation") if last[name]},
    }
    card = {"data": given["data"], "training": given["training"]} | found
    whole.write(out / "llava" / "card.json", json.dumps(card, indent=1) + "\n")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training tune`."""
    parser.add_argument("--features", type=Path, required=True, help="what `training clips` wrote")
    parser.add_argument("--annotations", type=Path, required=True, help="what `annotate` wrote, or AVE-2's folder")
    parser.add_argument("--suite", choices=list(SUITES), default="paper", help="whose LLaVA (default: paper)")
    parser.add_argument("--checkpoints", type=Path, help="projectors (default: the suite's own)")
    parser.add_argument("--config", type=Path, help="your own settings (default: training/configs/paper.toml)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an unfinished one is gone on with")


def main(args: argparse.Namespace) -> int:
    limit_threads()
    files = Files(args.features, args.annotations, args.suite, args.checkpoints)
    tune(files, settings.read(Config, "tune", "paper", args.config), args.out)
    return 0
