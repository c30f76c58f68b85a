"""Fifty visitors in five minutes: `python -m tests.bench.load [--url URL] [--visitors 50] [--minutes 5]`.

Every visitor uploads a sound through the page's own protocol and waits for clips and captions; every second one also
calls the API with the real client. Every answer is compared with what an engine of this process said of that sound
before anybody came. Without `--url`, `app.py` is started. Ends with status 1 where an answer was lost or another's.
"""

import argparse
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from soundclip_demo.config import Config

from .errands import Book, answers
from .serving import quantile, running, since, stages

SOUNDS = 8
CALLS = ("matches", "analyze", "compare", "ask")  # of every second visitor, in turn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server that runs, with the bundled gallery")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5.0)
    given = parser.parse_args()
    sounds = sorted(Config().examples.glob("*.ogg"))[: min(SOUNDS, given.visitors)]
    known = list(answers(sounds, questions=True).items())
    book = Book()
    with running(given.url) as address, ThreadPoolExecutor(given.visitors) as pool:
        before, began = stages(address), time.monotonic()

        def come(number: int) -> None:
            time.sleep(max(0.0, began + number * given.minutes * 60 / given.visitors - time.monotonic()))
            sound, right = known[number % len(known)]
            book.run("page", sound, right, address)
            if number % 2:
                book.run(CALLS[number // 2 % len(CALLS)], sound, right, address)

        list(pool.map(come, range(given.visitors)))
        took, counts = time.monotonic() - began, since(before, stages(address))
    print(f"{given.visitors} visitors, {took:.0f} s\n")
    print(f"{'errand':24} {'n':>5} {'p50 s':>8} {'p95 s':>8}")
    for kind, seconds in book.seconds.items():
        print(f"{kind:24} {len(seconds):5} {statistics.median(seconds):8.2f} {p95(seconds):8.2f}")
    print(f"\n{'stage, as callers heard':24} {'n':>5} {'p50 ms':>8} {'p95 ms':>8}")
    for stage, ms in book.ms.items():
        print(f"{stage:24} {len(ms):5} {statistics.median(ms):8.1f} {p95(ms):8.1f}")
    print(f"\n{'stage, in /metrics':24} {'n':>5} {'p50 ms':>8} {'p95 ms':>8}")
    for stage, bounds in counts.items():
        p50, most = (quantile(bounds, share) * 1000 for share in (0.5, 0.95))
        print(f"{stage:24} {bounds[float('inf')]:5.0f} {p50:8.1f} {most:8.1f}")
    print(f"\nlongest line {book.longest}, refused {len(book.refused)}, lost {len(book.lost)}, mixed {len(book.wrong)}")
    print("\n".join([*book.refused[:5], *book.lost[:20], *book.wrong[:20]]))
    return 1 if book.lost or book.wrong else 0


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


if __name__ == "__main__":
    sys.exit(main())
