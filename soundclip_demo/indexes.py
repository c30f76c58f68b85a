"""Which engine searches in a gallery: the one whose index lies there, or exact search where none does."""

import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .errors import UserError
from .gallery import BUILD

if TYPE_CHECKING:
    from .search import Index

# Modules with `build(folder)`, `open_index(folder, tokens)` and FILES, the first of which says that an index is there.
ENGINES = {"faiss": "search_large", "lancedb": "search_lancedb"}


def index_of(folder: Path, tokens: np.ndarray) -> "Index":
    """The index of a gallery folder where one was built, else an exact one of its `tokens` [N, D].

    Raises:
        UserError: an index is there, but cannot be used.
    """
    from .search import FlatIndex

    for engine in map(_module, ENGINES):
        if (folder / engine.FILES[0]).exists():
            return engine.open_index(folder, tokens)
    return FlatIndex(tokens)


def build(folder: Path, engine: str) -> None:
    """Writes an engine's index of `folder/tokens.npy` and removes those of others.

    Raises:
        UserError: the folder is no gallery, or the engine is not installed.
    """
    if not (folder / "tokens.npy").is_file():
        raise UserError(f"{folder.name} is no gallery.", f"Make one with: {BUILD}")
    _module(engine).build(folder)
    remove(folder, but=engine)


def remove(folder: Path, but: str = "") -> None:
    """Leaves the gallery with the index of one engine, or with none."""
    for name in ENGINES.keys() - {but}:
        for path in (folder / file for file in _module(name).FILES):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _module(engine: str) -> ModuleType:
    return import_module(f".{ENGINES[engine]}", __package__)
