"""Fixtures for tests of every kind; whatever is heavy is imported by the fixture that needs it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from soundclip_demo import config  # before any test imports transformers: the package guards torchaudio

if TYPE_CHECKING:
    import toy

    from soundclip_demo.captioner import Captioner
    from soundclip_demo.engine import Engine


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Toy models are too small to share; two threads only wait for each other, above all beside another program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "THREADS", 1)
        config.limit_threads()
        yield


@pytest.fixture(scope="session")
def workspace(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> toy.Workspace:
    """Toy checkpoints and a toy gallery; read only."""
    import toy

    return toy.workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def engine(workspace: toy.Workspace) -> Engine:
    """An engine on the toy workspace whose models are loaded once."""
    from soundclip_demo.engine import Engine

    return Engine(workspace.config())


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where uploads to `server` lie, alone."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def server(workspace: toy.Workspace, uploads: Path) -> Iterator[SimpleNamespace]:
    """The page of a toy engine, served by this process: `url`, `engine` and `blocks`."""
    from visitor import served

    from soundclip_demo.engine import Engine

    engine = Engine(workspace.config())
    running = served(engine)
    yield SimpleNamespace(url=running.url, engine=engine, blocks=running.blocks)
    running.close()


@pytest.fixture(scope="session")
def captioner(workspace: toy.Workspace) -> Captioner:
    """A toy captioner without an adapter, around a tower of width 64."""
    import toy

    from soundclip_demo import weights

    return toy.captioner(weights.folder("language", workspace.cache))


@pytest.fixture(scope="session")
def clip_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of tone that is loudest from 1.5 s to 4.5 s."""
    import toy

    samples = toy.tone(440, 5.0, level=0.05)
    samples[24_000:72_000] *= 10
    return toy.write_sound(tmp_path_factory.mktemp("sounds") / "tone.wav", samples)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package index that nobody answers for."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/simple")
