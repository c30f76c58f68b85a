"""The page's account of what was measured is that of the results file, and published figures stay apart."""

import json
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import measured_results
import pytest

from soundclip_demo import published, tradeoff
from soundclip_demo.tradeoff import Measured, Tradeoff, frontier
from soundclip_demo.ui import paper as layer
from soundclip_demo.ui import texts
from soundclip_demo.ui import tradeoff as panel

PAPER = published.read()
NOISE = "changes it within the noise"


def reading(folder: Path, results: dict) -> Tradeoff | None:
    (folder / "compact.json").write_text(json.dumps(results))
    return tradeoff.read(folder / "compact.json")


@pytest.fixture
def measured(tmp_path: Path) -> Tradeoff:
    return reading(tmp_path, measured_results.made_up())


def share(mean: float, width: float = 0.02) -> dict:
    return {"mean": mean, "low": mean - width, "high": mean + width, "n": 40}


def row(encoder: str, mode: str, found: float, frozen: float | None = None) -> dict:
    told = {} if frozen is None else {"frozen": {"caption": share(frozen)}}
    return {"encoder": encoder, "mode": mode, "core": {"top1": share(found)} | told, "all": {"top1": share(0)}}


def few(*settings: dict, **more: list | dict) -> dict:
    """A file that knows little."""
    return {"groups": {"core": {"recordings": 40}, "all": {}}, "settings": list(settings)} | more


def test_the_first_group_is_read(measured: Tradeoff) -> None:
    assert (measured.recordings, measured.gallery) == (366, 132)
    assert (len(measured.encoders), measured.protocols) == (6, ["frozen", "tuned"])
    assert list(measured.native) == ["clap", "imagebind", "wav2clip", "audioclip"]
    assert [(point.encoder, point.share) for point in measured.ends[:2]] == [("clap", 0), ("clap", 1)]
    assert measured.ends[1].value("top1").mean == 0.552
    assert measured.ends[1].value("caption", "tuned").n == 366
    assert (len(measured.points), measured.points[4].share) == (66, 0.4)
    assert measured.points[4].value("caption", "tuned").n == 92
    assert measured.gains["clap", "frozen caption"].mean == pytest.approx(-0.074)
    assert measured.measures == list(measured_results.ABOUT)


def test_an_unmeasured_suite_has_no_panel(tmp_path: Path) -> None:
    assert tradeoff.read(tmp_path / "paper.json") is None
    assert reading(tmp_path, {}) is None
    assert reading(tmp_path, few(row("clap", "native", 0.9))) is None


def test_a_damaged_file_costs_the_panel_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "compact.json").write_text(json.dumps(measured_results.made_up())[:-100])
    assert tradeoff.read(tmp_path / "compact.json") is None
    assert tradeoff.captions(tmp_path / "compact.json", "tuned") == []
    assert "compact.json cannot be read" in caplog.text


def test_a_change_is_what_the_paired_interval_says(tmp_path: Path) -> None:
    apart = [row("clap", "raw", 0.1, 0.3), row("clap", "projected", 0.8, 0.2)]
    unpaired = reading(tmp_path, few(*apart, row("whisper", "raw", 0.1), row("whisper", "projected", 0.13)))
    assert [unpaired.change(name, "top1") for name in ("clap", "whisper")] == [1, 0]
    assert unpaired.change("clap", "caption", "frozen") == -1
    assert unpaired.change("clap", "caption", "tuned") is None
    gains = [{"encoder": "clap", "core": {"top1": measured_results.gain(0.01, 0.02), "frozen caption": share(0.1)}}]
    paired = reading(tmp_path, few(*apart, projected_minus_raw=gains))
    assert (paired.change("clap", "top1"), paired.change("clap", "caption", "frozen")) == (0, 1)


