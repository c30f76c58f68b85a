"""`python -m soundclip_demo` in this process, on the toy workspace."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy

import app
from soundclip_demo import __main__
from soundclip_demo.config import Config, config_of, default_cache
from soundclip_demo.encoders import ENCODERS
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture
def main(workspace: toy.Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Runs a command -> exit status, standard output, standard error."""
    monkeypatch.setenv("SOUNDCLIP_CACHE", str(workspace.cache))

    def config_of(suite: str, gallery: Path | None = None) -> Config:
        return workspace.config(suite=suite, gallery=gallery or workspace.gallery, cache=default_cache())

    monkeypatch.setattr(__main__, "config_of", config_of)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        status = __main__.main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


def test_analyze_prints_one_line_of_json(main: Main, clip_sound: Path) -> None:
    status, out, _ = main("analyze", clip_sound, "--no-caption", "--json", "--top", "2", "--encoder", "whisper")
    assert status == 0
    assert out.count("\n") == 1
    result = json.loads(out)
    assert (result["encoder"], result["mode"], result["caption"]) == ("whisper", "projected", None)
    assert len(result["matches"]) == 2


def test_analyze_takes_window_blend_and_gallery(
    main: Main, clip_sound: Path, workspace: toy.Workspace, tmp_path: Path
) -> None:
    shutil.copytree(workspace.gallery, tmp_path / "mine")
    (tmp_path / "mine" / "clips.csv").write_text(
        (workspace.gallery / "clips.csv").read_text().replace(",dog,", ",wolf,")
    )
    status, out, _ = main(
        "analyze",
        clip_sound,
        "--no-caption",
        "--start",
        "0.5",
        "--blend",
        "0.3",
        "--top",
        "12",
        "--gallery",
        tmp_path / "mine",
    )
    result = json.loads(out)
    assert status == 0
    assert result["mode"] == "blend"
    assert result["sound"]["window"] == [0.5, 3.5]
    assert {row["category"] for row in result["matches"]} == {"wolf", "cat", "cow"}


def test_report_writes_raw_beside_the_wanted_setting(main: Main, clip_sound: Path, tmp_path: Path) -> None:
    out_file = tmp_path / "report.html"
    status, out, _ = main("report", clip_sound, "--blend", "0.5", "--no-caption", "--out", out_file)
    assert status == 0
    assert json.loads(out) == {"report": str(out_file), "columns": ["raw", "blend"]}
    page = out_file.read_text(encoding="utf-8")
    assert "blend, 50% projected" in page
    assert "<audio" not in page
    status, _, _ = main("report", clip_sound, "--mode", "raw", "--no-caption", "--with-sound", "--out", out_file)
    assert status == 0
    assert out_file.read_text(encoding="utf-8").count("<audio") == 1


def test_compare_prints_a_table_or_one_line_of_json(main: Main, clip_sound: Path) -> None:
    status, out, _ = main("compare", clip_sound, "--json")
    assert status == 0
    assert out.count("\n") == 1
    rows = json.loads(out)["rows"]
    assert {row["encoder"] for row in rows} == set(ENCODERS)
    lines = main("compare", clip_sound)[1].splitlines()
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        assert row["title"] in line
        assert (row["match"]["category"] if row["match"] else row["reason"]) in line


def test_embed_writes_embeddings_and_tokens(main: Main, engine: Engine, clip_sound: Path, tmp_path: Path) -> None:
    other = toy.write_sound(tmp_path / "other.wav", toy.noise(2.0))
    for options, setting in (
        (["--mode", "raw"], Setting(mode="raw")),
        (["--blend", "0.5"], Setting(mode="blend", t=0.5)),
    ):
        assert (
            main("embed", clip_sound, other, "--encoder", "whisperclip", *options, "--out", tmp_path / "a.npz")[0] == 0
        )
        with np.load(tmp_path / "a.npz", allow_pickle=False) as written:
            assert written["files"].tolist() == [str(clip_sound), str(other)]
            assert written["embedding"].shape == (2, 2 * toy.WIDTH)
            assert written["token"].shape == (2, 1280)
            for i, file in enumerate((clip_sound, other)):
                embedding, token = engine.embed_file(file, setting)
                np.testing.assert_allclose(written["embedding"][i], embedding, atol=1e-4)
                np.testing.assert_allclose(written["token"][i], token, atol=1e-4)


def test_embed_video_looks_at_the_middle_of_the_window(main: Main, engine: Engine, tmp_path: Path) -> None:
    """The film brightens over 6 s; its loud part is the second half."""
    sound = toy.tone(440, 6.0, 48_000, level=0.02)
    sound[3 * 48_000 :] *= 20
    loud, mute = toy.write_video(tmp_path / "loud.mp4", 6.0, sound), toy.write_video(tmp_path / "mute.mp4", 6.0)
    assert main("embed-video", loud, mute, "--out", tmp_path / "a.npz")[0] == 0
    from soundclip_demo.frames import middle_frame

    with np.load(tmp_path / "a.npz", allow_pickle=False) as written:
        assert written["files"].tolist() == [str(loud), str(mute)]
        for token, file, window in zip(written["token"], (loud, mute), ((3.0, 6.0), (0.0, 6.0)), strict=True):
            frame = middle_frame(file, engine.config.limits, window)
            wanted = engine.parts.tower().look([frame])[0][0].numpy()
            assert np.dot(token, wanted) / np.linalg.norm(token) / np.linalg.norm(wanted) > 0.99
        assert not np.allclose(*written["token"], atol=0.1)


