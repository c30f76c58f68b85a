"""Files that appear whole or not at all."""

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
