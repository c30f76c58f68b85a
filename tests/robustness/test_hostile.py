"""Every hostile file gives a sound or one sentence, in bounded time and memory; so does a picture."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hostile
import hostile_pictures
import numpy as np
import pytest

from soundclip_demo import sandbox
from soundclip_demo.config import SoundLimits
from soundclip_demo.errors import UserError

LIMITS = SoundLimits(seconds=60.0, wall_seconds=60.0)
MOST_MEMORY = 600  # MB: 256 decoded at most, once in pieces and once joined, and 60 for the process itself
Given = list[tuple[str, Path, bool | None]]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    made = tmp_path_factory.mktemp("made")
    return placed(hostile.files(made), tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def one_child(monkeypatch: pytest.MonkeyPatch) -> sandbox.Children:
    """A process of its own, whose memory says what was needed at most."""
    children = sandbox.Children(1)
    monkeypatch.setattr(sandbox, "_CHILDREN", children)
    return children


def placed(rows: Iterator[hostile.Row], folder: Path) -> Given:
    """Files whose names hold what the file system allows of them."""
    kept = []
    for name, content, expected in rows:
        path = content if isinstance(content, Path) else folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        kept.append((name, path, expected))
    return kept


def peak_memory(children: sandbox.Children) -> float:
    """Of the child, in MB."""
    (child,) = children._idle.queue
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def outcome(work: Callable[[], object]) -> object:
    """What came of it, or the sentence of a refusal."""
    try:
        return work()
    except UserError as problem:
        assert problem.message.endswith(".")
        assert len(str(problem).splitlines()) == 1
        assert "Traceback" not in str(problem)
        return None


def test_there_are_many(given: Given) -> None:
    assert len(given) >= 60
    assert len({name for name, _, _ in given}) == len(given)


def test_a_sound_or_one_sentence(given: Given, one_child: sandbox.Children, subtests: pytest.Subtests) -> None:
    for name, path, expected in given:
        with subtests.test(file=name):
            began = time.monotonic()
            sound = outcome(lambda path=path: sandbox.decode(path, LIMITS))
            assert time.monotonic() - began < LIMITS.wall_seconds + 5
            assert expected is None or (sound is not None) == expected
            if sound:
                assert sound.samples.dtype == np.float32
                assert 0 < sound.seconds <= LIMITS.seconds
                assert np.isfinite(sound.samples).all()
                assert np.abs(sound.samples).max() <= 8
                outcome(lambda sound=sound: sound.window(sound.loudest()))
    assert peak_memory(one_child) < MOST_MEMORY


def test_a_picture_or_one_sentence(
    given: Given, tmp_path: Path, one_child: sandbox.Children, subtests: pytest.Subtests
) -> None:
    for name, path, expected in [*placed(hostile_pictures.files(), tmp_path), *((n, p, None) for n, p, _ in given)]:
        with subtests.test(file=name):
            frame = outcome(lambda path=path: sandbox.middle_frame(path, LIMITS))
            assert expected is None or (frame is not None) == expected
            assert frame is None or frame.mode == "RGB"
    assert peak_memory(one_child) < MOST_MEMORY


def test_as_much_as_may_be_decoded(tmp_path: Path, one_child: sandbox.Children) -> None:
    """The limits as they are for visitors: 49 MB of 8-bit samples are 196 MB when decoded."""
    path = hostile.sparse(tmp_path / "a.wav", hostile.header(rate=96_000, bits=8), 49 * 2**20)
    sound = sandbox.decode(path)
    assert sound.samples.nbytes > 150 * 2**20
    assert peak_memory(one_child) < MOST_MEMORY


def test_another_file_cannot_be_reached(given: Given) -> None:
    """Playlists and scripts are text that names other files, which FFmpeg would open."""
    named = {name: path for name, path, _ in given}
    other = next(path for path in named["hours.opus"].parent.iterdir() if path.name == "another-visitor.wav")
    assert sandbox.decode(other).seconds == 1.0
    for name in ("playlist.m3u8", "playlist.wav", "script.ffconcat", "script.wav"):
        (here := other.parent / f"beside-{name}").write_bytes(named[name].read_bytes())
        with pytest.raises(UserError, match="could not be read"):
            sandbox.decode(here)
        with pytest.raises(UserError, match="could not be read"):
            sandbox.middle_frame(here, LIMITS)
