"""Replicas of the engine on a Ray cluster give what an engine in this process gives.

Needs `pip install -r requirements-ray.txt`; without it, it is listed as skipped, with this reason.
"""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from events import SHORT, SILENT, of

from soundclip_demo.audio import Sound
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import CaptionPart, Matches
from soundclip_demo.remote import RemoteEngine
from soundclip_demo.serving import app

pytest.importorskip("ray.serve", reason="Ray is not installed: pip install -r requirements-ray.txt")
import ray
from ray import serve
from test_training_ray import started

from soundclip_demo import cluster

PAUSE = 0.3  # seconds


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        started()
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield f"http://127.0.0.1:{port}"
        serve.shutdown()
        ray.shutdown()


def test_replicas_answer_as_one_engine(
    workspace: toy.Workspace, engine: Engine, address: str, clip_sound: Path
) -> None:
    serve.run(cluster.replicas(workspace.config(), 2))
    (deployment,) = serve.status().applications["default"].deployments.values()
    assert deployment.replica_states == {"RUNNING": 2}
    remote = RemoteEngine(address)
    for seed in range(6):
        sound = Sound(toy.tone(300 * (seed + 1), 4.0) + toy.noise(4.0, seed=seed), toy.RATE)
        ours, theirs = (list(asked.run(sound, SHORT)) for asked in (engine, remote))
        assert [e for e in ours if isinstance(e, CaptionPart)] == [e for e in theirs if isinstance(e, CaptionPart)]
        found, wanted = of(Matches, theirs).hits, of(Matches, ours).hits
        assert [hit.clip for hit in found] == [hit.clip for hit in wanted]
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-5)
    with pytest.raises(UserError, match="no encoder “nobody” here"):
        list(remote.run_file(clip_sound, replace(SILENT, encoder="nobody")))
    serve.delete("default")  # the two cores of this cluster are the next test's


def test_closing_ends_the_work_of_a_replica(
    workspace: toy.Workspace, address: str, clip_sound: Path, tmp_path: Path
) -> None:
    config, tokens = workspace.config(), tmp_path / "tokens"

    def slow():  # travels to the replica, where nothing of the tests can be imported
        engine = Engine(config)
        captioner = engine.parts.captioner()
        letter = captioner.tokenizer.convert_tokens_to_ids("a")

        def choose(*_: object) -> int:
            with tokens.open("a") as file:
                file.write(f"{time.time()}\n")
            time.sleep(PAUSE)
            return letter

        captioner._choose = choose
        return app(engine)

    serve.run(serve.deployment(serve.ingress(slow)()).bind(), name="slow", route_prefix="/slow")
    remote = RemoteEngine(f"{address}/slow")
    events = remote.run_file(clip_sound, replace(SHORT, max_new_tokens=100))
    next(event for event in events if isinstance(event, CaptionPart))
    events.close()
    closed = time.time()
    time.sleep(10 * PAUSE)
    made = [float(line) for line in tokens.read_text().splitlines()]
    assert made
    assert len([when for when in made if when > closed]) <= 2  # the news passes through Ray's proxy
