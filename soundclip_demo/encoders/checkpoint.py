"""State dicts of encoders: opened strictly, and the retrained ones saved with their sizes and card."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)
Config = TypeVar("Config")
SHOWN = 5  # names in a message; a wrong file has hundreds


class CheckpointError(ValueError):
    """A state dict that is not the one the network needs; the message names the keys."""


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
    """Writes a trained tower in float16; `config` (a dataclass) and `card` go into the header."""
    state = {name: tensor.half().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, file, {"config": json.dumps(asdict(config)), "card": json.dumps(card)})


def read(file: Path, kind: type[Config]) -> tuple[Config, dict[str, Tensor]]:
    """Config and float32 state of a tower that `save` wrote."""
    with safe_open(file, "pt") as checkpoint:
        config = kind(**json.loads(checkpoint.metadata()["config"]))
        return config, {name: checkpoint.get_tensor(name).float() for name in checkpoint.keys()}


def _listed(names: Any) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more
