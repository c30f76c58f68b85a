"""Small files that appear whole or not at all."""

from pathlib import Path


def write(file: Path, text: str) -> None:
    """Replaces `file`. Killed at any moment, the old or the new one is there."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
