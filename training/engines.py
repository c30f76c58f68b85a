"""Where the shards of `training clips` are computed: in processes of this machine, or on a Ray cluster."""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from typing import Any

import torch

from soundclip_demo.config import THREADS
from soundclip_demo.parts import NotReady
from soundclip_demo.weights import WeightsError

from .clip_features import Task, Work, Worker
from .processes import end_with_parent

START = "spawn"  # a fresh process: CUDA and threads do not survive a fork
Done = tuple[Task, dict[int, str]]  # a shard that is written, and the clips of it that could not be read, by row
Engine = Callable[[Work, list[Task], int | None], Iterable[Done]]


def local(work: Work, tasks: list[Task], processes: int | None = None) -> Iterator[Done]:
    """Processes of this machine: one a GPU, or where there is none as many as threads are allowed.

    Args:
        processes: how many; GPUs are dealt out in turn, threads are divided.
    """
    gpus = torch.cuda.device_count()
    processes = min(processes or gpus or THREADS, len(tasks))
    work = replace(work, threads=max(1, THREADS // processes))
    context = multiprocessing.get_context(START)
    seats = context.SimpleQueue()
    for number in range(processes):
        seats.put(number % gpus if gpus else None)
    with ProcessPoolExecutor(processes, context, _start, (work, seats)) as pool:
        yield from zip(tasks, pool.map(_run, tasks), strict=True)


def by_ray(work: Work, tasks: list[Task], processes: int | None = None) -> Iterator[Done]:
    """Actors of Ray Data, on the cluster that RAY_ADDRESS names or else on this machine.

    All machines need this code, the clips and the folder of features under the same paths, and the checkpoints.

    Args:
        processes: how many actors; None for one a GPU of the cluster, or one a core where it has no GPUs.

    Raises:
        ValueError: Ray is not installed, or a shard could not be computed.
    """
    try:
        import ray
        from ray.data import ActorPoolStrategy, from_items
    except ImportError as error:
        raise ValueError("Ray is not installed: pip install -r requirements-ray.txt") from error

    ray.init(ignore_reinit_error=True)
    there = ray.cluster_resources()
    gpus, cores = int(there.get("GPU", 0)), int(there.get("CPU", 1))
    by_number = {task.number: task for task in tasks}
    given = [{"number": task.number, "first": task.first, "files": list(task.files)} for task in tasks]
    done = from_items(given, override_num_blocks=len(given)).map_batches(
        RayWorker,
        fn_constructor_args=(replace(work, threads=1),),
        batch_size=1,
        compute=ActorPoolStrategy(size=min(processes or gpus or cores, len(tasks))),
        num_cpus=1,
        num_gpus=1 if gpus else None,
    )
    for row in done.iter_rows():
        if row["failure"]:
            raise ValueError(row["failure"])
        problems = {int(at): why for at, why in json.loads(row["problems"]).items()}
        yield by_number[int(row["number"])], problems


class RayWorker:
    """`Worker` behind the tables that Ray Data passes on: a batch is one shard."""

    def __init__(self, work: Work) -> None:
        self._worker = Worker(work)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list]:
        (number,), (first,), (files,) = batch["number"], batch["first"], batch["files"]
        problems, failure = {}, ""
        try:
            problems = self._worker(Task(int(number), int(first), tuple(map(str, files))))
        except (OSError, ValueError, NotReady, WeightsError) as error:  # Ray would bury it in a page of its own
            failure = str(error)
        return {"number": [int(number)], "problems": [json.dumps(problems)], "failure": [failure]}


ENGINES: dict[str, Engine] = {"local": local, "ray": by_ray}

_worker: Worker | None = None  # of a process of the pool


def _start(work: Work, seats: SimpleQueue) -> None:
    global _worker
    end_with_parent()
    if (gpu := seats.get()) is not None:
        torch.cuda.set_device(gpu)
    _worker = Worker(work)


def _run(task: Task) -> dict[int, str]:
    return _worker(task)
