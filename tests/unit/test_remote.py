"""Models in another process: the page cannot tell, whoever goes away ends the work, and a process may come back."""

import math
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import toy
from events import SHORT, SILENT, of
from kill import PROCESSES

from soundclip_demo import serving, wire
from soundclip_demo.any_engine import AnyEngine
from soundclip_demo.audio import Sound
from soundclip_demo.config import ROOT, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import AnswerPart, CaptionPart, Event, Matches, Missing, Timing, Truth
from soundclip_demo.parts import NotReady
from soundclip_demo.questions import Exchange
from soundclip_demo.remote import GONE, RemoteEngine

LONG = replace(SHORT, max_new_tokens=300)
PAUSE = 0.15  # seconds that each token takes where work has to be under way


@pytest.fixture(scope="module")
def knowing(workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that knows words, too."""
    return Engine(toy.worded(workspace, tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture(scope="module")
def path(knowing: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where that engine answers, from another thread, so that tests can look at what it does."""
    path = tmp_path_factory.mktemp("engine") / "socket"
    with answering(knowing, path):
        yield path


@contextmanager
def answering(engine: Engine, path: Path) -> Iterator[None]:
    server = serving.server(engine)
    thread = Thread(target=server.run, args=[[serving.listen(path)]])
    thread.start()
    yield
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def remote(path: Path) -> RemoteEngine:
    return RemoteEngine(str(path))


@contextmanager
def tokens(engine: Engine) -> Iterator[list[float]]:
    """When each token of the default captioner was chosen: a letter without end, and none quickly."""
    captioner, made = engine.parts.captioner(), []
    letter = captioner.tokenizer.convert_tokens_to_ids("a")

    def slowly(*_: object) -> int:
        made.append(time.monotonic())
        time.sleep(PAUSE)
        return letter

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioner, "_choose", slowly)
        yield made


def untimed(events: Any) -> Any:
    """The same without what no two runs share."""
    return [replace(event, ms=dict.fromkeys(event.ms)) if isinstance(event, Timing) else event for event in events]


def serve(config: Config, path: Path, slow: bool) -> None:
    limit_threads()
    engine = Engine(config)
    with tokens(engine) if slow else nullcontext():
        serving.server(engine).run([serving.listen(path)])


def started(config: Config, path: Path, slow: bool = False) -> BaseProcess:
    """A process that owns an engine, once it answers."""
    process = PROCESSES.Process(target=serve, args=(config, path, slow), daemon=True)
    process.start()
    deadline = time.monotonic() + 120
    while not (path.is_socket() and serving.answered(path)):
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


# The same


ASKED: dict[str, Callable[[AnyEngine, Sound], Any]] = {
    "a caption": lambda engine, sound: engine.run(sound, SHORT),
    "raw, elsewhere, with its truth": lambda engine, sound: engine.run(
        sound, replace(SILENT, mode="raw"), 0.25, Truth("dog")
    ),
    "with patches": lambda engine, sound: engine.run(sound, replace(SHORT, k=3, protocol="frozen")),
    "each of two": lambda engine, sound: [
        event for _, event in engine.run_each(sound, [SILENT, replace(SILENT, mode="blend", t=0.3)])
    ],
    "an answer": lambda engine, sound: engine.ask(
        sound, SHORT, "What is “it”?\u2028", [Exchange("What is it?", "A \x85 dog.")], 1.0
    ),
    "a look": lambda engine, sound: [replace(engine.look(sound, SILENT), view=None)],
    "words": lambda engine, sound: [engine.search_words(" a dog ", 3)],
    "encoders": lambda engine, sound: engine.encoders(),
    "specs": lambda engine, sound: [engine.specs(SHORT)],
    "the rest": lambda engine, sound: [
        engine.status(), engine.protocols(), engine.knows_words(), engine.has_encoder("clap"), engine.config,
        engine.gallery.clips,
    ],
}  # fmt: skip


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_it_answers_as_an_engine_in_this_process(
    knowing: Engine, remote: RemoteEngine, clip_sound: Path, ask: Callable[[AnyEngine, Sound], Any]
) -> None:
    sound = knowing.load_sound(clip_sound)
    assert untimed(ask(remote, sound)) == untimed(ask(knowing, sound))


def test_a_file_is_timed_from_its_decoding_on(remote: RemoteEngine, knowing: Engine, clip_sound: Path) -> None:
    times = of(Timing, list(remote.run_file(clip_sound, SHORT))).ms
    assert list(times) == list(of(Timing, list(knowing.run_file(clip_sound, SHORT))).ms)
    assert times["decode"] > 0


