"""What made a verb's output: settings, seed, versions, hash of the data, and the time over all the runs it took."""

import hashlib
import json
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from soundclip_demo import whole

BEAT = 10.0  # seconds from one note of the time to the next: the most that a kill can take from it
PACKAGES = ("torch", "transformers", "numpy")


def beside(file: Path) -> Path:
    """The manifest of a verb whose output is one file."""
    return file.with_name(f"{file.stem}.manifest.json")


def of_verb(work: Path, verb: str) -> Path:
    """The manifest of a verb that has no place of its own for it."""
    return work / "manifests" / f"{verb}.json"


def hash_of(*parts: Any) -> str:
    """Tells other data from these; of anything that JSON can say."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def read(file: Path) -> dict[str, Any]:
    """What `running` wrote; nothing where there is no such file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        raise ValueError(f"{file} is damaged: delete it") from error


@contextmanager
def running(file: Path, config: dict, data: str, **about: Any) -> Iterator[dict[str, Any]]:
    """Keeps a verb's manifest while it runs; no other process can run with the same one.

    Args:
        config: the settings, `seed` among them.
        data: hash of what is read.
        about: more that is known of the run.

    Yields:
        The manifest, for the verb to add what came of it. It is `complete` when the verb has ended well.

    Raises:
        ValueError: another process runs with it.
    """
    import torch  # a verb's --help would wait seconds for it

    file.parent.mkdir(parents=True, exist_ok=True)
    with _alone(file.with_suffix(".lock")):
        earlier, config = read(file), json.loads(json.dumps(config))
        same = (earlier.get("config"), earlier.get("data")) == (config, data)
        began = time.perf_counter() - (earlier["seconds"] if same else 0.0)
        found = {
            "config": config,
            "seed": config.get("seed"),
            "data": data,
            "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "complete": False,
        } | about

        def note() -> None:
            seconds = round(time.perf_counter() - began, 1)
            whole.write(file, json.dumps(found | {"seconds": seconds}, indent=1) + "\n")

        def beat() -> None:
            while not ended.wait(BEAT):
                note()

        note()
        ended = threading.Event()
        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield found
            found["complete"] = True
        finally:
            ended.set()
            beating.join()
            note()


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    try:
        with FileLock(file, timeout=0):
            yield
    except Timeout as error:
        raise ValueError(f"another run is at work here ({file} is locked)") from error
