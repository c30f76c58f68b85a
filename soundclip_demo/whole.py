"""Files that appear whole or not at all, and pieces of work that an earlier run left."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path to write to, which then replaces `file`. Killed at any moment, the old or the new one is there."""
    part = file.with_name(f"{file.name}.part")
    yield part
    part.replace(file)


def write(file: Path, text: str) -> None:
    """Replaces `file` by a text."""
    with replacing(file) as part:
        part.write_text(text, encoding="utf-8")


def unfinished(folder: Path, made_of: dict) -> Path:
    """A folder for pieces of work; what an earlier run left there stays only if it was made of the same."""
    about = folder / "made_of.json"
    if _read(about) != made_of:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write(about, json.dumps(made_of))
    return folder


def _read(file: Path) -> dict | None:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
