"""What two threads of the machine can do at most, for the bounds in the tables."""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def operations_a_second() -> float:
    """Of products of large matrices in float32, the best of ten, by whichever of torch's libraries is quicker."""
    width = 2048
    matrix = torch.randn(width, width)
    ways = [lambda: matrix @ matrix]
    if torch.backends.mkldnn.is_available():
        ways.append(lambda: torch.ops.mkldnn._linear_pointwise(matrix, matrix, None, "none", [], ""))
    return 2 * width**3 / min(_least(10, way) for way in ways)


def bandwidth() -> float:
    """Bytes a second that summing a gigabyte reads, the best of five."""
    values = torch.ones(2**28)
    return values.nbytes / _least(5, values.sum)


def operations(work: Callable[[], Any]) -> int:
    """What torch computes in products and convolutions while something is done once."""
    known = {torch.ops.mkldnn._linear_pointwise: _linear} if torch.backends.mkldnn.is_available() else {}
    with FlopCounterMode(display=False, custom_mapping=known) as counter:
        work()
    return counter.get_total_flops()


def _linear(states: torch.Size, weight: torch.Size, *more: Any, out_shape: torch.Size, **named: Any) -> int:
    return 2 * math.prod(states) * out_shape[-1]


def _least(times: int, work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)
