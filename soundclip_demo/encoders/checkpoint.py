"""State dicts of encoders: opened strictly, and the retrained ones saved with their sizes and card."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from .. import tensors
from ..weights import CheckpointError, sha256
from .base import EncoderSpec, Kind, TowerEncoder

Module = TypeVar("Module", bound=nn.Module)
SHOWN = 5  # names in a message; a wrong file has hundreds


def load_strict(module: Module, state: dict[str, Tensor], what: str) -> Module:
    """Fills `module` from `state`, every key of both used, and gives it back for evaluation.

    Args:
        what: the checkpoint's name in an error.

    Raises:
        CheckpointError: a key is missing, extra or of another shape.
    """
    wanted = module.state_dict()
    shaped = [name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape]
    problems = {
        "missing": wanted.keys() - state.keys(),
        "not known": state.keys() - wanted.keys(),
        "of another shape": shaped,
    }
    said = [f"{kind}: {_listed(names)}" for kind, names in problems.items() if names]
    if said:
        raise CheckpointError(f"{what} does not fit ({'; '.join(said)})")
    module.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in state.items()})
    return module.eval()


def save(file: Path, module: nn.Module, config: Any, card: dict) -> None:
    """Writes a trained tower, its matrices in float16; `config` (a dataclass) and `card` go into the header.

    Vectors stay as they are: among them are the front ends' windows, whose rounding is heard as noise.
    """
    state = {name: tensor.half() if tensor.dim() > 1 else tensor for name, tensor in module.state_dict().items()}
    state = {name: tensor.contiguous() for name, tensor in state.items()}
    tensors.save(file, state, {"config": json.dumps(asdict(config)), "card": json.dumps(card)})


def retrained(kind: Kind, file: Path) -> TowerEncoder:
    """The encoder that `save` wrote."""
    with safe_open(file, "pt") as opened:
        config = kind.config(**json.loads(opened.metadata()["config"]))
        state = {name: opened.get_tensor(name) for name in opened.keys()}
    tower = load_strict(kind.tower(config), state, file.name)
    return TowerEncoder(tower, retrained_spec(kind, file))


def retrained_spec(kind: Kind, file: Path) -> EncoderSpec:
    """The spec of a retrained encoder, without opening it: it changes with every training."""
    return kind.spec(f"{file.name} sha256:{sha256(file)}")


def published(kind: Kind, file: Path, checkpoint: str) -> TowerEncoder:
    """The encoder in the safetensors `file`, with the network its authors published."""
    return TowerEncoder(load_strict(kind.tower(kind.config()), load_file(file), checkpoint), kind.spec(checkpoint))


def _listed(names: Any) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more