def test_encoders_lists_both_suites(main: Main) -> None:
    rows = json.loads(main("encoders", "--json")[1])
    assert len(rows) == 12
    assert [row["name"] for row in rows if row["ready"]] == list(ENCODERS)
    lines = main("encoders")[1].splitlines()
    assert len(lines) == 12
    assert sum("not ready" in line for line in lines) == 6


def test_gallery_build_then_analyze(main: Main, clip_sound: Path, tmp_path: Path) -> None:
    toy.write_video(tmp_path / "in" / "a film.mp4", 1.0, toy.tone(440, 1.0, 48_000))
    status, out, _ = main("gallery", "build", tmp_path / "in", "--out", tmp_path / "out")
    assert (status, json.loads(out)["clips"]) == (0, 1)
    status, out, _ = main("analyze", clip_sound, "--no-caption", "--json", "--gallery", tmp_path / "out")
    assert (status, [row["caption"] for row in json.loads(out)["matches"]]) == (0, ["a film"])


def test_a_suite_has_its_own_trained_files() -> None:
    compact, paper = config_of("compact"), config_of("paper", Path("mine"))
    assert compact == Config()
    assert paper.suite == "paper"
    assert paper.checkpoints.parent == compact.checkpoints
    assert paper.gallery == Path("mine").resolve()


def test_a_gallery_of_another_suite_is_refused(main: Main, clip_sound: Path) -> None:
    status, _, err = main("analyze", clip_sound, "--suite", "paper", "--encoder", "clap")
    assert status == 2
    assert "This gallery was made for compact CLIP space" in err


def test_fetch_with_everything_there(main: Main) -> None:
    status, out, _ = main("fetch")
    assert (status, json.loads(out)) == (0, {"vision": True, "whisper": True, "language": True})


@pytest.mark.usefixtures("offline")
def test_fetch_offline_says_what_is_missing(main: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOUNDCLIP_CACHE", str(tmp_path))
    status, out, err = main("fetch")
    assert status == 1
    assert json.loads(out) == {"vision": False, "whisper": False, "language": False}
    assert "SmolLM2-135M-Instruct (from 4-bit GGUF) could not be fetched" in err


def assert_one_sentence(status: int, out: str, err: str, wanted: int = 2) -> None:
    assert status == wanted
    assert out == ""
    lines = [line for line in err.splitlines() if line.strip() and not line.startswith("videos:")]  # progress
    assert len(lines) == 1, err
    assert lines[0].rstrip().endswith((".", "GALLERY"))
    assert "Traceback" not in err


def test_what_the_caller_can_mend(main: Main, clip_sound: Path, tmp_path: Path) -> None:
    words, out = tmp_path / "a.txt", tmp_path / "a.npz"
    words.write_text("no sound")
    (tmp_path / "empty").mkdir()
    for command in (
        ["analyze", tmp_path / "missing.wav"],
        ["analyze", words],
        ["compare", words],
        ["analyze", clip_sound, "--blend", "1.5"],
        ["analyze", clip_sound, "--top", "0"],
        ["analyze", clip_sound, "--suite", "paper"],
        ["analyze", clip_sound, "--gallery", tmp_path / "nowhere"],
        ["embed", clip_sound, words, "--out", out],
        ["embed-video", words, "--out", out],
        ["gallery", "build", tmp_path / "empty", "--out", tmp_path / "gallery"],
    ):
        assert_one_sentence(*main(*command))
    assert not out.exists()


def test_a_captions_table_that_is_missing(main: Main, tmp_path: Path) -> None:
    toy.write_video(tmp_path / "in" / "a.mp4", 0.2)
    assert_one_sentence(
        *main("gallery", "build", tmp_path / "in", "--out", tmp_path / "out", "--captions", tmp_path / "no.csv")
    )


def test_a_captions_table_with_other_columns(main: Main, tmp_path: Path) -> None:
    toy.write_video(tmp_path / "in" / "a.mp4", 0.2)
    (tmp_path / "c.csv").write_text("name,text\na.mp4,A film.\n")
    assert_one_sentence(
        *main("gallery", "build", tmp_path / "in", "--out", tmp_path / "out", "--captions", tmp_path / "c.csv")
    )


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("command", ["embed", "embed-video", "gallery"])
def test_a_checkpoint_out_of_reach(
    main: Main, clip_sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("SOUNDCLIP_CACHE", str(tmp_path / "cache"))
    video = toy.write_video(tmp_path / "in" / "a.mp4", 0.2)
    rest = {"embed": [clip_sound], "embed-video": [video], "gallery": ["build", video.parent]}[command]
    assert_one_sentence(*main(command, *rest, "--out", tmp_path / "out.npz"), wanted=1)


def test_unknown_words_are_refused_by_the_parser(main: Main, clip_sound: Path) -> None:
    for command in (
        ["analyze", clip_sound, "--encoder", "nope"],
        ["analyze", clip_sound, "--mode", "both"],
        ["dance"],
        [],
    ):
        with pytest.raises(SystemExit) as caught:
            main(*command)
        assert caught.value.code == 2


def test_a_page_without_models_takes_no_flags_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["app.py", "--engine", "engine.sock", "--port", "1"])
    assert app.parse().engine == "engine.sock"
    monkeypatch.setattr("sys.argv", ["app.py", "--engine", "engine.sock", "--gallery", "mine", "--four-bit"])
    with pytest.raises(SystemExit):
        app.parse()
    assert "--gallery, --four-bit is for `python -m soundclip_demo serve`" in capsys.readouterr().err
