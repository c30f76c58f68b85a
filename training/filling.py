"""Arrays on the disk that are filled row by row and appear whole: killed at any moment, the next run goes on.

Until all rows are there an array is called `<name>.npy.part`, and `<note>.filling.json` says how far it is. Both lie in
a folder for unfinished work, on the disk that the array is for.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from soundclip_demo import whole

from .state import Pace


class Filling:
    """Arrays that are filled together.

    Attributes:
        done: how many pieces of work were done by earlier runs; a piece may give rows or none.
        noted: what was noted of them, in order.
    """

    def __init__(self, folder: Path, note: str, about: Any) -> None:
        """Goes on with what an earlier run left.

        Args:
            about: what the rows are of and how they are made; rows of anything else are begun anew.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._note, self._pace = folder, folder / f"{note}.filling.json", Pace()
        left = json.loads(self._note.read_text()) if self._note.exists() else {}
        self._about = json.loads(json.dumps(about))
        if left.get("about") != self._about:
            left = {"done": 0, "noted": [], "arrays": []}
        self.done: int = left["done"]
        self.noted: list[Any] = left["noted"]
        self._names: list[str] = left["arrays"]
        self._open: dict[str, np.ndarray] = {}
        self._all_kept = True

    def array(self, name: str, shape: tuple[int, ...], kind: type = np.float16) -> np.ndarray:
        """The array that becomes `<name>.npy`, mapped; of the rows that were filled before, all is there."""
        if name not in self._open:
            mode = "r+" if name in self._names else "w+"
            self._open[name] = np.lib.format.open_memmap(self._part(name), mode, kind, shape)
        return self._open[name]

    def keep(self, done: int) -> None:
        """Says that `done` pieces are filled; it is on the disk some seconds later."""
        self.done, self._all_kept = done, False
        if self._pace.due():
            self._save()

    def flush(self) -> None:
        """Puts on the disk what is not there yet."""
        if not self._all_kept:
            self._save()

    def _save(self) -> None:
        """The rows first, and then how far they are."""
        for array in self._open.values():
            array.flush()
        self._names = sorted({*self._names, *self._open})
        left = {"about": self._about, "done": self.done, "noted": self.noted, "arrays": self._names}
        whole.write(self._note, json.dumps(left))
        self._all_kept = True

    def appear(self, folder: Path) -> None:
        """Moves the arrays to `folder`, where they get their names."""
        self.flush()
        self._open.clear()
        for name in self._names:
            if self._part(name).exists():  # else an earlier run was killed between two of them
                self._part(name).replace(folder / f"{name}.npy")

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.npy.part"
