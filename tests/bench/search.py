"""Search in many clips: `python -m tests.bench.search [--clips 580000] [--engine lancedb]` prints a table.

Made-up tokens in clusters: categories, videos in them, five segments a video, with the falling spectrum that tokens of
pictures have. Each query is a segment's token with a little noise. Exact search is FAISS's over all tokens in float32.
The bounds: a search reads the codes of the lists that it probes, their centres, the proposed tokens and the moments;
building compares each token with each centre and multiplies it by itself. As often as that, at the speeds of the run.
Needs 1.2 GB of disk and 6 GB of memory for exact search; the index is built in a process of its own.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from soundclip_demo.config import limit_threads
from soundclip_demo.indexes import ENGINES, index_of
from soundclip_demo.proposals import PROBED, PROPOSED, lists
from soundclip_demo.search import FlatIndex, Index

from .machine import bandwidth, operations_a_second

WIDTH, CATEGORIES, SEGMENTS = 1024, 400, 5
QUERIES, K = 100, 10
BLOCK = 20_000
BITS = {"faiss": 4, "lancedb": 8}  # of a code, for each number of a token
BUILD = """import resource, sys
from pathlib import Path
from soundclip_demo import config, indexes
config.limit_threads()
indexes.build(Path(sys.argv[1]), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=580_000)
    parser.add_argument("--engine", choices=list(ENGINES), default="faiss")
    args = parser.parse_args()
    clips = args.clips
    limit_threads()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokens = make(folder / "tokens.npy", clips)
        began = time.perf_counter()
        command = [sys.executable, "-c", BUILD, name, args.engine]
        built = subprocess.run(command, check=True, capture_output=True, text=True)
        building, peak = time.perf_counter() - began, int(built.stdout.split()[-1])
        began = time.perf_counter()
        large = index_of(folder, tokens)
        opening = time.perf_counter() - began
        files = [file for file in folder.rglob("*") if file.is_file() and file != folder / "tokens.npy"]
        size = sum(file.stat().st_size for file in files)
        random = np.random.default_rng(0)
        rows = random.integers(clips, size=QUERIES)
        noise = random.normal(0, 0.01, (QUERIES, WIDTH))
        queries = (tokens[rows].astype(np.float32) + noise).astype(np.float32)
        large.search(queries[0], K)
        found, quick = _timed(large, queries)
        began = time.perf_counter()
        flat = FlatIndex(tokens)
        print(f"exact index opened in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        right, slow = _timed(flat, queries)
    recall = statistics.mean(len(set(a) & set(b)) / K for a, b in zip(found, right, strict=True))
    whole, centres = clips * WIDTH * 4, lists(clips)
    codes = clips * WIDTH * BITS[args.engine] / 8 * PROBED / centres
    moved, computed = bandwidth(), operations_a_second()
    reads = codes + 4 * WIDTH * (centres + WIDTH + 1) + 2 * WIDTH * PROPOSED
    products = 2 * clips * WIDTH * (centres + WIDTH)
    rows = (
        ("recall@10 against exact search", f"{recall:.3f}", "0.99"),
        ("search, p50", f"{quick:.1f} ms", ""),
        ("    what it reads, at that bandwidth", f"{reads / moved * 1000:.1f} ms", ""),
        ("exact search, p50", f"{slow:.0f} ms", ""),
        ("    what it reads, at that bandwidth", f"{whole / moved * 1000:.0f} ms", ""),
        ("times faster", f"{slow / quick:.0f}", "20"),
        ("index", f"{size / 2**20:.0f} MiB", ""),
        ("share of the tokens in float32", f"1/{whole / size:.1f}", "1/5"),
        ("opened in", f"{opening * 1000:.0f} ms", "1000 ms"),
        ("built in", f"{building:.0f} s", ""),
        ("    its products, at that speed", f"{products / computed:.0f} s", ""),
        ("peak memory while building", f"{peak / 2**20:.2f} GiB", "4 GB"),
    )
    print(f"{clips} clips of width {WIDTH}, {QUERIES} queries, {args.engine}")
    print(f"two threads read {moved / 1e9:.1f} GB/s and compute {computed / 1e9:.0f} GFLOP/s\n")
    print(f"{'':36} {'measured':>12} {'target':>9}")
    for name, value, target in rows:
        print(f"{name:36} {value:>12} {target:>9}")


def make(file: Path, count: int) -> np.ndarray:
    """Tokens float16 [count, WIDTH] on the disk."""
    tokens = np.lib.format.open_memmap(file, "w+", np.float16, (count, WIDTH))
    spectrum = (np.arange(1, WIDTH + 1) ** -0.75).astype(np.float32)
    spectrum /= np.linalg.norm(spectrum)
    random = np.random.default_rng(0)

    def around(middles: np.ndarray, spread: float) -> np.ndarray:
        return middles + random.normal(size=middles.shape).astype(np.float32) * spectrum * spread

    middles = around(np.zeros((CATEGORIES, WIDTH), np.float32), 1.0)
    for first in tqdm(range(0, count, BLOCK), desc="tokens"):
        n = min(BLOCK, count - first)
        videos = around(middles[random.integers(0, CATEGORIES, -(-n // SEGMENTS))], 0.7)
        tokens[first : first + n] = random.permutation(around(videos.repeat(SEGMENTS, axis=0), 0.35))[:n]
    tokens.flush()
    return np.load(file, mmap_mode="r")


def _timed(index: Index, queries: np.ndarray) -> tuple[list[list[int]], float]:
    """What each query finds, and the median milliseconds."""
    found, times = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(index.search(query, K).ids.tolist())
        times.append((time.perf_counter() - began) * 1000)
    return found, statistics.median(times)


if __name__ == "__main__":
    main()
