"""Whether visitors ever see each other's results: `python -m tests.bench.isolation [--rounds 200]`.

Eight visitors at once, each with a sound of their own, on toy models and the real server. In every round each of them
uploads it, is shown matches in both columns and, every fourth time, has captions written; all of it must be what the
engine says of that sound alone. Ends with status 1 where anything was another's.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import crowd
import toy
from visitor import served

from soundclip_demo.engine import Engine

CROWD = 8
CAPTIONS_EVERY = 4  # rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, crowd.short_captions():
        engine = Engine(toy.workspace(Path(folder)).config())
        server = served(engine)
        sounds = crowd.sounds(Path(folder) / "sounds", CROWD)
        wanted = {sound: crowd.right(engine, sound) for sound in sounds}
        began = time.monotonic()
        wrong = crowd.rounds(server.url, wanted, rounds, CAPTIONS_EVERY)
        server.close()
    distinct = len({repr(right) for right in wanted.values()})
    print(f"{CROWD} visitors, {rounds} rounds, {time.monotonic() - began:.0f} s: {len(wrong)} wrong")
    print(f"{distinct} of {CROWD} results can be told apart")
    print("\n".join(wrong[:20]))
    return 1 if wrong or distinct < CROWD else 0


if __name__ == "__main__":
    sys.exit(main())