def test_it_looks_at_the_same_view(knowing: Engine, remote: RemoteEngine, clip_sound: Path, tmp_path: Path) -> None:
    toy.picture(77, (200, 120)).save(tmp_path / "own.png")
    setting = replace(SILENT, picture=str(tmp_path / "own.png"))
    there, here = (engine.look(engine.load_sound(clip_sound), setting) for engine in (remote, knowing))
    assert there.view.tobytes() == here.view.tobytes()
    assert (there.clip, there.view.size) == (None, here.view.size)


def test_it_compares_every_encoder(knowing: Engine, remote: RemoteEngine, clip_sound: Path) -> None:
    there, here = (list(engine.compare(engine.load_sound(clip_sound), 0.5)) for engine in (remote, knowing))
    assert [(row.encoder, row.mode, row.hit) for row in there] == [(row.encoder, row.mode, row.hit) for row in here]
    assert all(row.ms >= row.encode_ms > 0 for row in there if row.hit)


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, sound: engine.run(sound, replace(SILENT, encoder="nobody")),
        lambda engine, sound: engine.run(sound, replace(SILENT, t=None)),
        lambda engine, sound: engine.run(sound, SILENT, math.nan),
        lambda engine, sound: engine.run(Sound(np.zeros(48_000, np.float32), 16_000), SILENT),
        lambda engine, sound: engine.run(sound, replace(SHORT, k=2, picture="/nowhere.png")),
        lambda engine, sound: engine.ask(sound, SHORT, " "),
        lambda engine, sound: [engine.look(sound, replace(SILENT, k=1000))],
        lambda engine, sound: [engine.search_words({"is": "Path", "path": "/"})],
    ],
    ids=range(8),
)
def test_it_refuses_in_the_same_words(
    knowing: Engine, remote: RemoteEngine, clip_sound: Path, ask: Callable[[AnyEngine, Sound], Any]
) -> None:
    said = []
    for engine in (remote, knowing):
        with pytest.raises(UserError) as refused:
            list(ask(engine, engine.load_sound(clip_sound)))
        said.append((refused.value.message, refused.value.hint))
    assert said[0] == said[1]


def test_what_is_missing_or_broken_there_is_so_here(
    knowing: Engine, remote: RemoteEngine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise NotReady("The CLIP tower is not available.")

    sound = remote.load_sound(clip_sound)
    with monkeypatch.context() as patch:
        patch.setattr(knowing, "_beside", missing)
        with pytest.raises(NotReady, match="CLIP tower is not available"):
            remote.look(sound, SILENT)
        *_, said, _ = remote.run(sound, replace(SHORT, k=1))
        assert said == Missing("captioner", "The CLIP tower is not available.")
        patch.setattr(knowing, "_beside", lambda *_: 1 / 0)
        with pytest.raises(wire.Broken):
            remote.look(sound, SILENT)


def test_lines_hold_what_they_may_and_nothing_else() -> None:
    event = Matches((), 2, math.inf)
    assert wire.read(wire.line([event, "a\u2028b\n"])) == [event, "a\u2028b\n"]
    assert wire.line("a\u2028b\n\x1c").splitlines() == [wire.line("a\u2028b\n\x1c").strip()]
    for other in ('{"is": "Engine"}', '{"is": "Setting", "encoder": "clap", "shell": 1}'):
        with pytest.raises((KeyError, TypeError)):
            wire.read(other)


# Several pages


def test_pages_share_the_models_and_replicas_agree(
    knowing: Engine, path: Path, remote: RemoteEngine, tmp_path: Path
) -> None:
    """Two pages of one process and one of another process, all asked at the same time."""
    sounds = [Sound(toy.tone(300 * (i + 1), 4.0) + toy.noise(4.0, seed=i), toy.RATE) for i in range(3)]
    settings = [replace(SHORT, encoder="whisper", max_new_tokens=4), replace(SILENT, mode="raw")]
    replica = started(knowing.config, tmp_path / "socket")
    try:
        pages = [remote, RemoteEngine(str(path)), RemoteEngine(str(tmp_path / "socket"))]

        def hear(page: RemoteEngine) -> list[list[Event]]:
            return [untimed(page.run(sound, setting)) for sound in sounds for setting in settings]

        with ThreadPoolExecutor(3) as pool:
            first, second, other = pool.map(hear, pages)
        assert first == second
        for ours, theirs in zip(first, other, strict=True):
            assert [event for event in ours if isinstance(event, CaptionPart)] == [
                event for event in theirs if isinstance(event, CaptionPart)
            ]
            found, wanted = of(Matches, theirs).hits, of(Matches, ours).hits
            assert [hit.clip for hit in found] == [hit.clip for hit in wanted]
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-5)
    finally:
        replica.kill()


