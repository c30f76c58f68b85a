"""A thousand mixed requests and the server's memory meanwhile: `python -m tests.bench.soak [--url URL]`.

Visitors and scripts come four at a time, each anew, with sounds, with captions now and then, and with files that are
none. The first part only fills caches; from then on memory must stay flat. Ends with status 1 where it grew by more
than `--most` MB, or where an answer was lost or another's.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soundclip_demo.config import Config

from .errands import Book, answers
from .serving import memory, running

SOUNDS = 2
AT_ONCE = 4
MIX = ("clips", "matches", "clips", "broken", "matches", "page", "clips", "compare", "matches", "analyze")
EVERY = 20  # requests between two looks at the memory
WARM = 0.4  # share of the requests after which memory must stay flat: of 1,000, twice as many as sessions are kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server that runs, with the bundled gallery")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--most", type=float, default=64.0, help="MB that memory may grow by once caches are filled")
    given = parser.parse_args()
    known = list(answers(sorted(Config().examples.glob("*.ogg"))[:SOUNDS], questions=False).items())
    book, seen = Book(), []
    with running(given.url) as address, ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, given.requests, EVERY):
            numbers = range(first, min(first + EVERY, given.requests))
            list(pool.map(lambda n, to=address: book.run(MIX[n % len(MIX)], *known[n % len(known)], to), numbers))
            seen.append((numbers[-1] + 1, memory(address)))
            print(f"{seen[-1][0]:6} requests {seen[-1][1]:8.0f} MB", flush=True)
    flat = [row for row in seen if row[0] >= WARM * given.requests]
    slope, start = np.polyfit(*np.array(flat).T, 1) if len(flat) > 1 else (0.0, flat[0][1])
    growth = slope * (flat[-1][0] - flat[0][0])
    print(f"\nfrom request {flat[0][0]} on: {growth:+.1f} MB, {slope * 100:+.2f} MB for each 100 requests")
    print(f"refused {len(book.refused)}, lost {len(book.lost)}, mixed {len(book.wrong)}")
    print("\n".join([*book.refused[:5], *book.lost[:20], *book.wrong[:20]]))
    return 1 if growth > given.most or book.lost or book.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
