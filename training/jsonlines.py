"""A file of JSON objects, one a line, that is only ever added to: what a kill leaves of a line is cut off."""

import json
import os
from pathlib import Path


class Lines:
    """The file's objects by their `id`. An object is on the disk before `add` returns."""

    def __init__(self, file: Path) -> None:
        """Opens `file`, or begins it.

        Raises:
            ValueError: a whole line is not a JSON object with an `id` of its own.
        """
        self.file = file
        self.rows: dict[str, dict] = {}
        kept = file.read_bytes() if file.exists() else b""
        if torn := len(kept) - (kept.rfind(b"\n") + 1):
            kept = kept[:-torn]
            os.truncate(file, len(kept))
        for number, line in enumerate(kept.splitlines(), 1):
            try:
                row = json.loads(line)
                if row["id"] in self.rows:
                    raise ValueError
                self.rows[row["id"]] = row
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"line {number} of {file} is damaged or there twice: delete it") from error

    def add(self, row: dict) -> None:
        """Adds an object that has an `id` not in `rows` yet."""
        with self.file.open("ab") as stream:
            stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.rows[row["id"]] = row
