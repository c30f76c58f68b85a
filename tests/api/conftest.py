"""The page served in this process and the real client against it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundclip_demo.config import Config


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Address of a running page with the bundled gallery."""
    from soundclip_demo.engine import Engine
    from soundclip_demo.ui import build, launch_options

    engine = Engine(Config())
    blocks = build(engine)
    _, url, _ = blocks.launch(
        prevent_thread_lock=True, quiet=True, server_port=None, **launch_options(engine)
    )
    yield url
    blocks.close()


@pytest.fixture(scope="session")
def client(address: str):
    return pytest.importorskip("gradio_client").Client(address, verbose=False)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of noise with a beat, so that it is not silent."""
    rate = 16_000
    seconds = np.arange(4 * rate) / rate
    noise = np.random.default_rng(0).normal(0, 0.2, seconds.size) * (seconds % 0.5 < 0.25)
    path = tmp_path_factory.mktemp("sounds") / "noise.wav"
    soundfile.write(path, noise, rate)
    return path
