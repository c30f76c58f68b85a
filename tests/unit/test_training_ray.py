"""A Ray cluster gives the features that processes of this machine give.

Needs `pip install -r requirements-ray.txt`; without it, it is listed as skipped, with this reason.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import toy
from test_training_clips import CLIPS, command, gallery, made

from training import engines
from training.__main__ import main
from training.rows import PICTURES, Rows

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
__all__ = ["gallery", "made"]  # fixtures
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def cluster(workspace: toy.Workspace) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        started()
        yield
        ray.shutdown()


def started(tries: int = 4) -> None:
    """A busy machine may need longer than the 30 s that Ray waits for itself."""
    for left in reversed(range(tries)):
        try:
            ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 << 20)
            return
        except Exception:  # of no kind of its own
            ray.shutdown()
            if not left:
                raise


def test_a_cluster_gives_what_processes_give(
    cluster: None, gallery: Path, made: Path, workspace: toy.Workspace, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = command(gallery, tmp_path, workspace, "--engine", "ray")
    assert main(given) == 0
    for name in ("whisper", "wav2clip", PICTURES):
        found, wanted = Rows(tmp_path, name), Rows(made, name)
        assert (found.spec, found.missing) == (wanted.spec, wanted.missing)
        everything = np.arange(CLIPS)
        np.testing.assert_allclose(found[everything], wanted[everything], rtol=2e-3, atol=2e-2)
    assert "cannot be used: This part of the sound is silent." in capsys.readouterr().err

    (tmp_path / "whisper" / "00003.npy").unlink()
    asked, computed = [], engines.by_ray
    monkeypatch.setitem(engines.ENGINES, "ray", lambda w, tasks, n: asked.extend(tasks) or computed(w, tasks, n))
    assert main(given) == 0
    assert [task.number for task in asked] == [3]


def test_a_problem_of_a_cluster_is_said(
    cluster: None, gallery: Path, workspace: toy.Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "checkpoints"
    broken.mkdir()
    for file in workspace.checkpoints.iterdir():
        if file.is_file():
            (broken / file.name).write_bytes(file.read_bytes() if "wav2clip" not in file.name else b"torn")
    given = command(gallery, tmp_path / "out", toy.replace(workspace, checkpoints=broken), "--engine", "ray")
    assert main(given) == 1
    assert "error: Wav2CLIP (compact retrain) is not available" in capsys.readouterr().err
