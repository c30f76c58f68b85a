"""Runs in processes of their own: left alone, or killed ten times on the way and then left alone.

A run is killed at a random moment after it has made progress: after the first piece of work that it puts on the disk,
in the second, or after that. So every kill finds a run that got further than the one before, and a run of more than
twenty pieces can be killed ten times, however fast or busy the machine is.
"""

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from pytest import MonkeyPatch

KILLS = 10
LATEST = 0.05  # seconds after the first piece
LIMIT = 300  # seconds that a process may take on a busy machine

# A server that has imported the heavy modules once forks the processes: a fresh start takes seconds, and forking this
# process, whose threads are many, could hang.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["training.verbs", "training.paired", "torch._dynamo", "pytest"])  # AdamW's import


def alone(piece: str, work: Callable[..., Any], *arguments: Any) -> int:
    """Runs `work` to its end in a process like those that are killed: how a sum is rounded depends on its process.

    Args:
        piece: the function whose call puts a piece of work on the disk, such as "training.state:save".

    Returns:
        How many pieces there were.
    """
    exit_code, pieces = _run(piece, None, work, arguments)
    assert exit_code == 0
    return pieces


def killed(piece: str, work: Callable[..., Any], *arguments: Any) -> int:
    """Runs `work`, kills it and runs it again, ten times, and then to its end -> pieces of the last run."""
    luck = random.Random(0)
    for _ in range(KILLS):
        exit_code, pieces = _run(piece, (luck.uniform(0, LATEST), luck.random() < 0.5), work, arguments)
        assert exit_code == -signal.SIGKILL
        assert pieces >= 1
    return alone(piece, work, *arguments)


def _run(
    piece: str, doom: tuple[float, bool] | None, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[int | None, int]:
    pieces = PROCESSES.Value("i", lock=False)
    process = PROCESSES.Process(target=_watched, args=(piece, doom, pieces, work, arguments))
    process.start()
    process.join(LIMIT)
    if process.is_alive():
        process.kill()
        process.join()
        return None, pieces.value
    return process.exitcode, pieces.value


def _watched(
    piece: str, doom: tuple[float, bool] | None, pieces: Any, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """Counts the pieces; where there is a doom, kills this process so many seconds after the first.

    By then the second may have begun, or not; it may have ended, or not; a third is never begun.
    """
    whole = resolve_name(piece)

    def done(*given: Any, **named: Any) -> Any:
        if doom and (pieces.value > 1 or (pieces.value == 1 and not doom[1])):
            time.sleep(LIMIT)
        result = whole(*given, **named)
        pieces.value += 1
        if doom and pieces.value == 1:
            threading.Timer(doom[0], os.kill, (os.getpid(), signal.SIGKILL)).start()
        return result

    owner, _, name = piece.replace(":", ".").rpartition(".")
    MonkeyPatch().setattr(resolve_name(owner), name, done)
    work(*arguments)
