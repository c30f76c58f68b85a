"""The page's account of what was measured is that of the results file."""

import json
from pathlib import Path

import pytest

from soundclip_demo import tradeoff
from soundclip_demo.tradeoff import Share, frontier
from soundclip_demo.ui import texts
from soundclip_demo.ui import tradeoff as panel

NOISE = "changes it within the noise"


def share(mean: float, width: float = 0.02) -> dict:
    return {"mean": mean, "low": mean - width, "high": mean + width, "n": 40}


def row(encoder: str, mode: str, found: float, frozen: float | None) -> dict:
    told = {} if frozen is None else {"frozen": {"caption": share(frozen)}}
    return {"encoder": encoder, "mode": mode, "core": {"top1": share(found)} | told, "all": {"top1": share(0)}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    settings = [
        row("clap", "native", 0.9, None),
        row("clap", "raw", 0.10, 0.30),
        row("clap", "blend 0.5", 0.5, None),
        row("clap", "projected", 0.80, 0.20),
        row("whisper", "raw", 0.10, 0.20),
        row("whisper", "projected", 0.13, 0.60),
    ]
    results = {"groups": {"core": {"recordings": 40}, "all": {"recordings": 50}}, "gallery_clips": 132}
    (tmp_path / "compact.json").write_text(json.dumps(results | {"settings": settings}))
    return tmp_path / "compact.json"


def test_the_first_group_is_read(file: Path) -> None:
    found = tradeoff.read(file)
    assert (found.recordings, found.gallery, found.protocols) == (40, 132, ["frozen"])
    clap, whisper = found.encoders
    assert (clap.name, whisper.name) == ("clap", "whisper")
    assert clap.found["projected"] == Share(0.80, pytest.approx(0.78), pytest.approx(0.82), 40)
    assert clap.named["frozen"]["raw"].mean == 0.30
    assert tradeoff.read(file.with_name("paper.json")) is None


def test_only_intervals_that_lie_apart_are_a_change(file: Path) -> None:
    clap, whisper = tradeoff.read(file).encoders
    assert [tradeoff.change(encoder.found) for encoder in (clap, whisper)] == [1, 0]
    assert [tradeoff.change(encoder.named["frozen"]) for encoder in (clap, whisper)] == [-1, 1]


def test_the_sentences_say_what_the_numbers_say(file: Path) -> None:
    html = panel.panel(tradeoff.read(file), "compact")
    assert texts.changes("right category first", [1, 0]) in html
    assert texts.changes("frozen LLaVA names what sounds", [-1, 1]) in html
    assert "tuned" not in html
    assert '<span class="number">80%</span> <span class="small">(78% to 82%)</span>' in html


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        ([1, 1], "projecting raises it for 2 of 2 encoders."),
        ([-1, 1, -1], "projecting raises it for 1 and lowers it for 2 of 3 encoders."),
        ([1, -1, 0, 0], f"projecting raises it for 1, lowers it for 1 and {NOISE} for 2 of 4 encoders."),
    ],
)
def test_changes_in_words(signs: list[int], said: str) -> None:
    assert texts.changes("it", signs) == f"It: {said}"


def test_the_frontier_by_hand() -> None:
    assert frontier([(0.1, 0.9), (0.5, 0.5), (0.4, 0.4), (0.9, 0.1)]) == [0, 1, 3]
    assert frontier([(0.5, 0.5), (0.5, 0.5), (0.5, 0.6)]) == [2]
    assert frontier([(0.5, 0.5), (0.5, 0.5)]) == [0, 1]  # equal points do not beat each other
