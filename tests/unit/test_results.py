"""One analysis as plain data: the contract of the command line and the public API."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from events import SHORT, SILENT, STAGES

from soundclip_demo.engine import Engine
from soundclip_demo.events import CaptionPart
from soundclip_demo.results import analyze, encoder_table


def test_the_result_is_what_the_contract_says(engine: Engine, clip_sound: Path) -> None:
    result = json.loads(json.dumps(analyze(engine, clip_sound, replace(SHORT, top=3))))
    missing = result.pop("missing")
    assert missing == []
    assert list(result) == ["sound", "suite", "encoder", "mode", "matches", "caption", "map", "ms"]
    assert result["sound"] == {"seconds": 5.0, "window": pytest.approx([1.5, 4.5], abs=0.02)}
    assert (result["suite"], result["encoder"], result["mode"]) == ("compact", "whisperclip", "projected")
    assert [list(row) for row in result["matches"]] == [["rank", "clip", "category", "caption", "score"]] * 3
    assert [row["rank"] for row in result["matches"]] == [1, 2, 3]
    assert list(result["map"]) == ["x", "y", "off_map"]
    assert isinstance(result["map"]["off_map"], bool)
    assert list(result["ms"]) == STAGES
    final = [e for e in engine.run_file(clip_sound, SHORT) if isinstance(e, CaptionPart)][-1]
    assert result["caption"] == final.text


def test_no_caption_is_null(engine: Engine, clip_sound: Path) -> None:
    assert analyze(engine, clip_sound, SILENT)["caption"] is None


def test_the_window_can_be_chosen(engine: Engine, clip_sound: Path) -> None:
    assert analyze(engine, clip_sound, SILENT, start=0.5)["sound"]["window"] == [0.5, 3.5]


def test_the_table_of_encoders_is_plain_data(engine: Engine) -> None:
    table = json.loads(json.dumps(encoder_table(engine.encoders())))
    assert len(table) == 12
    assert all(list(row) == ["name", "title", "suite", "ready", "reason"] for row in table)
