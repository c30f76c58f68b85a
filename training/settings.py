"""The settings of a suite's verbs: a table for each in `configs/<suite>.toml`, and nowhere else.

A file of one's own (`--config FILE`) has the same tables; what it leaves out is as in the suite's.
"""

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

CONFIGS = Path(__file__).resolve().parent / "configs"
FLAGGED = ("segment", "annotate", "clips", "evaluate-clips")  # verbs whose settings are flags on the command line
Settings = TypeVar("Settings")


def read(kind: type[Settings], verb: str, suite: str, file: Path | None = None) -> Settings:
    """The table `[verb]` as `kind`, a dataclass that has no defaults.

    Args:
        file: one's own; a value in it replaces the suite's.

    Raises:
        ValueError: it is no TOML, or a table or key is unknown or a value of the wrong type; the message names it.
    """
    tables = tomllib.loads((CONFIGS / f"{suite}.toml").read_text())
    values = tables[verb]
    try:
        if file:
            given = tomllib.loads(file.read_text())
            if unknown := given.keys() - tables.keys():
                raise ValueError(f"unknown tables: {', '.join(sorted(unknown))}")
            values = values | given.get(verb, {})
        types = {field.name: field.type for field in fields(kind)}
        if unknown := values.keys() - types.keys():
            raise ValueError(f"[{verb}] has unknown settings: {', '.join(sorted(unknown))}")
        return kind(**{name: _typed(name, value, types[name]) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{file or suite}: {error}") from error


def flags(verb: str, file: Path) -> list[str]:
    """The table `[verb]` of a file as flags of a verb that is `FLAGGED`; its parser refuses what it does not know.

    Raises:
        ValueError: it is no TOML.
    """
    try:
        table = tomllib.loads(file.read_text()).get(verb, {})
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return [
        word
        for name, value in table.items()
        for word in (f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value]))
    ]


def _typed(name: str, value: Any, wanted: Any) -> Any:
    """A value as TOML gives it -> as the dataclass wants it."""
    if wanted is float and type(value) is int:
        return float(value)
    if get_origin(wanted) is tuple and isinstance(value, list) and len(value) == len(get_args(wanted)):
        return tuple(_typed(name, each, part) for each, part in zip(value, get_args(wanted), strict=True))
    if type(value) is not wanted:  # `isinstance` would take true for a number
        raise ValueError(f"{name} = {value!r} should be {getattr(wanted, '__name__', '')} {get_args(wanted) or ''}")
    return value
