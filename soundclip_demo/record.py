"""One analysis to keep: a sound, what each setting gave, and all that is needed to make it again. As JSON and CSV here,
as a page to read and print in `report.py`."""

import csv
import io
import json
import platform
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .config import ROOT
from .results import Result

if TYPE_CHECKING:
    from .any_engine import AnyEngine
    from .events import Setting
    from .gallery import Gallery

PACKAGES = ("torch", "transformers", "faiss-cpu", "numpy", "gradio")
COLUMNS = (
    "sound", "encoder", "mode", "projected_share", "rank", "clip", "category", "caption", "licence", "cosine",
    "deviations", "chance_deviations", "gallery_clips",
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """What `make` gathers.

    Attributes:
        name: of the sound, as the visitor knows it.
        results: one for each column of the page.
        specs: for each result, part -> what changes with the part's weights.
        protocol: the LLaVA's whose captions these are, where a setting does not say.
        licence, attribution: of a bundled sound; empty for a visitor's own.
    """

    name: str
    suite: str
    gallery: "Gallery"
    results: tuple[Result, ...]
    specs: tuple[dict[str, str], ...]
    protocol: str
    licence: str = ""
    attribution: str = ""
    made: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))


def make(engine: "AnyEngine", name: str, results: list[Result], licence: str = "", attribution: str = "") -> Record:
    """The record of one sound under one or more settings."""
    specs = tuple(engine.specs(result.setting) for result in results)
    last = engine.protocols()[-1]
    return Record(name, engine.config.suite, engine.gallery, tuple(results), specs, last, licence, attribution)


def as_json(record: Record) -> str:
    """A document whose `columns` are what `analyze` prints, each with its `setting`, `chance` and `specs`."""
    gallery = record.gallery
    document = {
        "made": record.made.isoformat(),
        "versions": versions(),
        "name": record.name,
        "licence": record.licence or None,
        "gallery": {"title": gallery.title, "space": gallery.space, "clips": len(gallery.clips)},
        "columns": [
            result.plain(record.suite)
            | {"setting": _choices(record, result.setting), "chance": _chance(result), "specs": specs}
            for result, specs in zip(record.results, record.specs, strict=True)
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def as_csv(record: Record) -> str:
    """A row for each match of each column."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in record.results:
        setting, matches = result.setting, result.matches
        for hit in matches.hits if matches else ():
            words = (hit.clip, hit.category, hit.caption, hit.licence)
            numbers = (round(hit.score, 4), round(hit.deviations, 2), round(matches.chance, 2), matches.gallery_size)
            choice = (setting.encoder, setting.mode, setting.projected_share)
            writer.writerow([_text(record.name), *choice, hit.rank, *map(_text, words), *numbers])
    return file.getvalue()


def versions() -> dict[str, str]:
    """Of this program, of Python and of what the figures depend on, as far as it is installed."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {own["name"]: own["version"], "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _choices(record: Record, setting: "Setting") -> dict[str, Any]:
    return {
        "projected_share": setting.projected_share,
        "k": setting.k,
        "picture": "own" if setting.picture else "best match" if setting.k else None,
        "protocol": setting.protocol or record.protocol,
        "prompt": setting.prompt,
        "temperature": setting.temperature,
    }


def _chance(result: Result) -> dict[str, Any] | None:
    """In standard deviations above the mean cosine of the token to the gallery, see `Matches`."""
    found = result.matches
    if not found or not found.hits:
        return None
    best = round(found.hits[0].deviations, 2)
    return {"best": best, "chance_ends_at": round(found.chance, 2), "above_chance": found.above_chance}


def _text(words: str) -> str:
    """No cell that a spreadsheet would take for a formula."""
    return f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words
