"""What every audio encoder is to the rest of the demo."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from ..config import WINDOW_SECONDS

if TYPE_CHECKING:
    from .joint import JointSpace


@dataclass(frozen=True)
class EncoderSpec:
    """What an embedding depends on. Its hash is stored with everything computed from embeddings.

    Attributes:
        name: key in the registry and on the command line.
        checkpoint: package, version and hash, or repository and revision.
        preprocessing, pooling: one line each, in the terms of the source.
        context: seconds of sound the network sees.
    """

    name: str
    checkpoint: str
    preprocessing: str
    pooling: str
    context: float

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


class Encoder(Protocol):
    """A frozen audio encoder.

    `encode` takes windows float32 [N, T] at `sample_rate` and gives embeddings float32 [N, dim]; the same
    window gives the same embedding alone and in a batch. It is `pool(hear(windows))`: the network's pass, float32
    [N, ...] in main memory, and the little that makes an embedding of it. Encoders that share a network (`shares` in
    the registry) hear the same, so that one pass serves both.

    `joint` opens the space that embeddings share with pictures or texts; None where there is none. It is opened when
    asked for: the published picture sides are larger than the encoders.
    """

    spec: EncoderSpec
    sample_rate: int
    dim: int
    joint: "Callable[[], JointSpace] | None"

    def hear(self, windows: Tensor) -> Tensor: ...

    def pool(self, heard: Tensor) -> Tensor: ...

    def encode(self, windows: Tensor) -> Tensor:
        return self.pool(self.hear(windows))


class Tower(Protocol):
    """A network with its front end, as a `torch.nn.Module` whose state dict has its authors' names.

    The two halves are apart because training computes `features` once and runs `embed` in every epoch.
    """

    sample_rate: int
    dim: int

    def features(self, windows: Tensor) -> Tensor:
        """Windows float32 [N, T] -> what the network reads, [N, ...]."""

    def embed(self, features: Tensor) -> Tensor:
        """[N, ...] -> embeddings [N, dim]."""


@dataclass(frozen=True)
class Kind:
    """What an encoder with a tower is, whichever weights it runs on.

    Attributes:
        tower, config: `tower(config)` builds the network; a fresh `config()` is the published one.
        preprocessing, pooling: see `EncoderSpec`.
    """

    name: str
    tower: Callable[[Any], Any]
    config: type
    preprocessing: str
    pooling: str

    def spec(self, checkpoint: str) -> EncoderSpec:
        return EncoderSpec(self.name, checkpoint, self.preprocessing, self.pooling, WINDOW_SECONDS)


class TowerEncoder(Encoder):
    """The encoder that a tower is, once its weights are loaded. What it hears is the embedding."""

    joint: "Callable[[], JointSpace] | None" = None

    def __init__(self, tower: Tower, spec: EncoderSpec) -> None:
        self.tower, self.spec = tower, spec
        self.sample_rate, self.dim = tower.sample_rate, tower.dim

    @torch.inference_mode()
    def hear(self, windows: Tensor) -> Tensor:
        """Windows [N, T] -> [N, dim], wherever the tower runs."""
        device = next(self.tower.parameters()).device
        return self.tower.embed(self.tower.features(windows.to(device)).to(device)).cpu()

    def pool(self, heard: Tensor) -> Tensor:
        """[N, dim], as it is."""
        return heard
