"""Decoding in processes that may hang, crash and be killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import toy

from soundclip_demo import audio, frames, sandbox
from soundclip_demo.config import ROOT, SoundLimits
from soundclip_demo.errors import UserError

LIMITS = SoundLimits(wall_seconds=60.0)
PATIENCE = 120  # seconds


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> sandbox.Children:
    """One process alone, so that it is known which one is asked."""
    alone = sandbox.Children(1)
    monkeypatch.setattr(sandbox, "_CHILDREN", alone)
    return alone


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    return toy.write_sound(tmp_path / "tone.wav", toy.tone(440, 1.0))


def child(children: sandbox.Children) -> sandbox.Child:
    (one,) = children._idle.queue
    return one


@contextmanager
def asked_of_a_stopped(children: sandbox.Children, work: Callable[[], object]) -> Iterator[tuple[int, Future]]:
    """The child's id and the answer to come, while the child does not move."""
    one = child(children)
    asked, pid = one.asked, one.process.pid
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(work)
        deadline = time.monotonic() + PATIENCE
        while one.asked == asked and time.monotonic() < deadline:  # one that dies before would just be replaced
            time.sleep(0.01)
        yield pid, answer


def test_a_sound_is_the_same_as_decoded_here(children: sandbox.Children, tone: Path) -> None:
    here, there = audio.decode(tone), sandbox.decode(tone)
    np.testing.assert_array_equal(there.samples, here.samples)
    assert (there.rate, there.truncated, there.digest) == (here.rate, False, here.digest)
    assert there.samples.flags.writeable  # torch wants it so
    assert sandbox.decode(tone, replace(LIMITS, seconds=0.5)).truncated


def test_a_picture_is_the_same_as_decoded_here(children: sandbox.Children, tmp_path: Path) -> None:
    toy.picture(size=(97, 31)).save(tmp_path / "a.png")
    video = toy.write_video(tmp_path / "a.mp4", 1.0)
    for path, window in ((tmp_path / "a.png", None), (video, (0.2, 0.4)), (video, None)):
        here, there = (side.middle_frame(path, LIMITS, window) for side in (frames, sandbox))
        assert there.size == here.size
        assert there.tobytes() == here.tobytes()


def test_a_refusal_keeps_its_words(children: sandbox.Children, tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(UserError) as here:
        audio.decode(tmp_path / "a.wav")
    with pytest.raises(UserError) as there:
        sandbox.decode(tmp_path / "a.wav")
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    with pytest.raises(UserError, match="could not be read as a picture"):
        sandbox.middle_frame(toy.write_sound(tmp_path / "b.wav", toy.tone(440, 0.1)), LIMITS)


def test_one_that_hangs_is_killed_in_time(children: sandbox.Children, tone: Path) -> None:
    sandbox.decode(tone)
    began = time.monotonic()
    with (
        asked_of_a_stopped(children, lambda: sandbox.decode(tone, replace(LIMITS, wall_seconds=1.0))) as (pid, answer),
        pytest.raises(UserError, match="takes too long"),
    ):
        answer.result(PATIENCE)
    assert 1.0 <= time.monotonic() - began < PATIENCE / 2
    assert not psutil.pid_exists(pid)
    assert sandbox.decode(tone).seconds == 1.0
    assert child(children).process.pid != pid


def test_a_crash_costs_one_sentence(
    children: sandbox.Children, tone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.decode(tone)
    with asked_of_a_stopped(children, lambda: sandbox.decode(tone, LIMITS)) as (pid, answer):
        os.kill(pid, signal.SIGSEGV)
        os.kill(pid, signal.SIGCONT)
        with pytest.raises(UserError, match="could not be read"):
            answer.result(PATIENCE)
    assert str(-signal.SIGSEGV) in caplog.text
    assert tone.name not in caplog.text
    assert sandbox.decode(tone).seconds == 1.0


def test_one_that_died_in_between_is_replaced(children: sandbox.Children, tone: Path) -> None:
    sandbox.decode(tone)
    gone = child(children).process
    gone.kill()
    gone.wait()
    assert sandbox.decode(tone).seconds == 1.0


def test_one_without_memory_is_no_loss(children: sandbox.Children, tmp_path: Path, tone: Path) -> None:
    sandbox.decode(tone)
    used = psutil.Process(child(children).process.pid).memory_info().vms
    large = toy.write_sound(tmp_path / "large.wav", toy.noise(600.0))
    with pytest.raises(UserError, match="could not be read"):
        sandbox.decode(large, replace(LIMITS, memory_bytes=used + 16 * 2**20))
    assert sandbox.decode(tone).seconds == 1.0
    assert sandbox.decode(large).seconds == 600.0


def test_it_can_write_nothing_and_holds_no_torch(children: sandbox.Children, tone: Path) -> None:
    sandbox.decode(tone)
    process = psutil.Process(child(children).process.pid)
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_AS)[0] == SoundLimits.memory_bytes
    assert 0 < process.rlimit(psutil.RLIMIT_CPU)[0] < 3 * SoundLimits.wall_seconds + 10
    assert not [mapped.path for mapped in process.memory_maps() if "torch" in mapped.path]


def test_old_ones_retire(children: sandbox.Children, tone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "RETIRES", 2)
    used = []
    for _ in range(3):
        assert sandbox.decode(tone).seconds == 1.0
        used.append(child(children).process.pid)
    assert used[0] == used[1] != used[2]


def test_several_at_once_get_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "_CHILDREN", sandbox.Children(2))
    paths = [toy.write_sound(tmp_path / f"{n}.wav", toy.noise(0.1 + n / 100, seed=n)) for n in range(8)]
    wanted = [audio.decode(path).digest for path in paths]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert [sound.digest for sound in pool.map(lambda path: sandbox.decode(path, LIMITS), paths)] == wanted


