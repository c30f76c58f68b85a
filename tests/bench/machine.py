"""What two threads of the machine can do at most, for the bounds in the tables."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def operations_a_second() -> float:
    """Of a product of two large matrices in float32, the best of ten."""
    width = 2048
    matrix = torch.randn(width, width)
    return 2 * width**3 / _least(10, lambda: matrix @ matrix)


def bandwidth() -> float:
    """Bytes a second that summing a gigabyte reads, the best of five."""
    values = torch.ones(2**28)
    return values.nbytes / _least(5, values.sum)


def operations(work: Callable[[], Any]) -> int:
    """What torch computes in products and convolutions while something is done once."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _least(times: int, work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)
