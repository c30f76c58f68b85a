"""How long an analysis takes, warm: `python -m tests.bench.latency [--rounds 10]` prints a table.

Each round runs every example sound anew, so nothing but the models is warm: no decoded sound and no embedding is
reused. The last column is measured against the target that the project sets itself on two cores.
"""

import argparse
import statistics
from collections import defaultdict
from dataclasses import replace

from soundclip_demo.config import Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.results import analyze

TARGETS = {"decode to matches and map": 150.0, "first caption word": 700.0}  # milliseconds
QUICK = ("decode", "encode", "project", "search", "place")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limit_threads()
    config = replace(Config(), embedding_cache=0, sound_cache=0)
    engine = Engine(config)
    sounds = sorted(config.examples.glob("*.ogg"))
    analyze(engine, sounds[0], Setting(max_new_tokens=2))  # loads the models
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for sound in sounds:
            ms = analyze(engine, sound, Setting())["ms"]
            for stage, value in ms.items():
                taken[stage].append(value)
            taken["decode to matches and map"].append(sum(ms[stage] for stage in QUICK))
            taken["first caption word"].append(ms["caption_first_token"])
    print(f"{'stage':28} {'n':>4} {'p50 ms':>9} {'p95 ms':>9} {'target':>8}")
    for stage, values in taken.items():
        p95 = statistics.quantiles(values, n=20)[-1]
        target = f"{TARGETS[stage]:8.0f}" if stage in TARGETS else ""
        print(f"{stage:28} {len(values):4} {statistics.median(values):9.1f} {p95:9.1f} {target}")


if __name__ == "__main__":
    main()