def test_one_can_be_started_early(children: sandbox.Children, tone: Path) -> None:
    sandbox.start()
    early = child(children)
    assert early.usable()
    sandbox.start()  # there is one already
    sandbox.decode(tone)
    assert child(children) is early


def test_an_answer_that_was_not_read_is_nobody_elses(
    children: sandbox.Children, tone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where this process runs out of memory while it reads."""
    other = toy.write_sound(tmp_path / "other.wav", toy.noise(2.0))
    sandbox.decode(tone)
    with monkeypatch.context() as patch:
        patch.setattr(child(children), "_answer", lambda most: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            sandbox.decode(other)
    assert sandbox.decode(tone).seconds == 1.0


def test_a_crowd_is_told_to_wait(children: sandbox.Children, tone: Path) -> None:
    sandbox.decode(tone)
    with asked_of_a_stopped(children, lambda: sandbox.decode(tone, LIMITS)) as (pid, answer):
        with pytest.raises(UserError, match="Many files"):
            sandbox.decode(tone, replace(LIMITS, wall_seconds=0.1))
        os.kill(pid, signal.SIGCONT)
        assert answer.result(PATIENCE).seconds == 1.0


@pytest.mark.parametrize(
    "nonsense", [b"", b"no json\n", b"[]\n", b"{}\n", b'{"bytes": -1}\n', b'{"bytes": 99999999999999}\n', b"\x80\x04"]
)
def test_what_a_broken_child_says_is_not_believed(
    children: sandbox.Children, tone: Path, monkeypatch: pytest.MonkeyPatch, nonsense: bytes
) -> None:
    sandbox.decode(tone)
    good = child(children).process
    said = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({nonsense!r}); sys.stdout.close()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    monkeypatch.setattr(child(children), "process", said)
    with pytest.raises(UserError, match="could not be read"):
        sandbox.decode(tone)
    good.kill()
    good.wait()


def test_it_ends_with_its_parent(tone: Path) -> None:
    """Also where the parent is killed."""
    script = (
        "import sys; from soundclip_demo import sandbox\n"
        f"sandbox.decode({str(tone)!r}); (one,) = [c for c in sandbox._CHILDREN._idle.queue if c]\n"
        "print(one.process.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(pid).wait(PATIENCE)
        psutil.Process(pid)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_starts_its_own(children: sandbox.Children, tone: Path) -> None:
    """As ZeroGPU does: two processes at one pipe would take each other's answers."""
    script = (
        "import os; from soundclip_demo import sandbox\n"
        f"sandbox.decode({str(tone)!r})\n"
        "pid = os.fork()\n"
        f"heard = [sandbox.decode({str(tone)!r}).seconds for _ in range(20)]\n"
        "if pid: os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or heard != [1.0] * 20)\n"
        "os._exit(heard != [1.0] * 20)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=PATIENCE).returncode == 0


def test_what_waits_for_a_child_leaves_no_threads_behind(children: sandbox.Children, tone: Path) -> None:
    sandbox.decode(tone)
    before = threading.active_count()
    for _ in range(5):
        sandbox.decode(tone)
    assert threading.active_count() == before
