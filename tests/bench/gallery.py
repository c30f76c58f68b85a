"""A gallery of many clips, its list, posters and map: `python -m tests.bench.gallery [--clips 580000]` prints a table.

The clips are made up and share one video and a few posters of 384x216. What is measured runs in processes of its own
that import only what they need; resident memory counts the parts of mapped files that were read. The list of half a
million clips takes some gigabytes of disk, and twice that while it is made.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from soundclip_demo.config import ROOT

POSTERS = 50
ASKED = 500  # clips, posters and tiles of which the median is told
CATEGORIES = 400
LEVELS = range(1, 9)  # of the tiles that are asked for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=580_000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as name:
        _alone("made", name, clips)
        built = _alone("built", name)
        large = _alone("opened", name)
        size = (Path(name) / "clips.arrow").stat().st_size
        drawn = _alone("drawn", name)
        (Path(name) / "clips.arrow").unlink()
        small = _alone("opened", name)
    rows = (
        ("list made in", built["s"], "s", ""),
        ("peak memory meanwhile", built["peak"], "MiB", ""),
        ("list with thumbnails", size / 2**20, "MiB", ""),
        ("gallery opened in", large["s"] * 1000, "ms", "1000"),
        ("resident memory before that", large["before"], "MiB", ""),
        ("after that", large["after"], "MiB", "200"),
        ("after all that is asked below", large["asked"], "MiB", ""),
        ("of that, mapped files, which can be let go of", large["mapped"], "MiB", ""),
        ("a clip by its id, median", large["clip"], "ms", ""),
        ("a poster, median", large["poster"], "ms", ""),
        ("without the list: gallery opened in", small["s"] * 1000, "ms", ""),
        ("without the list: resident memory after that", small["after"], "MiB", ""),
        ("map cut into tiles in", drawn["cut"], "ms", ""),
        ("the whole as a tile, median", drawn["whole"], "ms", ""),
        ("another tile, median", drawn["tile"], "ms", ""),
        ("clips told of in such a tile, at most", drawn["most"], "", ""),
        ("map before any tile is asked for", drawn["bytes"] / 1024, "KiB", "300"),
        ("the same, compressed", drawn["compressed"] / 1024, "KiB", ""),
    )
    print(f"{clips} clips of {CATEGORIES} categories\n")
    print(f"{'':46} {'measured':>9}      {'target':>6}")
    for name, value, unit, target in rows:
        print(f"{name:46} {value:9.{0 if value >= 10 else 3}f} {unit:4} {target:>6}")


def made(folder: Path, clips: int) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from big_gallery import make

    make(folder, clips, _space(), CATEGORIES, POSTERS, width=8)


def built(folder: Path) -> dict[str, float]:
    import resource

    from soundclip_demo.gallery_large import build

    seconds = _seconds(lambda: build(folder))
    return {"s": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def opened(folder: Path) -> dict[str, float]:
    from psutil import Process

    from soundclip_demo import gallery

    def resident() -> float:
        return Process().memory_info().rss / 2**20

    def mapped() -> float:
        return Process().memory_info().shared / 2**20

    if (folder / gallery.LARGE).exists():
        from soundclip_demo import gallery_large  # noqa: F401, whose import is no part of opening
    before = resident()
    read, seconds = _timed(lambda: _read(folder))
    said = {"s": seconds, "before": before, "after": resident()}
    rows = np.random.default_rng(0).integers(len(read.clips), size=ASKED)
    ids = read.clips.ids(rows)
    clips = [read.clip(name) for name in ids]
    said["clip"] = _median(read.clip, ids)
    said["poster"] = _median(read.clips.thumbnail, [clip.thumbnail for clip in clips])
    return said | {"asked": resident(), "mapped": mapped()}


def drawn(folder: Path) -> dict[str, float]:
    from soundclip_demo.tiles import WHOLE
    from soundclip_demo.ui import map as atlas_page
    from soundclip_demo.ui import map_tiles

    gallery = _read(folder)
    said = {"cut": _seconds(lambda: gallery.tiles) * 1000}
    said["whole"] = _median(lambda place: map_tiles.tile(gallery, place), [WHOLE] * 20)
    around = gallery.coordinates[np.random.default_rng(0).integers(len(gallery.clips), size=ASKED)]
    shares = ((around - gallery.tiles.corner) / gallery.tiles.side).clip(0, 0.999)
    places = [[level, *(share * 2**level).astype(int).tolist()] for share in shares for level in LEVELS][::7]
    said["tile"] = _median(lambda place: map_tiles.tile(gallery, place), places)
    said["most"] = max(len(map_tiles.tile(gallery, place)["ids"]) for place in places)
    sent = json.dumps(atlas_page.base(gallery), ensure_ascii=False, separators=(",", ":")).encode()
    return said | {"bytes": len(sent), "compressed": len(gzip.compress(sent))}


def _space() -> Any:
    from soundclip_demo.suites import Space

    return Space("made up", "")


def _read(folder: Path) -> Any:
    from soundclip_demo.gallery import read

    return read(folder, _space())


def _alone(what: str, folder: str, *more: int) -> Any:
    """Runs one of the functions above in a process of its own; this one stays small, which theirs inherit."""
    code = f"from tests.bench import gallery; gallery.told(gallery.{what}, {folder!r}, *{more})"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def told(measured: Callable[..., Any], folder: str, *more: int) -> None:
    print(json.dumps(measured(Path(folder), *more)))


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return run(), time.perf_counter() - began


def _seconds(run: Callable[[], Any]) -> float:
    return _timed(run)[1]


def _median(run: Callable[[Any], Any], each: Iterable[Any]) -> float:
    """Milliseconds."""
    return 1000 * statistics.median(_seconds(lambda one=one: run(one)) for one in each)


if __name__ == "__main__":
    main()
