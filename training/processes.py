"""One process or several under `torchrun`: who this one is, where it computes, and what the others have."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, parent_process

import torch
from torch import Tensor
from torch import distributed as dist


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank, count: its number, from 0, and how many there are.
        device: its GPU, if the machine has any.
    """

    rank: int
    count: int
    device: torch.device

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a tensor over the processes, on every one of them."""
        if self.count > 1:
            dist.all_reduce(value)
        return value / self.count


@contextmanager
def joined() -> Iterator[Processes]:
    """Joins the processes that `torchrun` started (it sets RANK, LOCAL_RANK and WORLD_SIZE), or stays alone.

    A model that is wrapped for the group must be gone before the block ends: freed later, it may wait for the group's
    threads while they wait for the interpreter's lock, for ever. So do the work in a function that the block calls.
    """
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    if count > 1:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank, count, device)
    finally:
        if count > 1:
            dist.destroy_process_group()


def end_with_parent() -> None:
    """Ends this process, one of a pool, with the one that started it.

    Otherwise it would wait for ever once that was killed, or go on beside the next run's.
    """

    def wait() -> None:
        connection.wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def gather(values: Tensor) -> Tensor:
    """[n, ...] of every process, in the order of their ranks -> [count x n, ...]; gradients flow back to each."""
    return _Gather.apply(values)


class _Gather(torch.autograd.Function):
    """Own code: torch's differentiable collectives are deprecated or lack gloo."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, values: Tensor) -> Tensor:
        parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, values.contiguous())
        ctx.count = len(values)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        """What all processes' losses want of this process's values."""
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        first = dist.get_rank() * ctx.count
        return gradient[first : first + ctx.count]
