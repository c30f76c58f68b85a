"""Where videos come from: a folder of them, the ones that an AudioSet-style list names, or WebDataset shards.

A list has a line each of `id, start, end, labels`, in seconds, as AudioSet's do. A file of the list is called by the
id, and then cut to the range, or by `<id>_...`, and then taken to be the range already. Shards are tar files whose
members are called `<key>.<suffix>`, as WebDataset reads them.
"""

import csv
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from soundclip_demo.clips import SUFFIXES


@dataclass(frozen=True)
class Video:
    """One source video.

    Attributes:
        id: begins the ids of its segments; letters, digits, `-` and `_`.
        open: gives its file for as long as the context lasts.
        wanted: start and end in seconds; None for all of it.
    """

    id: str
    open: Callable[[], AbstractContextManager[Path]]
    wanted: tuple[float, float] | None = None


def videos(folder: Path, listed: Path | None = None) -> Iterator[Video]:
    """Every video below `folder`, or those of them that the list `listed` names; in the order of names.

    Raises:
        ValueError: the list is not one, or two files would have one id.
    """
    given: set[str] = set()
    wanted = _ranges(listed) if listed else None
    for video in _files(folder):
        if wanted is not None:
            video = _listed(video, wanted)
        if video is None:
            continue
        if video.id in given:
            raise ValueError(f"two videos would be called {video.id}: rename one")
        given.add(video.id)
        yield video


def _files(folder: Path) -> Iterator[Video]:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if file.suffix == ".tar":
            yield from _members(file)
        elif file.suffix.lower() in SUFFIXES and file.is_file():
            yield Video(_plain(str(name.with_suffix(""))), partial(nullcontext, file))


def _members(shard: Path) -> Iterator[Video]:
    """The videos of a shard; each is copied out only for as long as it is needed."""
    with tarfile.open(shard) as archive:
        names = [member.name for member in archive if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES]
    for name in names:
        yield Video(_plain(str(Path(name).with_suffix(""))), partial(_copied_out, shard, name))


@contextmanager
def _copied_out(shard: Path, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(shard) as archive:
        file = Path(scratch, f"video{Path(name).suffix}")  # never a path that the archive chose
        with archive.extractfile(name) as packed, file.open("wb") as copy:
            shutil.copyfileobj(packed, copy)
        yield file


def _ranges(listed: Path) -> dict[str, tuple[float, float]]:
    with listed.open(newline="") as stream:
        lines = csv.reader((line for line in stream if not line.startswith("#")), skipinitialspace=True)
        try:
            return {_plain(line[0]): (float(line[1]), float(line[2])) for line in lines if line}
        except (IndexError, ValueError) as error:
            raise ValueError(f"{listed.name} does not have lines of id, start, end, labels") from error


def _listed(video: Video, wanted: dict[str, tuple[float, float]]) -> Video | None:
    name = video.id.rsplit("/", 1)[-1]
    if name in wanted:
        return Video(name, video.open, wanted[name])
    for known in wanted:
        if name.startswith(f"{known}_"):
            return Video(known, video.open)
    return None


def _plain(name: str) -> str:
    """A name that can stand in any file system, address and shard."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
