"""AVE-2's shards are read field by field; the four rows are those that the authors show in public."""

import json
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import GatedRepoError

from soundclip_demo.alignment import DIMENSIONS, Alignment
from training import ave2, manifest
from training.__main__ import main

SCORES = {
    "-fUNb4eiu1w_02": (10, 10, 10, 9, 10),
    "-07O11QVLxo_02": (10, 10, 8, 10, 10),
    "2UQi-0zeQsI_01": (0, 0, 0, 0, 0),
    "-7QTaeEKaig_01": (3, 0, 4, 5, 0),
}
HEARD = {
    "-fUNb4eiu1w_02": "Labels with acoustic features: warm -> acoustic guitar; soft -> music",
    "-07O11QVLxo_02": "Audio caption: A telephone bell rings.",
}


def given(sample_id: str, split: str = "train", **changes: Any) -> dict[str, Any]:
    """A row of a shard; its texts are ours."""
    video, segment = sample_id.rsplit("_", 1)
    start = 3.0 * (int(segment) - 1)
    row = {
        "sample_id": sample_id,
        "youtube_id": video,
        "segment": segment,
        "segment_start_time": start,
        "segment_end_time": start + 3,
        "split": split,
        "folder": "x",
        "video_caption": "Somebody plays.\n\nA room.",
        "environmental_audio": HEARD.get(sample_id, "Audio caption: Birds."),
        "speech_content": None,
        "invisible_active_sources": ["bird"] if sample_id == "-7QTaeEKaig_01" else [],
        "visible_active_sources": ["guitar"] if sample_id == "-fUNb4eiu1w_02" else [],
        "visible_silent_objects": ["chair"],
    }
    for name, score in zip(DIMENSIONS, SCORES[sample_id], strict=True):
        row |= {f"{name}_score": score, f"{name}_rationale": f"why {name}"}
    return row | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shards = {"train_00000": list(SCORES)[:2], "train_00001": list(SCORES)[2:3], "eval_00000": list(SCORES)[3:]}
    (tmp_path / "data").mkdir()
    for name, ids in shards.items():
        listed = [given(sample, name.split("_")[0]) for sample in ids]
        (tmp_path / "data" / f"{name}.json").write_text(json.dumps(listed))
    (tmp_path / "data" / "about.json").write_text("{}")
    return tmp_path


def test_every_field_is_read(folder: Path) -> None:
    found = {row.sample_id: row for row in ave2.rows(folder)}
    assert {name: tuple(row.alignment.scores.values()) for name, row in found.items()} == SCORES
    guitar, bird = found["-fUNb4eiu1w_02"], found["-7QTaeEKaig_01"]
    assert (guitar.youtube_id, guitar.segment, guitar.start, guitar.end) == ("-fUNb4eiu1w", "02", 3.0, 6.0)
    assert (guitar.split, bird.split) == ("train", "eval")
    assert guitar.environmental_audio == HEARD["-fUNb4eiu1w_02"]
    assert (guitar.folder, guitar.speech_content) == ("x", "")
    assert guitar.alignment.reasons == {name: f"why {name}" for name in DIMENSIONS}
    assert guitar.alignment.visible_active == ("guitar",)
    assert (bird.alignment.invisible_active, bird.alignment.visible_active) == (("bird",), ())
    assert bird.alignment.visible_silent == ("chair",)
    assert (guitar.alignment.sum, guitar.alignment.mean) == (49, 9.8)


def test_a_score_written_as_text_is_no_reason(folder: Path) -> None:
    row = given("-fUNb4eiu1w_02", temporal_alignment_score="9")
    (folder / "data" / "train_00002.json").write_text(json.dumps([row]))
    read = list(ave2.rows(folder, "train"))[-1].alignment
    assert read.scores["temporal_alignment"] == 9
    assert read.reasons["temporal_alignment"] == "why temporal_alignment"


def test_a_split_alone(folder: Path) -> None:
    assert [row.sample_id for row in ave2.rows(folder, "eval")] == ["-7QTaeEKaig_01"]
    assert len(list(ave2.rows(folder, "train"))) == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contextual_relevance_score": 11}, "contextual_relevance_score is 11, not 0 to 10"),
        ({"contextual_relevance_score": "good"}, "invalid literal"),
        ({"segment": "03"}, "is not segment 03 of"),
        ({"segment_end_time": None}, "float"),
    ],
)
def test_a_wrong_row_is_named(folder: Path, changes: dict[str, Any], said: str) -> None:
    wrong = [given("2UQi-0zeQsI_01"), given("-fUNb4eiu1w_02", **changes)]
    (folder / "data" / "train_00002.json").write_text(json.dumps(wrong))
    with pytest.raises(ValueError, match="row 1 of train_00002.json: .*" + said):
        list(ave2.rows(folder))


@pytest.mark.parametrize("field", ["sample_id", "video_caption", "physical_causality_score"])
def test_a_field_that_is_missing_is_named(folder: Path, field: str) -> None:
    row = given("2UQi-0zeQsI_01")
    del row[field]
    (folder / "data" / "train_00001.json").write_text(json.dumps([row]))
    with pytest.raises(ValueError, match=f"row 0 of train_00001.json: no field '{field}'"):
        list(ave2.rows(folder))


def test_what_is_no_shard_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "data" / "train_00001.json").write_text("[{")
    with pytest.raises(ValueError, match=r"train_00001.json is not JSON"):
        list(ave2.rows(folder))
    (folder / "data" / "train_00001.json").write_text("{}")
    with pytest.raises(ValueError, match=r"train_00001.json is not a list of rows"):
        list(ave2.rows(folder))
    with pytest.raises(FileNotFoundError, match="no shard such as"):
        list(ave2.rows(tmp_path_factory.mktemp("empty")))


def test_the_command_counts_and_selects(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ave2", "--folder", str(folder), "--work", str(tmp_path / "work")]) == 0
    about = manifest.read(tmp_path / "work" / "manifests" / "ave2.json")
    assert (about["complete"], about["config"], about["clips"]) == (True, {"split": None}, {"eval": 1, "train": 3})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["eval", "1", "clips", "of", "1", "videos,", "0.0", "h"]
    assert lines[1].startswith("train        3 clips of       3 videos")
    assert "temporal_alignment        5.75" in lines
    assert lines[-2:] == ["mean of at least 7.6: 50.0%", "sum of at least 42: 50.0%"]


def test_the_hub_is_asked_for_one_revision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **o: asked.append((a, o)) or str(folder))
    assert len(list(ave2.rows(ave2.fetch("eval"), "eval"))) == 1
    (repository,), options = asked[0]
    assert repository == "ali-vosoughi/ave-2"
    assert options["revision"] == ave2.REVISION
    assert options["repo_type"] == "dataset"
    assert options["allow_patterns"] == "data/eval_*.json"


def test_a_missing_grant_says_how_to_ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise GatedRepoError("403", response=httpx.Response(403, request=httpx.Request("GET", "https://example.org")))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    assert main(["ave2"]) == 1
    said = capsys.readouterr().err
    assert "ask for access there" in said
    assert "datasets/ali-vosoughi/ave-2" in said
    assert len(said.splitlines()) == 1


def test_scores_that_are_not_known_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    known = {"contextual_relevance": 9, "physical_causality": 8}
    ave2.show([Alignment(known, {}), Alignment({"contextual_relevance": 5}, {})], threshold=8)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["temporal_alignment", "not", "known"]
    assert said[2].split() == ["contextual_relevance", "7.00"]
    assert said[3].split() == ["physical_causality", "8.00"]
    assert said[5:] == ["mean of at least 8: 50.0%"]  # a sum of 50 there is not
