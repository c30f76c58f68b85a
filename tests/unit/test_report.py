"""What can be kept of an analysis: JSON, CSV and the report."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import measured_results
import pytest
from events import SHORT

from soundclip_demo import record, report, tradeoff
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import CaptionPart, Heard, Hit, Matches
from soundclip_demo.results import Result, analyze, gather

EVIL = '<img src=x onerror="hacked()">'


@pytest.fixture(scope="module")
def kept(engine: Engine, clip_sound: Path) -> record.Record:
    """Raw beside projected."""
    results = [gather(engine, clip_sound, replace(SHORT, mode=mode)) for mode in ("raw", "projected")]
    return record.make(engine, "tone.wav", results, "CC0-1.0", "by nobody")


def evil(engine: Engine) -> record.Record:
    """Strings that would run if they were not escaped, wherever a visitor or a gallery can put one."""
    result = Result(replace(SHORT, prompt=EVIL))
    hit = Hit(1, engine.gallery.clips[0].id, EVIL, EVIL, EVIL, 0.5, 4.0)
    for event in (Heard(5.0, (1.0, 4.0), "loudest"), Matches((hit,), 12, 3.0), CaptionPart(EVIL, done=True)):
        result.add(event)
    return record.make(engine, EVIL, [result], EVIL, EVIL)


class Loads(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), name
            if name in ("src", "href", "srcset", "poster", "data", "action"):
                self.addresses.append(value or "")


def test_json_columns_are_what_analyze_prints(engine: Engine, clip_sound: Path, kept: record.Record) -> None:
    document = json.loads(record.as_json(kept))
    printed = analyze(engine, clip_sound, replace(SHORT, mode="raw"))
    assert [column["mode"] for column in document["columns"]] == ["raw", "projected"]
    for column in document["columns"]:
        assert list(printed) == list(column)[: len(printed)]
        assert set(column) - set(printed) == {"setting", "chance", "specs"}
    assert document["columns"][0]["matches"] == printed["matches"]
    assert document["columns"][1]["setting"]["projected_share"] == 1.0
    assert document["columns"][1]["chance"]["chance_ends_at"] > 0
    assert document["gallery"]["clips"] == len(engine.gallery.clips)
    assert {"python", "torch", "soundclip-demo"} <= set(document["versions"])


def test_specs_change_with_the_weights(kept: record.Record) -> None:
    raw, projected = kept.specs
    assert "projector" not in raw
    assert len(projected["projector"]) == 12
    assert raw["encoder"] == projected["encoder"]


def test_csv_has_a_row_for_each_match(kept: record.Record) -> None:
    rows = list(csv.DictReader(io.StringIO(record.as_csv(kept))))
    assert list(rows[0]) == list(record.COLUMNS)
    ranked = [(row["mode"], int(row["rank"])) for row in rows]
    assert ranked == [(mode, rank) for mode in ("raw", "projected") for rank in range(1, 6)]
    best = kept.results[1].matches.hits[0]
    assert (rows[5]["clip"], float(rows[5]["cosine"])) == (best.clip, pytest.approx(best.score, abs=1e-4))


def test_a_spreadsheet_finds_no_formula(engine: Engine) -> None:
    result = Result(SHORT)
    clip = engine.gallery.clips[0].id
    result.add(Matches((Hit(1, clip, "=cmd()", "@sum", "-", -0.5, 4.0),), 12, 3.0))
    text = record.as_csv(record.make(engine, "+name", [result]))
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["sound"], row["category"], row["caption"]) == ("'+name", "'=cmd()", "'@sum")
    assert row["cosine"] == "-0.5"


def test_the_report_loads_nothing_and_runs_nothing(engine: Engine, clip_sound: Path, kept: record.Record) -> None:
    page = report.page(kept, engine.load_sound(clip_sound))
    found = Loads(page)
    assert len(found.addresses) == 10  # a poster for each match
    assert all(address.startswith("data:image/jpeg;base64,") for address in found.addresses)
    assert not {"script", "link", "iframe", "object", "audio"} & set(found.tags)
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import", page)
    assert found.tags.count("svg") == 2


def test_the_report_says_what_was_found(engine: Engine, clip_sound: Path, kept: record.Record) -> None:
    page = report.page(kept, engine.load_sound(clip_sound))
    for result in kept.results:
        assert f"{result.matches.hits[0].deviations:.1f} deviations" in page
    for clip in {hit.clip for result in kept.results for hit in result.matches.hits}:
        assert engine.gallery.clip(clip).attribution in page
    assert "by nobody" in page
    assert "1.5 to 4.5 s of 5.0 s" in page
    assert kept.specs[1]["projector"] in page


def test_the_sound_is_in_the_report_only_when_asked_for(engine: Engine, clip_sound: Path, kept: record.Record) -> None:
    page = report.page(kept, engine.load_sound(clip_sound), clip_sound)
    assert [address[:20] for address in Loads(page).addresses].count("data:audio/wav;base6") == 1


def test_a_large_sound_is_refused(
    engine: Engine, clip_sound: Path, kept: record.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_SOUND", 100)
    with pytest.raises(UserError, match="too large"):
        report.page(kept, engine.load_sound(clip_sound), clip_sound)


def test_the_report_escapes_every_string(engine: Engine, clip_sound: Path) -> None:
    page = report.page(evil(engine), engine.load_sound(clip_sound))
    assert "onerror" in page
    assert EVIL not in page
    assert "<img src=x" not in page


def test_nothing_heard_is_nothing_to_report(engine: Engine, clip_sound: Path) -> None:
    with pytest.raises(UserError, match="nothing to report"):
        report.page(record.make(engine, "a", [Result(SHORT)]), engine.load_sound(clip_sound))


def test_the_measured_trade_off_is_a_picture_of_its_own(
    engine: Engine, clip_sound: Path, kept: record.Record, tmp_path: Path
) -> None:
    file = tmp_path / "compact.json"
    file.write_text(json.dumps(measured_results.made_up()))
    measured = tradeoff.read(file)
    page = report.page(kept, engine.load_sound(clip_sound), None, measured)
    assert "Measured here" in page
    assert f"on {measured.recordings} recordings" in page
    drawn = page[page.index('class="tradeoff"') :]
    assert drawn.count('class="here"') == len(kept.results)
    assert drawn.count('class="spot ') == len(measured.ends)
    bare = report.page(kept, engine.load_sound(clip_sound))
    assert "Measured here" not in bare


def test_a_rehearsed_caption_says_so(engine: Engine, clip_sound: Path, kept: record.Record) -> None:
    early = replace(kept, results=tuple(replace(r, caption="A dog.", rehearsed=True) for r in kept.results))
    assert "when the demo was started" in report.page(early, engine.load_sound(clip_sound))
    assert "when the demo was started" not in report.page(kept, engine.load_sound(clip_sound))
