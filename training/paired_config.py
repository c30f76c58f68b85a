"""The settings of training on cached pairs, and the TOML file that gives them."""

from dataclasses import dataclass
from pathlib import Path

from . import config_file
from .losses import TEMPERATURE
from .paired_data import PairFiles


@dataclass(frozen=True)
class Config:
    """What the paper says of its projector, what AVVA says where the paper is silent (paper-facts 3 and 12).

    Attributes:
        hidden: widths of the two hidden layers.
        threshold: least mean alignment score of a pair, 0 to 10; None takes all.
        save_every: steps from one saved state, and row of the curve, to the next.
    """

    hidden: tuple[int, int] = (512, 1024)
    dropout: float = 0.0
    temperature: float = TEMPERATURE
    learn_temperature: bool = False
    one_way: bool = False
    rate: float = 1e-4
    weight_decay: float = 1e-4
    batch: int = 1024
    epochs: int = 50
    threshold: float | None = None
    save_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.batch, self.epochs, self.save_every) < 1:
            raise ValueError("batch, epochs and save_every are at least 1")


def read(file: Path) -> tuple[PairFiles, Config]:
    """A TOML file of two tables, `[pairs]` and `[training]`; its paths are relative to its folder.

    Raises:
        ValueError: it is no TOML, or a key is unknown, missing or of the wrong type.
    """
    return config_file.read(file, pairs=PairFiles, training=Config)
