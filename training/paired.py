"""Trains a projector on the cached pairs of a large corpus: `python -m training paired --features DIR --out DIR`.

WhisperCLIP's fusion is trained with its projector.

Runs in one process or, started by `torchrun --nproc-per-node N -m training paired ...`, in several, with the same
batches and up to rounding the same result. Stopped at any moment and started again, it goes on where the last state
was saved; in one process the weights are then those of a run that was never stopped, bit for bit.

`DIR` gets `model/` (the Hub's form; `training.hub`), `curve.csv`, `manifest.json` and `state.safetensors`, which may
be deleted once the run is over.
"""

import argparse
import json
import math
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from soundclip_demo.config import limit_threads

from . import manifest, settings, state
from .hub import HubProjector
from .losses import gathered_info_nce, info_nce
from .paired_config import Config
from .paired_data import Batch, PairFiles, Pairs, share_of
from .processes import Processes, joined
from .projector import standardise

COLUMNS = ("epoch", "step", "train", "validation", "temperature", "seconds")
TEMPERATURES = (0.01, 1.0)  # where a learned one stays; CLIP, too, lets its similarities grow a hundredfold at most


class Aligner(nn.Module):
    """A projector with its head, and the temperature of its loss. Gives a batch's loss, as its wrapper wants it."""

    def __init__(self, projector: HubProjector, config: Config) -> None:
        super().__init__()
        self.projector, self.one_way = projector, config.one_way
        start = torch.tensor(math.log(config.temperature))
        self.log_temperature = nn.Parameter(start, requires_grad=config.learn_temperature)

    @property
    def temperature(self) -> Tensor:
        return self.log_temperature.exp()

    def forward(self, features: Tensor, picture: Tensor, groups: Tensor, gathered: bool = False) -> Tensor:
        loss = gathered_info_nce if gathered else info_nce
        return loss(self.projector(features), picture, groups, self.temperature, self.one_way)


@dataclass
class Progress:
    """Whole epochs done, steps done of the next one, seconds taken, and the epoch with the lowest validation loss."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best_loss: float | None = None


class Run:
    """Everything that a step changes."""

    def __init__(self, pairs: Pairs, config: Config, processes: Processes) -> None:
        self.pairs, self.config, self.processes = pairs, config, processes
        self.batch = min(config.batch, len(pairs.train))
        if self.batch % processes.count:
            raise ValueError(f"a batch of {self.batch} cannot be shared evenly by {processes.count} processes")
        torch.manual_seed(config.seed)
        width = pairs.pictures.shape[1]
        projector = HubProjector(pairs.features.shape[1:], width, config.hidden, config.dropout)
        self.aligner = Aligner(projector, config).to(processes.device)
        self.several = processes.count > 1
        self.model = DistributedDataParallel(self.aligner, forward_sync_buffers=False) if self.several else self.aligner
        self.optimiser = torch.optim.AdamW(
            # Decay would pull a learned temperature towards 1.
            [{"params": projector.parameters()}, {"params": [self.aligner.log_temperature], "weight_decay": 0.0}],
            lr=config.rate,
            weight_decay=config.weight_decay,
        )
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}

    def standardise(self) -> None:
        """Statistics of what fusion and projector take, from all training pairs; a restored run has them already."""
        trained, device = self.aligner.projector, self.processes.device
        if trained.fused:
            standardise(trained.head, *self.pairs.statistics(nn.Identity(), device)[:2])
        *spread, norm = self.pairs.statistics(trained.head, device)
        standardise(trained.projector, *spread)
        trained.projector.norm.copy_(norm)

    def plan(self) -> list[np.ndarray]:
        """This process's rows of each batch that is left of the epoch."""
        left = self.pairs.epoch(self.progress.epoch, self.batch)[self.progress.step :]
        return [share_of(rows, self.processes) for rows in left]

    def step(self, batch: Batch) -> Tensor:
        """One update; gives the loss of this process's pairs."""
        self.model.train()
        # Dropout of a step depends on nothing that came before it, so that a resumed run draws the same.
        at = [self.config.seed, self.progress.epoch, self.progress.step, self.processes.rank]
        torch.manual_seed(int(np.random.SeedSequence(at).generate_state(1)[0]))
        loss = self.model(*batch, gathered=self.several)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        if self.config.learn_temperature:
            with torch.no_grad():
                self.aligner.log_temperature.clamp_(*map(math.log, TEMPERATURES))
        self.progress.step += 1
        return loss.detach()

    @torch.no_grad()
    def validate(self) -> float:
        """Mean loss over all held-out pairs, in batches of the training's size; the processes take turns."""
        self.aligner.eval()
        rows, count = self.pairs.validation, self.processes.count
        plan = [np.sort(rows[i : i + self.batch]) for i in range(0, len(rows), self.batch)]
        total = torch.zeros((), device=self.processes.device)
        for batch in self.pairs.batches(plan[self.processes.rank :: count], self.processes.device):
            total += self.aligner(*batch) * len(batch[0])
        return self.processes.mean(total).item() * count / len(rows)

    def end_epoch(self, validation: float) -> None:
        self.progress.epoch, self.progress.step = self.progress.epoch + 1, 0
        if self.progress.best_loss is None or validation < self.progress.best_loss:
            self.progress.best_epoch, self.progress.best_loss = self.progress.epoch, validation
            self.best = {name: value.cpu().clone() for name, value in self.aligner.projector.state_dict().items()}

    def tensors(self) -> dict[str, Tensor]:
        """Weights, both moments of every weight, and the best epoch's weights, by name."""
        return state.pack(self.aligner.state_dict(), self.optimiser, self.best)

    def restore(self, tensors: dict[str, Tensor], progress: dict) -> None:
        """Goes back to saved `tensors()` and progress."""
        self.best = state.unpack(tensors, self.aligner.state_dict(), self.optimiser)
        self.progress = Progress(**progress)


