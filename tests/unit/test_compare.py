"""One sound under every setting: rows, times, plain data."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import toy
from events import SILENT, calls_of, of

from soundclip_demo.audio import Sound
from soundclip_demo.compare import MODES, Row, compare, contenders
from soundclip_demo.encoders import network
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Matches
from soundclip_demo.parts import NotReady
from soundclip_demo.results import comparison


@pytest.fixture
def rows(engine: Engine, clip_sound: Path) -> list[Row]:
    return list(compare(engine, engine.load_sound(clip_sound)))


def ready(engine: Engine) -> list[str]:
    return [status.name for status in contenders(engine) if status.ready]


def test_every_encoder_of_the_suite_has_its_rows_in_the_registrys_order(engine: Engine, rows: list[Row]) -> None:
    wanted = []
    for status in contenders(engine):
        wanted += [(status.name, mode) for mode in MODES] if status.ready else [(status.name, "")]
    assert [(row.encoder, row.mode) for row in rows] == wanted
    assert len({row.encoder for row in rows}) == 6


def test_a_row_finds_what_the_page_finds(engine: Engine, clip_sound: Path, rows: list[Row]) -> None:
    for row in rows:
        if row.hit:
            setting = replace(SILENT, encoder=row.encoder, mode=row.mode)
            found = of(Matches, list(engine.run_file(clip_sound, setting)))
            assert row.hit == replace(found.hits[0], score=row.hit.score, deviations=row.hit.deviations)
            assert row.hit.score == pytest.approx(found.hits[0].score, abs=1e-5)
            assert row.above_chance == found.above_chance
        else:
            assert row.reason
            assert not row.above_chance


def test_both_modes_rest_on_one_embedding_made_anew(
    engine: Engine, clip_sound: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rows` has encoded this sound before. Whisper's network hears it for WhisperCLIP, too."""
    sound = engine.load_sound(clip_sound)
    for name in ready(engine):
        with calls_of(engine.parts.encoder(name), "hear", monkeypatch) as calls:
            again = [row for row in compare(engine, sound) if row.encoder in (name, network(name))]
        assert len(calls) == (1 if network(name) == name else 0)
        assert len(again) == (2 if network(name) == name else 4)
        assert len({row.encode_ms for row in again}) == 1
        assert all(row.ms >= row.encode_ms > 0 for row in again)


def test_the_window_can_be_chosen(engine: Engine, clip_sound: Path) -> None:
    """The tone is ten times as loud from 1.5 s on: where the window holds less of it, the token differs."""
    sound = engine.load_sound(clip_sound)
    late, early = ([row.hit.score for row in compare(engine, sound, start) if row.hit] for start in (1.5, 0.0))
    assert late == pytest.approx([row.hit.score for row in compare(engine, sound) if row.hit], abs=1e-5)
    assert late != pytest.approx(early, abs=1e-5)


def test_a_silent_window_is_said_once(engine: Engine) -> None:
    with pytest.raises(UserError, match="silent"):
        list(compare(engine, Sound(toy.tone(440, 3.0, level=0.0), toy.RATE)))


@pytest.mark.parametrize(
    ("error", "said"),
    [(NotReady("The encoder is not available."), "The encoder is not available."), (ValueError(), "failed")],
)
def test_a_broken_encoder_costs_its_own_rows_only(
    engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    load: Callable = engine.parts.encoder

    def broken(name: str) -> object:
        if name == ready(engine)[0]:
            raise error
        return load(name)

    monkeypatch.setattr(engine.parts, "encoder", broken)
    rows = list(compare(engine, engine.load_sound(clip_sound)))
    lost, *others = [[row for row in rows if row.encoder == name] for name in ready(engine)]
    assert all(said in row.reason and row.hit is None for row in lost)
    assert all(row.hit for pair in others for row in pair)
    assert {len(pair) for pair in (lost, *others)} == {2}


def test_rows_come_one_by_one(engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with calls_of(engine, "run", monkeypatch) as calls:
        rows = compare(engine, engine.load_sound(clip_sound))
        assert next(row for row in rows if row.hit)
        rows.close()
    assert len(calls) == 1


def test_as_plain_data(engine: Engine, clip_sound: Path) -> None:
    result = json.loads(json.dumps(comparison(engine, clip_sound)))
    assert list(result) == ["sound", "suite", "rows"]
    assert result["sound"] == {"seconds": 5.0, "window": pytest.approx([1.5, 4.5], abs=0.02)}
    for row in result["rows"]:
        assert list(row) == ["encoder", "title", "mode", "match", "above_chance", "ms", "reason"]
        if row["match"]:
            assert row["reason"] is None
            assert list(row["match"]) == ["clip", "category", "caption", "score"]
            assert list(row["ms"]) == ["encode", "all"]
        else:
            assert row["reason"]
            assert row["ms"] is row["above_chance"] is None