def test_what_could_not_be_measured_is_left_out(tmp_path: Path) -> None:
    empty = {"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0}
    results = few(row("clap", "raw", 0.1, 0.3), row("clap", "projected", 0.8, 0.2), row("gone", "raw", 0.1))
    results["settings"][0]["core"]["frozen"]["b1"] = empty
    found = reading(tmp_path, results)
    assert (found.encoders, found.measures, found.points is found.ends) == (["clap"], ["caption"], True)


@pytest.mark.parametrize("lacking", ["sweep", "projected_minus_raw", "caption_measures", "gallery_clips", "frontier"])
def test_a_file_that_lacks_a_part_is_shown_without_it(tmp_path: Path, lacking: str) -> None:
    results = {name: part for name, part in measured_results.made_up().items() if name != lacking}
    found = reading(tmp_path, results)
    assert "data-plot=\"measured\"" in panel.template(found, PAPER)
    base = json.loads(json.dumps(panel.base(found, PAPER, "compact"), allow_nan=False))
    assert base["views"]["top1 caption"]["said"][0].startswith("With the frozen LLaVA, projecting finds more")


def test_without_captions_there_is_retrieval_alone(tmp_path: Path) -> None:
    old = [row("clap", "raw", 0.1), row("clap", "projected", 0.8)]
    for each in old:
        each["core"]["caption"] = share(0.5)  # whose captions, older files do not say
    found = reading(tmp_path, few(*old))
    assert 'data-plot="measured"' not in panel.template(found, PAPER)
    raised, none, published_sign = panel.base(found, PAPER, "compact")["views"]["top1 "]["said"]
    assert raised == "Right category first (R@1): projecting raises it for 1 of 1 encoder."
    assert none == texts.NO_CAPTIONS
    assert published_sign.startswith("The paper, R@1:")


def test_the_sentences_say_what_the_numbers_say(measured: Tradeoff) -> None:
    views = panel.base(measured, PAPER, "compact")["views"]
    assert len(views) == 3 * 7
    headline, frozen, tuned, found, told = views["top1 caption"]["said"]
    assert headline == (
        "With the frozen LLaVA, projecting finds more and describes worse for 6 of 6 encoders. "
        "With the tuned LLaVA, projecting finds more and describes better for 6 of 6 encoders."
    )
    assert frozen.startswith("Frontier, frozen LLaVA: ")
    assert "from WhisperCLIP raw (finds 0.0%, describes 18.1%) to WhisperCLIP blend 0.8" in frozen
    assert tuned.startswith("Frontier, tuned LLaVA: of 66 settings one is best at both, WhisperCLIP blend 0.9 (finds")
    same = "for 5 of 5 encoders. Here the direction is the same for 5 of them."
    assert found == f"The paper, R@1: projecting raises it {same}"
    assert told == f"The paper, B3 (frozen LLaVA): projecting lowers it {same}"
    assert not any("R@1" in sentence for sentence in views["mrr caption"]["said"][1:])
    assert "BLEU (frozen LLaVA): projecting lowers it by 0.024" in views["top1 bleu"]["said"][-1]


def test_a_protocol_that_was_not_measured_is_not_spoken_of(tmp_path: Path) -> None:
    found = reading(tmp_path, few(row("clap", "raw", 0.1, 0.3), row("clap", "projected", 0.8, 0.3)))
    said = panel.said(found, PAPER, "top1", "caption", {"clap": "CLAP"})
    assert said[0] == (
        "With the frozen LLaVA, projecting finds more and describes the same within the noise for 1 of 1 encoder."
    )
    assert "tuned" not in " ".join(said) + panel.template(found, PAPER).split("<ul")[0]
    assert said[-1].endswith("Here the direction is undecided for 1 of them.")


@pytest.mark.parametrize("found", [1, 0, -1])
@pytest.mark.parametrize("told", [1, 0, -1])
def test_every_outcome_in_words(found: int, told: int) -> None:
    finds = {1: "finds more", 0: "finds the same within the noise", -1: "finds less"}[found]
    describes = {1: "describes better", 0: "describes the same within the noise", -1: "describes worse"}[told]
    assert texts.outcome([(found, told)] * 2) == f"projecting {finds} and {describes} for 2 of 2 encoders"


def test_mixed_outcomes_the_commonest_first() -> None:
    assert texts.outcome([(1, 1), (1, -1), (1, -1), (0, 0)]) == (
        "projecting finds more and describes worse for 2, finds more and describes better for 1 "
        "and finds the same within the noise and describes the same within the noise for 1 of 4 encoders"
    )


def test_what_holds_for_both_llavas_is_said_once() -> None:
    assert texts.outcomes({"projecting finds more": ["frozen", "tuned"]}) == (
        "With the frozen and the tuned LLaVA, projecting finds more."
    )
    assert texts.outcomes({"projecting finds more": ["frozen"], "projecting finds less": ["tuned"]}) == (
        "With the frozen LLaVA, projecting finds more. With the tuned LLaVA, projecting finds less."
    )


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


def test_beside_the_papers_signs() -> None:
    assert texts.paper_signs("B2", [(-1, -1), (-1, 1), (-1, 0), (0, 0), (0, 1)]) == (
        "The paper, B2: projecting lowers it for 3 and leaves it the same for 2 of 5 encoders. "
        "Here the direction is the same for 2, the opposite for 1 and undecided for 2 of them."
    )
    assert texts.paper_drop("BLEU", 0.024, [1, -1]).endswith(
        "Here the direction is the same for 1 and the opposite for 1 of 2 encoders."
    )


def test_the_frontier_of_one_and_of_many() -> None:
    one = texts.frontier("frozen", ["A raw (finds 1, describes 2)"], 3, ["A"])
    assert one == "Frontier, frozen LLaVA: of 3 settings one is best at both, A raw (finds 1, describes 2)."
    many = texts.frontier("tuned", ["A raw", "B raw", "C raw"], 9, ["A", "B", "C"])
    assert many == "Frontier, tuned LLaVA: 3 of 9 settings, of A, B and C, from A raw to C raw."


def test_the_frontier_by_hand() -> None:
    assert frontier([(0.1, 0.9), (0.5, 0.5), (0.4, 0.4), (0.9, 0.1)]) == [0, 1, 3]
    assert frontier([(0.5, 0.5), (0.5, 0.5), (0.5, 0.6)]) == [2]
    assert frontier([(0.5, 0.5), (0.5, 0.5)]) == [0, 1]  # equal points do not beat each other


def test_the_frontier_runs_from_least_found_to_most(measured: Tradeoff) -> None:
    at = measured.frontier("top1", "frozen", "caption")
    found = [measured.points[i].value("top1").mean for i in at]
    told = [measured.points[i].value("caption", "frozen").mean for i in at]
    assert found == sorted(found)
    assert told == sorted(told, reverse=True)


def test_what_goes_to_the_browser(measured: Tradeoff) -> None:
    base = json.loads(json.dumps(panel.base(measured, PAPER, "compact"), allow_nan=False))
    assert base["encoders"]["clap"] == "CLAP"
    assert base["points"][4]["setting"] == "blend 0.4"
    assert base["ends"][1]["told"]["tuned"]["caption"] == [0.47, *base["ends"][1]["told"]["tuned"]["caption"][1:3], 366]
    assert base["native"]["clap"]["top1"][0] == 0.404
    assert base["measures"]["b1"] == {
        "title": texts.TOLD_BY["b1"], "percent": False, "about": measured_results.ABOUT["b1"][0],
    }
    assert "captions of 92" in base["columns"]["swept"]
    assert "92 of these recordings" in panel.template(measured, PAPER)
    assert panel.figure("mrr", Measured(0.5, 0, 1, 2)) == "0.500"


@pytest.mark.parametrize(
    ("encoder", "given", "wanted"),
    [
        ("clap", 0.4, ("clap", 0.4, "frozen")),
        ("clap", 1, ("clap", 1.0, "frozen")),
        ("clap", 1.01, None),
        ("clap", -1, None),
        ("clap", float("nan"), None),
        ("clap", "0.4", None),
        ("clap", None, None),
        ("<b>", 0.4, None),
        (["clap"], 0.4, None),
    ],
)
def test_a_chosen_point_is_checked(encoder: object, given: object, wanted: tuple | None) -> None:
    assert panel.read_go(SimpleNamespace(encoder=encoder, share=given, protocol="frozen")) == wanted
    assert panel.read_go(SimpleNamespace(encoder=encoder, share=given, protocol="melted")) is None
    assert panel.read_go(SimpleNamespace()) is None


def test_the_published_layer_says_whose_it_is_and_what_was_withdrawn() -> None:
    html = unescape(layer.layer(PAPER))
    for text in (*published.withdrawn(PAPER), "0.10% → 15.71%", "0.169 → 0.094", "1006 AVE-2 clips", texts.WITHDRAWN):
        assert text in html
    assert "the Pareto claim (arXiv v1)" in html
    assert "CLAP and Whisper, R@1: the authors call it a lower bound" in html
    drawn = layer.lines(PAPER)
    assert drawn["rows"]["R@1"]["imagebind"] == pytest.approx([0.001, 0.1571])
    assert list(drawn["rows"]["B3"]) == ["audioclip", "wav2clip", "imagebind", "clap", "whisper"]


def test_withdrawn_figures_are_not_drawn() -> None:
    about = {"metric": "B9", "unit": "score", "gallery": None, "remark": None, "raw": 1, "projected": 2}
    taken_back = {"clap": None, "whisper": "no longer stated"}
    rows = [about | {"encoder": name, "withdrawn": reason} for name, reason in taken_back.items()]
    assert list(published.pairs({"figures": rows}, "B9")) == ["clap"]
    assert published.drop(PAPER, "ROUGE-L") == 0.024
    assert published.drop(PAPER, "B1") is None
