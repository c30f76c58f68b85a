"""Visitors never see each other's sound or result; their files go, and nothing of them stays in a log."""

import logging
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import ANY

import crowd
import httpx
import pytest
import toy
from crowd import Right
from gradio.route_utils import delete_files_created_by_app
from visitor import Visitor

from soundclip_demo.ui import intake, texts

gradio_client = pytest.importorskip("gradio_client")

PATIENCE = 120  # seconds
CROWD, ROUNDS = 8, 2  # `python -m tests.bench.isolation` does 200


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    with crowd.short_captions():
        yield


@pytest.fixture(scope="module")
def wanted(server: SimpleNamespace, short: None, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Right]:
    """The visitors' sounds, and what each of them must see."""
    sounds = crowd.sounds(tmp_path_factory.mktemp("crowd"), CROWD)
    return {sound: crowd.right(server.engine, sound) for sound in sounds}


def test_the_sounds_can_be_told_apart(wanted: dict[Path, Right]) -> None:
    """Else the next test would prove nothing."""
    assert len({repr(right) for right in wanted.values()}) == CROWD


def test_everybody_at_once_gets_their_own(server: SimpleNamespace, wanted: dict[Path, Right]) -> None:
    assert crowd.rounds(server.url, wanted, ROUNDS) == []


def test_callers_at_once_get_their_own(server: SimpleNamespace, wanted: dict[Path, Right]) -> None:
    def call(sound: Path) -> list[tuple[str, str]]:
        client = gradio_client.Client(server.url, verbose=False)
        given = gradio_client.handle_file(sound)
        found = client.predict(given, encoder="whisper", caption=False, api_name="/analyze")
        return [(row["clip"], f"{row['score']:.2f}") for row in found["matches"]]

    with ThreadPoolExecutor(CROWD) as pool:
        assert list(pool.map(call, wanted)) == [right.clips["projected"] for right in wanted.values()]


def test_a_mixed_up_answer_would_be_noticed(server: SimpleNamespace, wanted: dict[Path, Right]) -> None:
    first, second = list(wanted)[:2]
    (said,) = crowd.rounds(server.url, {first: wanted[second]}, 1, captions_every=2**30)[:1]
    assert "the clips are those of" in said


def test_what_one_visitor_gave_is_not_there_for_another(server: SimpleNamespace, wanted: dict[Path, Right]) -> None:
    """Neither the sound that was chosen nor what came of it."""
    save = ("save", [None, None, None], {"kind": "json"})
    with Visitor(server.url) as one, Visitor(server.url) as other:
        sound, right = next(iter(wanted.items()))
        assert one.see(sound, captions=False).clips == right.clips
        assert sound.name in one.quick(*save)["keep"]["text"]
        assert other.quick(*save)["keep"] == {"serial": ANY, "said": texts.KEEP_NOTHING}


def test_files_are_gone_after_their_time(server: SimpleNamespace, uploads: Path, wanted: dict[Path, Right]) -> None:
    frequency, age = server.blocks.delete_cache
    assert (frequency, age) <= (600, 3600)
    with Visitor(server.url) as visitor:
        path = Path(visitor.upload(next(iter(wanted))))
        assert path.is_relative_to(uploads)
        delete_files_created_by_app(server.blocks, age)
        assert path.exists()  # its time has not come
        time.sleep(1.1)
        delete_files_created_by_app(server.blocks, 1)
        assert [file for file in uploads.rglob("*") if file.is_file() and file.stat().st_size] == []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake, "LEFT_SECONDS", 0.0)
            assert not visitor.choose(next(iter(wanted)))  # it can be given again
        assert len(list(uploads.iterdir())) == 2  # its folder, and what Gradio makes beside it


def test_logs_hold_no_sound_text_or_address(
    server: SimpleNamespace, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where all goes well nor where something breaks."""
    caplog.set_level(logging.INFO)
    secret = secrets.token_hex(8)
    sound = toy.write_sound(tmp_path / f"{secret}.wav", toy.noise(3.5))
    fake = tmp_path / f"{secret}.mp3"
    fake.write_text(secret * 100)

    def broken(path: str) -> None:
        raise RuntimeError(f"{path} of {secret}")

    with Visitor(server.url, prompt=secret) as visitor:
        assert "could not be read" in visitor.choose(fake)
        assert visitor.see(sound).captions["raw"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server.engine, "load_sound", broken)
            assert "Something went wrong" in visitor.choose(sound)
    caller = gradio_client.Client(server.url, verbose=False)
    with pytest.raises(Exception, match="could not be read"):
        caller.predict(gradio_client.handle_file(fake), api_name="/compare")
    ours = [record for record in caplog.records if record.name != "httpx"]  # which is the visitor's own
    told = "".join(capfd.readouterr()) + "\n".join(map(logging.Formatter().format, ours))
    assert secret not in told
    assert "RuntimeError" in told  # what broke is told, though not its message
    assert visitor.session not in told
    assert "127.0.0.1" not in told


def test_analytics_are_off(server: SimpleNamespace) -> None:
    config = httpx.get(f"{server.url}config", timeout=PATIENCE).json()
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
    assert httpx.get(f"{server.url}monitoring", timeout=PATIENCE).status_code >= 400
