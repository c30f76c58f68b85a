"""Published figures stay as published; signs and the printed tables are those of the measured results."""

import json

import numpy as np
import pytest
import torch
from test_training_evaluate import gallery, sound

from soundclip_demo.encoders.joint import JointSpace
from training import evaluate, features, held_out, published, report

FIGURES = published.read()["figures"]


def test_every_figure_says_where_it_is_from_and_what_became_of_it() -> None:
    file = published.read()
    for row in FIGURES:
        assert set(row["source"].split(", ")) <= file["sources"].keys()
        assert row["generation"] in file["generations"]
        assert {"section", "metric", "unit", "gallery", "data", "withdrawn"} <= row.keys()
    assert [row["section"] for row in FIGURES if row["withdrawn"]] == ["8.4"]
    assert {row["gallery"] for row in FIGURES if row["metric"] == "R@1"} == {1006}
    assert len([row for row in FIGURES if row["section"] == "8.5"]) == 2 * 2 * 3 * 3


def test_recalls_are_whole_clips_of_the_stated_gallery() -> None:
    for row in FIGURES:
        if row["metric"] == "R@1":
            for share in (row["raw"], row["projected"]):
                hits = round(share / 100 * row["gallery"])
                assert round(100 * hits / row["gallery"], 2) == share


def test_the_published_figures_have_the_published_signs() -> None:
    wanted = {sign.measure.split(",")[0]: sign.wanted for sign in published.SIGNS}
    checked = [row for row in FIGURES if row["section"] == "8.1"]
    assert len(checked) == 20
    for row in checked:
        assert published.verdict(row["raw"], row["projected"], wanted[row["metric"]]) == "agree"


def test_signs_one_by_one() -> None:
    def row(mode: str, top1: float, caption: float, cka: float | None) -> dict:
        return {
            "encoder": "clap", "mode": mode, "all": {"top1": {"mean": top1}, "frozen": {"caption": {"mean": caption}}},
            "geometry": {"cka": cka, "residual": 0.5, "effective_rank": 3.0},
        }

    results = {"settings": [row("raw", 0.1, 0.2, None), row("projected", 0.5, 0.6, 0.7)]}
    checked = published.signs(results)
    assert len(checked) == 5 * len(published.SIGNS)
    clap = {row["measure"].split(",")[0].split(" (")[0]: row for row in checked if row["encoder"] == "clap"}
    assert (clap["R@1"]["verdict"], clap["R@1"]["raw"], clap["R@1"]["projected"]) == ("agree", 0.1, 0.5)
    b3 = [row["verdict"] for row in checked if row["encoder"] == "clap" and row["measure"].startswith("B3")]
    assert b3 == ["not measurable", "disagree"]
    tuned = [row for row in published.signs(results, protocol="tuned") if row["encoder"] == "clap"]
    assert [row["verdict"] for row in tuned if row["measure"].startswith("B3")] == ["not measurable"] * 2
    assert tuned[0]["verdict"] == "agree"  # nobody writes a caption for a search
    assert clap["orthogonal residual"]["verdict"] == "disagree"  # the same is not lower
    for measure in ("B1", "B2", "alignment with visual vectors", "neighbour overlap with raw sound"):
        assert clap[measure]["verdict"] == "not measurable"
    assert {row["verdict"] for row in checked if row["encoder"] != "clap"} == {"not measurable"}
    assert published.verdict(0.2, 0.2, "<=") == "agree"
    table = published.table(checked).splitlines()
    assert len(table) == 2 + len(published.SIGNS)
    assert "| agree (0.100 → 0.500) |" in table[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Two categories whose sounds point to each other's clips raw, and to their own projected; 101 clips."""
    folder = tmp_path_factory.mktemp("features")
    kinds = ["dog", "cat"] * 6
    heard = torch.eye(2).repeat(6, 1) + 0.01 * torch.arange(12)[:, None]
    np.save(folder / "clap-embeddings.npy", heard[:, None].numpy())
    sounds = [sound(str(i), kind, "test") for i, kind in enumerate(kinds)]
    shown = gallery("cat", "dog", *["cow"] * 99)
    stored = features.Features(sounds, [], np.zeros(0), np.zeros(0), folder)
    joint = JointSpace(texts=lambda texts: torch.eye(101)[:, :2])
    held = held_out.of_corpus(stored, {"clap": lambda x: x}, {"clap": joint}, shown)
    return evaluate.measure(held, {"clap": lambda x: torch.nn.functional.pad(x.flip(1), (0, 99))})


def test_what_is_measured_beside_the_readme_table(results: dict) -> None:
    assert json.loads(json.dumps(results)) == results
    native, raw, half, projected = results["settings"]
    assert [row["mode"] for row in results["settings"]] == ["native", "raw", "blend 0.5", "projected"]
    assert raw["all"]["top1"] == {"mean": 0, "low": 0, "high": 0, "n": 12, "gallery": 101}
    assert projected["all"]["top1"]["mean"] == projected["all"]["mrr"]["mean"] == 1
    assert raw["all"]["rank"] == {"median": 2, "low": 2, "high": 2, "n": 12, "gallery": 101}
    back = projected["all"]["clip_to_sound"]
    assert back["top1"] == {"mean": 1, "low": 1, "high": 1, "n": 2, "gallery": 12}
    assert list(projected["all"]["pools"]) == ["sound_to_clip"]  # twelve recordings make no pool of 100
    pool = projected["all"]["pools"]["sound_to_clip"]
    assert (pool["size"], pool["times"], pool["top1"]) == (100, 100, {"mean": 1, "sd": 0, "chance": 0.01})
    assert raw["geometry"]["overlap"] == 1
    assert raw["geometry"]["n"] == 12
    assert projected["geometry"]["gallery"] == 101
    assert [row["share"] for row in results["sweep"]] == [i / 8 for i in range(9)]
    assert [row["all"]["top1"]["mean"] for row in results["sweep"]] == [0] * 5 + [1] * 4  # a tie at 0.5 is lost
    gain = results["projected_minus_raw"][0]["all"]
    assert gain["top1"] == {"mean": 1, "low": 1, "high": 1, "other_side": 0, "n": 12}
    assert list(gain) == ["top1", "top5", "top10", "mrr"]
    assert half["all"]["top1"]["mean"] == 0
    assert native["all"]["top1"]["mean"] == 0


def test_the_tables_that_are_printed(results: dict) -> None:
    summary, forward, backward, gains, geometry, signs = report.tables(results)
    assert summary.count("| clap |") == 4
    assert forward.startswith("all, sound to clip: n = 12, gallery of 101\n")
    assert "R@1 among 100 (100 draws, chance 1.0%)" in forward
    modes = [line.split(" | ")[1] for line in forward.splitlines() if line.startswith("| clap")]
    assert modes == ["native", "raw", *(f"blend {i / 8}" for i in range(1, 8)), "projected"]
    assert backward.startswith("all, clip to sound: n = 2, gallery of 12\n")
    assert "| clap | top1 | 100.0% (100.0% to 100.0%) | 0.0% |" in gains
    assert geometry.startswith("Geometry: n = 12, gallery of 101, 10 neighbours\n")
    assert geometry.count("| clap |") == 4
    assert "agree (0.000 → 1.000)" in signs
