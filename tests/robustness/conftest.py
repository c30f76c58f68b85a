"""The page of a toy engine, served by this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import toy


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where uploads lie, alone."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def server(workspace: toy.Workspace, uploads: Path) -> Iterator[SimpleNamespace]:
    """`url` of the page, its `engine` and its `blocks`."""
    from visitor import served

    from soundclip_demo.engine import Engine

    engine = Engine(workspace.config())
    running = served(engine)
    yield SimpleNamespace(url=running.url, engine=engine, blocks=running.blocks)
    running.close()
