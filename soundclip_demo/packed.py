"""Linear layers whose weights lie in memory as oneDNN reads them.

For products with few rows a processor takes half the time, or less, of what it takes by the library that torch uses
without being asked. The operators are those of torch's compiler, which itself would take half a minute to begin with;
torch's version is pinned.
"""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class Packed(nn.Module):
    """A `Linear` to compute with, not to train."""

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        """`rows` are how many it is mostly given at a time."""
        super().__init__()
        self.rows, self.bias = rows, linear.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), rows)

    def forward(self, states: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        return torch.ops.mkldnn._linear_pointwise(states, self.packed, self.bias, "none", [], "")

    def linear(self) -> nn.Linear:
        """What was packed."""
        weight = self.packed.to_dense()
        linear = nn.Linear(*weight.T.shape, bias=False, device="meta")  # elsewhere it would draw lots for weights
        linear.weight, linear.bias = nn.Parameter(weight, requires_grad=False), self.bias
        return linear


def pack(module: M, rows: int) -> M:
    """The module, which is to stay on the processor, with every `Linear` below it packed, where torch has oneDNN."""
    there = torch.backends.mkldnn.is_available()
    _replaced(module, lambda part: Packed(part, rows) if there and type(part) is nn.Linear else part)
    with suppress(OSError, AttributeError):  # no glibc; which would keep the memory of what was packed, for later
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return module


def unpack(module: M) -> M:
    """The module as it was, to be trained or saved."""
    _replaced(module, lambda part: part.linear() if isinstance(part, Packed) else part)
    if hasattr(module, "tie_weights"):
        module.tie_weights()  # a language model's last layer has the weight of its first
    return module


def _replaced(module: M, other: Callable[[nn.Module], nn.Module]) -> M:
    for above in list(module.modules()):
        for name, part in above.named_children():
            setattr(above, name, other(part))
    return module