def test_a_page_without_models_loads_no_torch(path: Path, clip_sound: Path) -> None:
    page = """
import sys
from soundclip_demo.events import Setting
from soundclip_demo.remote import RemoteEngine
from soundclip_demo.results import analyze, comparison
from soundclip_demo.ui import build

engine = RemoteEngine(sys.argv[1])
build(engine)
assert analyze(engine, sys.argv[2], Setting(max_new_tokens=2))["missing"] == []
assert comparison(engine, sys.argv[2])["rows"]
print(*(name for name in sys.modules if "." not in name))
"""
    given = [sys.executable, "-c", page, str(path), str(clip_sound)]
    loaded = subprocess.run(given, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert {"gradio", "numpy"} <= set(loaded)
    assert not {"torch", "torchaudio", "transformers", "faiss", "safetensors"} & set(loaded)


# Whoever goes away


@pytest.mark.parametrize(
    ("ask", "part"),
    [
        (lambda remote, sound: remote.run(sound, LONG), CaptionPart),
        (lambda remote, sound: remote.ask(sound, SHORT, "Is it big?"), AnswerPart),
    ],
    ids=["caption", "answer"],
)
def test_closing_ends_the_work_there_within_a_token(
    knowing: Engine, remote: RemoteEngine, clip_sound: Path, ask: Callable[..., Iterator[Event]], part: type
) -> None:
    with tokens(knowing) as made:
        events = ask(remote, remote.load_sound(clip_sound))
        next(event for event in events if isinstance(event, part))
        events.close()
        closed = time.monotonic()
        time.sleep(5 * PAUSE)
        assert made
        assert len([when for when in made if when > closed]) <= 1


def test_whoever_leaves_ends_nothing_of_anybody_elses(
    knowing: Engine, path: Path, remote: RemoteEngine, clip_sound: Path
) -> None:
    sound, other = remote.load_sound(clip_sound), RemoteEngine(str(path))
    with tokens(knowing) as made:
        leaving, staying = remote.run(sound, LONG), other.run(sound, replace(SHORT, max_new_tokens=6))
        for events in (leaving, staying):
            next(event for event in events if isinstance(event, CaptionPart))
        leaving.close()
        *_, last, _ = staying
        assert last == CaptionPart("aaaaaa", done=True)
        assert len(made) < 20


# A process that is gone


def test_a_process_that_is_killed_costs_a_sentence_until_it_is_back(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    process = started(workspace.config(), path, slow=True)
    remote = RemoteEngine(str(path))
    sound = remote.load_sound(clip_sound)
    before = untimed(remote.run(sound, SILENT))
    known = remote.encoders()
    with pytest.raises(UserError) as told:
        for event in remote.run(sound, LONG):
            if isinstance(event, CaptionPart):
                process.kill()
    assert (told.value.message, told.value.hint) == GONE
    process.join()
    with pytest.raises(UserError, match=GONE[0]):
        next(remote.run(sound, SILENT))
    assert remote.status() == [" ".join(GONE)]
    assert remote.encoders() == known
    assert remote.protocols() == ("frozen", "tuned")
    assert not remote.has_encoder("whisper")

    process = started(workspace.config(), path)
    try:
        assert untimed(remote.run(sound, SILENT)) == before
        assert remote.status() == []
    finally:
        process.kill()


def test_the_page_says_that_the_engine_is_gone_and_goes_on_when_it_is_back(
    knowing: Engine, clip_sound: Path, tmp_path: Path
) -> None:
    pytest.importorskip("gradio")
    from soundclip_demo.ui.choosing import Chosen
    from soundclip_demo.ui.finding import OUTPUTS, Finding
    from soundclip_demo.ui.handlers import Page

    def shown() -> dict[str, Any]:
        *_, last = Finding(page).find(chosen, "whisper", 1, None, None, SimpleNamespace(session_hash="me"))
        return dict(zip(OUTPUTS, last, strict=True))

    chosen = Chosen(str(clip_sound), "tone.wav", 1.0, 0)
    with answering(knowing, tmp_path / "socket"):
        page = Page(RemoteEngine(str(tmp_path / "socket")), {})
        cards = shown()["raw"]["cards"]
        assert cards
    assert GONE[0] in shown()["problem"]
    loading, *_, timer = page.state("whisper", [], 100)
    assert GONE[0] in loading
    assert timer.active
    with answering(knowing, tmp_path / "socket"):
        assert shown()["raw"]["cards"] == cards
        assert GONE[0] not in page.state("whisper", [], 100)[0]


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No engine answers at .*socket. Start one with"):
        RemoteEngine(str(tmp_path / "socket"))


# The socket


def test_a_socket_is_its_users_only_and_has_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with serving.listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(UserError, match="No socket can be made"):
            serving.listen(path)
    with serving.listen(path):  # its owner was killed before it could tidy up
        assert serving.answered(path)


@pytest.mark.parametrize("name", ["x" * 200, "no/folder", "file"])
def test_a_path_that_is_none_for_a_socket(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UserError, match="No socket can be made"):
        serving.listen(tmp_path / name)
    assert (tmp_path / "file").read_text() == "kept"
