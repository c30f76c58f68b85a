"""The course of a training loop, saved on the way: killed at any moment, the next run goes on and ends the same.

In one process of the same machine the weights are then those of a run that was never stopped, bit for bit.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import tqdm

from . import state


class Course:
    """What was noted of each turn (an epoch or a step), and the state that all turns up to it left behind.

    Attributes:
        rows: one for each turn that is done: its losses by name.
        best: the weights after the turn with the lowest `validation` loss; none where there is no such loss.
    """

    def __init__(
        self,
        file: Path | None,
        weights: dict[str, Tensor],
        optimiser: Optimizer,
        schedule: LRScheduler | None = None,
        randoms: Sequence[np.random.Generator] = (),
    ) -> None:
        """Begins, or goes on where `file` stopped; None saves nothing.

        Args:
            weights: everything that a turn changes, such as a module's `state_dict()`.
            randoms: generators that are drawn from; torch's own is kept in any case.
        """
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self._file, self._weights, self._optimiser, self._schedule = file, weights, optimiser, schedule
        self._randoms = randoms
        if file and file.exists():
            self._restore(file)

    def turns(self, count: int, about: str, unit: str) -> Iterator[tqdm]:
        """The turns that are left of `count`, each with the progress bar; each has to `add` its row."""
        pace = state.Pace()
        with tqdm(total=count, initial=len(self.rows), desc=about, unit=unit) as bar:
            while (turn := len(self.rows)) < count:
                yield bar
                bar.update(len(self.rows) - turn)
                if self._file and (pace.due() or len(self.rows) == count):
                    self._save(self._file)

    def add(self, **losses: float) -> None:
        """Notes a turn, and keeps its weights if they are the best so far."""
        if "validation" in losses and all(losses["validation"] < row["validation"] for row in self.rows):
            self.best = {name: value.clone() for name, value in self._weights.items()}
        self.rows.append(losses)

    def _save(self, file: Path) -> None:
        about = {
            "rows": self.rows,
            "groups": self._optimiser.state_dict()["param_groups"],
            "schedule": self._schedule and self._schedule.state_dict(),
            "randoms": [random.bit_generator.state for random in self._randoms],
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        tensors = state.pack(self._weights, self._optimiser, self.best)
        state.save(file, tensors | {"random": torch.get_rng_state()}, about)

    def _restore(self, file: Path) -> None:
        tensors, about = state.load(file)
        self.rows = about["rows"]
        self.best = state.unpack(tensors, self._weights, self._optimiser)
        for group, saved in zip(self._optimiser.param_groups, about["groups"], strict=True):
            group.update({name: value for name, value in saved.items() if name != "params"})
        if self._schedule:
            self._schedule.load_state_dict(about["schedule"])
        for random, saved in zip(self._randoms, about["randoms"], strict=True):
            random.bit_generator.state = saved
        torch.set_rng_state(tensors["random"])
