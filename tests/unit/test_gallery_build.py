"""Anyone's own videos become a gallery that an engine opens."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import toy
from PIL import Image

from soundclip_demo import clips, gallery, gallery_build
from soundclip_demo.alignment import DIMENSIONS
from soundclip_demo.audio import decode
from soundclip_demo.config import SoundLimits
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Matches, Placed, Setting
from soundclip_demo.frames import middle_frame
from soundclip_demo.gallery_build import build
from soundclip_demo.suites import SUITES


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds with a loud end, two seconds without sound in a folder of its own, and a broken file."""
    folder = tmp_path_factory.mktemp("videos")
    sound = toy.tone(440, 7.0, clips.RATE, level=0.02)
    sound[4 * clips.RATE :] *= 20
    toy.write_video(folder / "loud_end.mp4", 7.0, sound)
    toy.write_video(folder / "birds" / "silent film.MKV", 2.0, rate=10)
    (folder / "broken.mp4").write_bytes(b"no video " * 100)
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture(scope="module")
def built(videos: Path, workspace: toy.Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "gallery"
    captions = tmp_path_factory.mktemp("captions") / "captions.csv"
    captions.write_text('file,caption,category,licence\nloud_end.mp4,"It gets bright, slowly.",light,CC-BY-4.0\n')
    assert build(videos, out, captions, workspace.config()) == 2
    return out


def rows_of(gallery: Path) -> dict[str, dict[str, str]]:
    with (gallery / "clips.csv").open(newline="") as file:
        return {row["category"]: row for row in csv.DictReader(file)}


def frames_of(video: Path) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_an_engine_runs_on_it(built: Path, workspace: toy.Workspace, clip_sound: Path) -> None:
    engine = Engine(replace(workspace.config(), gallery=built))
    events = list(engine.run_file(clip_sound, Setting(caption=False)))
    matches = next(e for e in events if isinstance(e, Matches))
    assert {hit.category for hit in matches.hits} == {"light", "birds"}
    assert any(isinstance(e, Placed) for e in events)


def test_captions_are_taken_from_the_table_and_otherwise_from_the_name(built: Path) -> None:
    rows = rows_of(built)
    assert rows["light"]["caption"] == "It gets bright, slowly."
    assert rows["light"]["licence"] == "CC-BY-4.0"
    assert rows["birds"]["caption"] == "silent film"
    assert rows["birds"]["licence"] == "not stated"


def test_clips_have_75_frames_and_three_seconds_of_sound(built: Path) -> None:
    for row in rows_of(built).values():
        assert len(frames_of(built / row["video"])) == 75
    assert decode(built / rows_of(built)["light"]["video"]).seconds == pytest.approx(3.0, abs=0.1)


def test_the_clip_is_the_loudest_part(built: Path) -> None:
    """The film brightens steadily over 7 s; the loud part starts at 4 s."""
    means = [frame.mean() for frame in frames_of(built / rows_of(built)["light"]["video"])]
    assert means[0] == pytest.approx(255 * 4 / 7, abs=6)
    assert means[-1] == pytest.approx(255, abs=6)
    assert np.all(np.diff(means) > -3)


def test_slow_film_is_held_and_short_film_ends_on_its_last_frame(built: Path) -> None:
    means = [frame.mean() for frame in frames_of(built / rows_of(built)["birds"]["video"])]
    assert means[0] < 10
    assert means[25] == pytest.approx(255 * 10 / 19, abs=8)
    assert all(mean > 245 for mean in means[50:])


def test_poster_and_token_show_the_middle_of_the_clip(built: Path, engine: Engine) -> None:
    row = rows_of(built)["light"]
    poster = Image.open(built / row["poster"])
    assert np.asarray(poster).mean() == pytest.approx(255 * 5.5 / 7, abs=6)
    number = list(rows_of(built)).index("light")
    token, _ = engine.look_at(built / row["poster"])
    stored = np.load(built / "tokens.npy")[number].astype(np.float32)
    assert np.dot(token, stored) / np.linalg.norm(token) / np.linalg.norm(stored) > 0.9


def test_file_names_do_not_reach_the_gallery(built: Path) -> None:
    assert {Path(row["video"]).stem for row in rows_of(built).values()} <= {f"clip-{i:05d}" for i in range(3)}


def test_the_broken_one_is_named(videos: Path, workspace: toy.Workspace, tmp_path: Path, capsys) -> None:
    only = tmp_path / "in"
    only.mkdir()
    shutil.copy(videos / "broken.mp4", only)
    with pytest.raises(UserError, match="No video in this folder could be used"):
        build(only, tmp_path / "out", None, workspace.config())
    said = capsys.readouterr().err
    assert "left out broken.mp4: " in said
    assert "Traceback" not in said


def test_a_video_that_breaks_off_does_not_stop_the_others(
    workspace: toy.Workspace, videos: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    content = (videos / "loud_end.mp4").read_bytes()
    for percent in (40, 90):
        (source / f"cut-{percent}.mp4").write_bytes(content[: len(content) * percent // 100])
    damaged = bytearray(content)
    damaged[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    (source / "damaged.mp4").write_bytes(damaged)
    shutil.copy(videos / "loud_end.mp4", source / "whole.mp4")
    out = tmp_path / "out"
    build(source, out, None, workspace.config())
    kept = {row["caption"]: row for row in rows_of_all(out)}
    assert "whole" in kept
    for row in kept.values():
        assert len(frames_of(out / row["video"])) == 75


def rows_of_all(gallery: Path) -> list[dict[str, str]]:
    with (gallery / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# Frames


def test_the_frame_in_the_middle_of_a_window(videos: Path) -> None:
    limits = SoundLimits()
    for window, share in ((None, 3.5 / 7), ((0.0, 3.0), 1.5 / 7), ((4.0, 7.0), 5.5 / 7)):
        frame = middle_frame(videos / "loud_end.mp4", limits, window)
        assert np.asarray(frame).mean() == pytest.approx(255 * share, abs=6)


def test_a_window_behind_the_end_gives_the_last_frame(videos: Path) -> None:
    frame = middle_frame(videos / "birds" / "silent film.MKV", SoundLimits(), (100.0, 103.0))
    assert np.asarray(frame).mean() > 245


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    toy.picture(size=(40, 20)).save(tmp_path / "a.jpg", exif=exif)
    frame = middle_frame(tmp_path / "a.jpg", SoundLimits())
    assert (frame.size, frame.mode) == ((20, 40), "RGB")


def test_a_picture_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (9000, 9000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    with pytest.raises(UserError, match="too many pixels"):
        middle_frame(tmp_path / "bomb.png", SoundLimits())


def test_neither_picture_nor_video(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    for path in (tmp_path / "a.png", tmp_path / "missing.png", toy.write_sound(tmp_path / "a.wav", toy.noise(0.5))):
        with pytest.raises(UserError):
            middle_frame(path, SoundLimits())


def test_annotations_of_the_files_come_along(
    videos: Path, workspace: toy.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_build, "draw_map", lambda out: np.save(out / "atlas.npy", np.zeros((2, 2), np.float32)))
    scores = {f"{name}_score": 7 for name in DIMENSIONS} | {"video_caption": "Light.", "environmental_audio": "A tone."}
    lines = [{"id": "loud_end"} | scores, {"id": "silent film", "problem": "it is silent"}, {"id": "gone"} | scores]
    listed = tmp_path / "scores.jsonl"
    listed.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "gallery"
    build(videos, out, None, workspace.config(), listed)
    opened = gallery.read(out, SUITES["compact"].space(workspace.config()))
    known = {clip.caption: clip.annotation for clip in opened.clips}
    assert known["loud end"].alignment.sum == 35
    assert known["silent film"] is None
    build(videos, out, None, workspace.config())  # the ids may now name other clips
    assert not (out / gallery.ANNOTATIONS).exists()
    listed.write_text("no scores")
    with pytest.raises(UserError, match=r"scores.jsonl cannot be read"):
        build(videos, out, None, workspace.config(), listed)
