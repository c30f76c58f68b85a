"""How long an epoch of a large corpus takes: `python -m tests.bench.projector [--rows 570138] [--steps 100]`.

Trains on made-up pairs of width 1024 in a temporary folder (4 KB each, so 2.3 GB at full size) and prints a table: the
share of the time that is spent computing, an epoch of AVE-2 extrapolated from the steps taken (without its validation),
and resident memory, which is compared from the first steps to the last.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch

from soundclip_demo.config import limit_threads
from training import rows, settings, state
from training.paired import Run
from training.paired_config import Config
from training.paired_data import PairFiles, Pairs
from training.processes import joined
from training.rows import PICTURES

AVE2 = 570_138  # clips of the released set (paper-facts section 6.1)
WIDTH, SEGMENTS = 1024, 3  # segments of one video
BLOCKS = 8  # shards that are drawn; the others repeat them
HELD_OUT = 20  # one video of so many is not trained on
WARM, SPAN = 10, 10  # steps before the clock starts; steps whose median memory is compared
COMPUTE, GROWTH = 0.95, 0.1  # targets; the allocator holds a few batches of 8 MB more or less at times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=AVE2)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    limit_threads()
    with tempfile.TemporaryDirectory() as folder, joined() as processes:
        files, config = _files(Path(folder), args.rows), settings.read(Config, "paired", "paper")
        began = time.perf_counter()
        run = Run(Pairs(files, None, config.seed), config, processes)
        run.standardise()
        opened = time.perf_counter() - began
        memory, computing = [], 0.0
        plan = run.plan()[: WARM + args.steps]
        if (steps := len(plan) - WARM) < SPAN:
            parser.error(f"{args.rows} rows have {len(plan)} steps, and {WARM + SPAN} are wanted")
        for i, batch in enumerate(run.pairs.batches(plan, processes.device)):
            if i == WARM:
                began, computing = time.perf_counter(), 0.0
            step = time.perf_counter()
            run.step(batch)
            if processes.device.type == "cuda":
                torch.cuda.synchronize()
            computing += time.perf_counter() - step
            memory.append(psutil.Process().memory_info().rss / 2**20)
        seconds = (time.perf_counter() - began) / steps
        began = time.perf_counter()
        state.save(Path(folder) / "state.safetensors", run.tensors(), {})
        saved = time.perf_counter() - began
    epoch = AVE2 // config.batch
    first, last = (statistics.median(part) for part in (memory[WARM : WARM + SPAN], memory[-SPAN:]))
    print(f"{args.rows} pairs of {WIDTH} to {WIDTH}, batch {config.batch}, {steps} steps on {processes.device}, ")
    print(f"{torch.get_num_threads()} threads, files in the page cache\n")
    print(f"{'':44} {'measured':>10} {'target':>8}")
    print(f"{'files checked and averaged, once':44} {opened:8.1f} s")
    print(f"{'pairs a second':44} {config.batch / seconds:10.0f}")
    print(f"{'share of the time in the compute step':44} {computing / steps / seconds:10.1%} {COMPUTE:8.0%}")
    print(f"{f'an epoch of {AVE2} pairs, {epoch} steps':44} {seconds * epoch:8.0f} s")
    print(f"{f'a saved state, every {config.save_every} steps':44} {saved:8.2f} s")
    print(f"{'memory in the first steps':44} {first:7.0f} MB")
    print(f"{'memory in the last steps':44} {last:7.0f} MB")
    print(f"{'most memory at any step':44} {max(memory):7.0f} MB")
    print(f"{'growth from first to last':44} {last / first - 1:10.1%} {GROWTH:8.0%}")


def _files(folder: Path, count: int) -> PairFiles:
    """Made-up pairs whose values need not mean anything."""
    random = np.random.default_rng(0)
    layout = rows.Layout("made-up", count, rows.shard_of(count))
    for name in ("made-up", PICTURES):
        rows.begin(folder / name, layout)
        blocks = [random.normal(size=(layout.shard, WIDTH)).astype(np.float16) for _ in range(BLOCKS)]
        for number in range(layout.shards):
            rows.write(folder / name, number, blocks[number % BLOCKS][: len(layout.rows_of(number))], {})
    groups = np.arange(count) // SEGMENTS
    np.save(folder / "groups.npy", groups)
    np.save(folder / "splits.npy", np.where(groups % HELD_OUT, "train", "validation"))
    return PairFiles(folder, "made-up")


if __name__ == "__main__":
    main()