def train(files: PairFiles, config: Config, out: Path) -> None:
    """Trains, or goes on with training, and writes the epoch with the lowest validation loss.

    Raises:
        ValueError: the pairs are unfit, the state is damaged, or `out` holds a run with other settings or data.
    """
    out.mkdir(parents=True, exist_ok=True)
    with joined() as processes:
        _train(files, config, out, processes)


def _train(files: PairFiles, config: Config, out: Path, processes: Processes) -> None:
    pairs = Pairs(files, config.threshold or None, config.seed)
    run = Run(pairs, config, processes)
    data = pairs.hash()
    saved = out / "state.safetensors"
    of = json.loads(json.dumps({"data": data, "training": asdict(config)}))
    curve = state.Curve(out / "curve.csv", COLUMNS)
    length = 0
    if saved.exists():
        tensors, about = state.load(saved)
        if about["settings"] != of:
            raise ValueError(f"{out} holds a run of other data or settings: {about['settings']}, not {of}")
        run.restore(tensors, about["progress"])
        length = about["curve"]
    else:
        run.standardise()
    leads = processes.rank == 0
    known = {"features": str(files.features), "device": str(processes.device), "processes": processes.count}
    noted = manifest.running(out / "manifest.json", asdict(config), data, **known) if leads else nullcontext({})
    with noted as about:
        if leads:
            curve.begin(length)
        began = time.perf_counter() - run.progress.seconds

        def keep(epoch: int, step: int, losses: list[Tensor], validation: float | None = None) -> None:
            """A row of the curve and the state after it."""
            train_loss = processes.mean(torch.stack(losses).mean()).item()
            if not math.isfinite(train_loss):
                raise ValueError(f"the loss is {train_loss} at epoch {epoch}, step {step}: a lower rate may help")
            run.progress.seconds = time.perf_counter() - began
            losses.clear()
            if leads:
                values = {"train": train_loss, "validation": validation, "seconds": run.progress.seconds}
                temperature = run.aligner.temperature.item()
                curve.add(epoch=epoch, step=step, **values, temperature=temperature)
                progress = {"settings": of, "progress": asdict(run.progress), "curve": curve.length}
                state.save(saved, run.tensors(), progress)

        steps = len(pairs.train) // run.batch
        bar = tqdm(total=steps * config.epochs, desc=f"projector {files.encoder}", unit="step", disable=not leads)
        bar.update(run.progress.epoch * steps + run.progress.step)
        while run.progress.epoch < config.epochs:
            losses: list[Tensor] = []
            for batch in pairs.batches(run.plan(), processes.device):
                losses.append(run.step(batch))
                bar.update()
                if run.progress.step % config.save_every == 0 and run.progress.step < steps:
                    keep(run.progress.epoch + 1, run.progress.step, losses)
            validation = run.validate()
            run.end_epoch(validation)
            keep(run.progress.epoch, steps, losses, validation)
        bar.close()
        if leads:
            about |= _write(out, files, config, run, data)


def _write(out: Path, files: PairFiles, config: Config, run: Run, data: str) -> dict:
    """`model/` -> what its card says beside settings and data."""
    projector = run.aligner.projector.cpu().eval()
    projector.load_state_dict(run.best)
    progress, pairs = run.progress, run.pairs
    found = {
        "encoder": files.encoder,
        "encoder_spec": run.pairs.features.spec,
        "pairs": {"train": len(pairs.train), "validation": len(pairs.validation), "left_out": pairs.left_out},
        "command": "python -m training paired --features DIR --encoder NAME --out DIR",
        "minutes": round(progress.seconds / 60, 1),
        "best_epoch": {"epoch": progress.best_epoch, "validation": progress.best_loss},
    }
    projector.card = found | {"data": data, "training": asdict(config)}
    projector.save_pretrained(out / "model")
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training paired`."""
    parser.add_argument("--features", type=Path, required=True, help="what `training clips` wrote")
    parser.add_argument("--encoder", required=True, help="whose features of it are projected")
    parser.add_argument("--config", type=Path, help="your own settings (default: training/configs/paper.toml)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an unfinished one is gone on with")


def main(args: argparse.Namespace) -> int:
    limit_threads()
    train(PairFiles(args.features, args.encoder), settings.read(Config, "paired", "paper", args.config), args.out)
    return 0
