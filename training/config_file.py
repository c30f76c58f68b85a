"""TOML files of settings: a table for each dataclass that they fill."""

import tomllib
from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints


def read(file: Path, **kinds: type) -> tuple[Any, ...]:
    """The tables of a TOML file as the dataclasses `kinds`, in their order; paths are relative to its folder.

    Raises:
        ValueError: it is no TOML, or a table or key is unknown, missing or of the wrong type.
    """
    try:
        given = tomllib.loads(file.read_text())
        if unknown := given.keys() - kinds.keys():
            raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
        return tuple(_filled(kind, given.get(table, {}), file.parent) for table, kind in kinds.items())
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _filled(kind: type, given: dict[str, Any], folder: Path) -> Any:
    hints = get_type_hints(kind)
    if unknown := given.keys() - {field.name for field in fields(kind)}:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    return kind(**{name: _typed(name, value, hints[name], folder) for name, value in given.items()})


def _typed(name: str, value: Any, hint: Any, folder: Path) -> Any:
    """A setting as TOML gives it -> as the dataclass wants it."""
    for kind in get_args(hint) if isinstance(hint, UnionType) else (hint,):
        if kind is Path and isinstance(value, str):
            return folder / value
        if kind is float and type(value) in (int, float):  # `isinstance` would take true for a number
            return float(value)
        if get_origin(kind) is tuple and isinstance(value, list):
            return tuple(value)
        if type(value) is kind:
            return value
    raise ValueError(f"{name} = {value!r} is of the wrong type, {type(value).__name__}")
