"""The settings of training on cached pairs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """What the paper says of its projector, what AVVA says where the paper is silent (paper-facts 3 and 12).

    Attributes:
        hidden: widths of the two hidden layers.
        threshold: least mean alignment score of a pair, 0 to 10; 0 takes all, those without scores too.
        save_every: steps from one saved state, and row of the curve, to the next.
    """

    hidden: tuple[int, int]
    dropout: float
    temperature: float
    learn_temperature: bool
    one_way: bool
    rate: float
    weight_decay: float
    batch: int
    epochs: int
    threshold: float
    save_every: int
    seed: int

    def __post_init__(self) -> None:
        if min(self.batch, self.epochs, self.save_every) < 1:
            raise ValueError("batch, epochs and save_every are at least 1")
