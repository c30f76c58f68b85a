"""What every audio encoder is to the rest of the demo."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Protocol

from torch import Tensor


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
    window gives the same embedding alone and in a batch.
    """

    spec: EncoderSpec
    sample_rate: int
    dim: int

    def encode(self, windows: Tensor) -> Tensor: ...
