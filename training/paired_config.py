"""The settings of training on cached pairs, and the TOML file that gives them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .losses import TEMPERATURE
from .paired_data import PairFiles


@dataclass(frozen=True)
class Config:
    """What the paper says of its projector, what AVVA says where the paper is silent (paper-facts 3 and 12).

    Attributes:
        hidden: widths of the two hidden layers.
        threshold: least mean alignment score of a pair, 0 to 10; None takes all.
        validation: share of the groups that is held out.
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
    validation: float = 0.05
    save_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.batch, self.epochs, self.save_every) < 1 or not 0 < self.validation < 1:
            raise ValueError("batch, epochs and save_every are at least 1, and validation is a share between 0 and 1")


def read(file: Path) -> tuple[PairFiles, Config]:
    """A TOML file of two tables, `[pairs]` and `[training]`; its paths are relative to its folder.

    Raises:
        ValueError: it is no TOML, or a key is unknown, missing or of the wrong type.
    """
    try:
        given = tomllib.loads(file.read_text())
        if unknown := given.keys() - {"pairs", "training"}:
            raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
        pairs, training = given.get("pairs", {}), given.get("training", {})
        paths = {name: file.parent / value for name, value in pairs.items() if not name.startswith("encoder")}
        return PairFiles(**pairs | paths), Config(**{name: _typed(name, value) for name, value in training.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _typed(name: str, value: object) -> object:
    """A setting as TOML gives it -> as `Config` wants it; an unknown one is left for `Config` to refuse."""
    like = 0.0 if name == "threshold" else getattr(Config, name, value)
    if isinstance(like, float) and type(value) is int:
        return float(value)
    if isinstance(like, tuple) and isinstance(value, list):
        return tuple(value)
    if type(value) is not type(like):  # `isinstance` would take true for a number
        raise ValueError(f"{name} = {value!r} should be like {like!r}")
    return value
