"""The running order of a talk, read from a small TOML file:

    title = "Can sound replace vision?"

    [[step]]
    sound = "dog"             # an example sound, a clip of the gallery, or a file beside the TOML
    title = "A dog barks"     # what the audience reads; the sound's name where it is left out
    encoder = "whisperclip"
    share = 0.5               # how much of the right column's token is projected: 0 raw, 1 projected; or: mode = "raw"
    notes = "Ask them first." # what the presenter alone reads
"""

import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UserError
from .events import Setting

KEYS = {"sound": str, "title": str, "encoder": str, "share": (int, float), "mode": str, "notes": str}
SHARES = {"raw": 0.0, "projected": 1.0}
MOST_STEPS = 100


@dataclass(frozen=True)
class Named:
    """A sound that can be called by a short id: an example or a clip of the gallery."""

    path: Path
    name: str


@dataclass(frozen=True)
class Step:
    """One sound under one setting.

    Attributes:
        sound: the id of a known sound; empty for a file of the presenter's.
        share: how much of the right column's token is projected, in [0, 1].
    """

    sound: str
    path: Path
    title: str
    encoder: str
    share: float
    notes: str


@dataclass(frozen=True)
class Talk:
    """`read` gives it."""

    title: str
    steps: tuple[Step, ...]


def read(file: Path, sound: Callable[[str], Named | None], encoders: Collection[str]) -> Talk:
    """Opens a running order.

    Args:
        sound: the one of an id, None where there is none.
        encoders: names of those that are ready.

    Raises:
        UserError: the file is not there or no TOML, has a key that means nothing, or names what is not there.
    """
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The running order {file.name} cannot be opened ({type(error).__name__}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The running order {file.name} is not valid TOML: {error}.") from error
    _known(given, {"title": str, "step": list}, file.name)
    steps = given.get("step", [])
    if not 1 <= len(steps) <= MOST_STEPS:
        raise UserError(f"The running order {file.name} needs 1 to {MOST_STEPS} steps, each under [[step]].")
    made = [_step(row, f"{file.name}, step {i}", file, sound, encoders) for i, row in enumerate(steps, start=1)]
    return Talk(given.get("title", ""), tuple(made))


def scenes(talk: Talk, sounds: Iterable[Path], encoders: Collection[str]) -> Iterator[tuple[Path, Setting]]:
    """What to rehearse, the most needed first: the captions of both columns of each step, then every encoder on every
    sound, without captions, so that no key has to wait for an encoder."""
    for step in talk.steps:
        yield step.path, Setting(step.encoder, "raw")
        yield step.path, Setting(step.encoder, "blend", step.share)
    for path in dict.fromkeys([*(step.path for step in talk.steps), *sounds]):
        for encoder in encoders:
            yield path, Setting(encoder, "raw", caption=False)


def _step(
    row: Any, where: str, file: Path, find: Callable[[str], Named | None], encoders: Collection[str]
) -> Step:
    if not isinstance(row, dict):
        raise UserError(f"{where}: a step is written under [[step]].")
    _known(row, KEYS, where)
    if "sound" not in row:
        raise UserError(f"{where}: there is no sound.", "Name an example, a clip, or a file beside the TOML.")
    sound = row["sound"]
    known = find(sound)
    path = known.path if known else (file.parent / sound).resolve()
    if not path.is_file():
        raise UserError(
            f"{where}: there is no sound “{sound}”.",
            "It is neither an example nor a clip of the gallery, nor a file beside the TOML.",
        )
    encoder = row.get("encoder", Setting.encoder)
    if encoder not in encoders:
        raise UserError(f"{where}: there is no encoder “{encoder}” here.", f"Choose one of {', '.join(encoders)}.")
    title = row.get("title") or (known.name if known else path.stem)
    return Step(sound if known else "", path, title, encoder, _share(row, where), row.get("notes", "").strip())


def _share(row: dict[str, Any], where: str) -> float:
    if "share" in row and "mode" in row:
        raise UserError(f"{where}: share and mode say the same thing.", "Keep one of them.")
    if (mode := row.get("mode", "projected")) not in SHARES:
        raise UserError(f"{where}: there is no mode “{mode}”.", "Choose raw or projected, or give a share between.")
    share = float(row.get("share", SHARES[mode]))
    if not 0.0 <= share <= 1.0:
        raise UserError(f"{where}: share must lie between 0 (raw) and 1 (projected).")
    return share


def _known(row: dict[str, Any], keys: Mapping[str, Any], where: str) -> None:
    """Refuses by name what the demo does not know, so that a slip of the pen is not found out on stage."""
    for key, value in row.items():
        if key not in keys:
            raise UserError(f"{where}: “{key}” is not known.", f"Known are {', '.join(keys)}.")
        if not isinstance(value, keys[key]) or isinstance(value, bool):
            raise UserError(f"{where}: “{key}” has a value of the wrong kind.")
