"""Videos of any source become 3-second segments; what is broken is said, and a kill loses nothing."""

import csv
import hashlib
import json
import tarfile
from pathlib import Path

import av
import kill
import numpy as np
import pytest
import toy

from soundclip_demo import clips
from soundclip_demo.audio import decode
from training import segment
from training.__main__ import main
from training.segment import Record, cut_all, split_of, windows
from training.videos import videos


def hum(seconds: float, *silent: float) -> np.ndarray:
    """A tone whose pitch rises with every 3 seconds; nothing in the windows that begin at `silent`."""
    parts = [toy.tone(300 * (i + 1), 3.0, clips.RATE) for i in range(int(-(-seconds // 3)))]
    for start in silent:
        parts[int(start // 3)] = np.zeros_like(parts[0])
    return np.concatenate(parts)[: round(seconds * clips.RATE)]


def pitch(file: Path) -> float:
    """Hertz of the strongest tone."""
    sound = decode(file)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    return float(np.fft.rfftfreq(len(sound.samples), 1 / sound.rate)[spectrum.argmax()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of 10, 6 and 1 seconds, one partly silent, one without sound, and a file that is none."""
    made = tmp_path_factory.mktemp("videos")
    toy.write_video(made / "park" / "ten s.mp4", 10.0, hum(10.0))
    toy.write_video(made / "six.mp4", 6.0, hum(6.0))
    toy.write_video(made / "half.mp4", 6.0, hum(6.0, 0.0))
    toy.write_video(made / "short.mp4", 1.0, hum(1.0))
    toy.write_video(made / "mute.mp4", 3.0)
    (made / "broken.mp4").write_bytes(b"\0" * 2000)
    (made / "notes.txt").write_text("no video")
    return made


@pytest.fixture(scope="module")
def cut(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record]]:
    out = tmp_path_factory.mktemp("cut")
    return out, {record.video: record for record in cut_all(videos(folder), out)}


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "segments.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def contents(out: Path) -> dict[str, str]:
    return {str(f.relative_to(out)): hashlib.sha256(f.read_bytes()).hexdigest() for f in out.rglob("*") if f.is_file()}


def test_segments_follow_each_other(cut: tuple[Path, dict[str, Record]]) -> None:
    out, records = cut
    assert [(row.id, row.start) for row in records["park-ten-s"].segments] == [
        ("park-ten-s_01", 0.0),
        ("park-ten-s_02", 3.0),
        ("park-ten-s_03", 6.0),
    ]
    rows = listed(out)
    park = [f"park-ten-s_{number:02}" for number in (1, 2, 3)]
    assert [row["id"] for row in rows] == ["half_02", *park, "six_01", "six_02"]
    assert all(row["split"] == split_of(row["video"]) for row in rows)
    assert {row["file"] for row in rows} == {str(f.relative_to(out)) for f in (out / "clips").iterdir()}


def test_a_clip_is_three_seconds_of_its_own_place(cut: tuple[Path, dict[str, Record]]) -> None:
    for number, hertz in enumerate((300, 600, 900), 1):
        file = cut[0] / f"clips/park-ten-s_{number:02}.mp4"
        assert pitch(file) == pytest.approx(hertz, abs=5)
        with av.open(str(file)) as container:
            assert container.streams.video[0].frames == 75
            assert container.duration / av.time_base == pytest.approx(3.0, abs=0.1)


def test_what_cannot_be_used_is_said(cut: tuple[Path, dict[str, Record]]) -> None:
    records = cut[1]
    assert "cannot be read" in records["broken"].problem
    assert records["mute"].problem == "has no sound"
    assert records["short"].problem == "shorter than 3 s"
    assert (records["half"].silent, records["half"].problem) == (1, "")
    assert "notes" not in records


def test_of_a_long_video_twenty_are_drawn() -> None:
    drawn = windows(0.0, 3600.0, 20, "0 a")
    assert len(set(drawn)) == 20
    assert drawn == sorted(drawn)
    assert all(start % 3 == 0 and 0 <= start <= 3597 for start in drawn)
    assert drawn == windows(0.0, 3600.0, 20, "0 a") != windows(0.0, 3600.0, 20, "1 a")
    assert windows(30.0, 40.0, 20, "") == [30.0, 33.0, 36.0]
    assert windows(0.0, 2.98, 20, "") == [0.0]  # a container may say a little less
    assert windows(0.0, 2.9, 20, "") == []


def test_a_video_stays_on_one_side_of_the_split() -> None:
    sides = [split_of(f"video {i}") for i in range(4000)]
    assert sides.count("test") / 4000 == pytest.approx(0.15, abs=0.02)
    assert sides.count("validation") / 4000 == pytest.approx(0.10, abs=0.02)
    assert sides == [split_of(f"video {i}") for i in range(4000)]


def test_a_list_says_which_and_which_part(folder: Path, tmp_path: Path) -> None:
    given = tmp_path / "list.csv"
    lines = ("# AudioSet", "# num_ytids=2", 'six, 3.000, 6.000, "/m/09x0r,/t/dd00088"', 'ten, 0.000, 10.000, "/m/1"')
    given.write_text("\n".join(lines))
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "six.mp4").symlink_to(folder / "six.mp4")
    (tmp_path / "videos" / "ten_30000_40000.mp4").symlink_to(folder / "park" / "ten s.mp4")
    (tmp_path / "videos" / "half.mp4").symlink_to(folder / "half.mp4")
    records = {r.video: r for r in cut_all(videos(tmp_path / "videos", given), tmp_path / "out")}
    assert {name: [row.start for row in r.segments] for name, r in records.items()} == {
        "six": [3.0],
        "ten": [0.0, 3.0, 6.0],
    }
    assert pitch(tmp_path / "out/clips/six_01.mp4") == pytest.approx(600, abs=5)
    given.write_text("six, three, 6.0\n")
    with pytest.raises(ValueError, match="does not have lines of id, start, end, labels"):
        list(videos(tmp_path / "videos", given))


def test_shards_are_read(folder: Path, tmp_path: Path) -> None:
    shard = tmp_path / "shards" / "000000.tar"
    shard.parent.mkdir()
    with tarfile.open(shard, "w") as archive:
        archive.add(folder / "six.mp4", "abc.mp4")
        archive.add(folder / "notes.txt", "abc.txt")
        archive.add(folder / "half.mp4", "../../escape.mp4")
    records = {r.video: r for r in cut_all(videos(shard.parent), tmp_path / "out")}
    assert {name: len(r.segments) for name, r in records.items()} == {"abc": 2, "-escape": 1}
    assert sorted(f.name for f in tmp_path.iterdir()) == ["out", "shards"]


def test_two_videos_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("a b.mp4", "a-b.mp4"):
        (tmp_path / name).symlink_to(folder / "six.mp4")
    with pytest.raises(ValueError, match="two videos would be called a-b"):
        list(videos(tmp_path))


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["segment", "--videos", str(folder), "--out", str(tmp_path / "out"), "--most", "2"]) == 0
    said = capsys.readouterr()
    assert "5 segments of 3 videos, 3 left out" in said.out
    assert "left out short: shorter than 3 s" in said.err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["config"], manifest["segments"]) == ({"most": 2, "seed": 0}, 5)
    (tmp_path / "empty").mkdir()
    assert main(["segment", "--videos", str(tmp_path / "empty"), "--out", str(tmp_path / "none")]) == 1


def cut_folder(folder: Path, out: Path) -> None:
    cut_all(videos(folder), out)


def test_killed_and_run_again_it_is_as_if_it_never_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "videos").mkdir()
    for i in range(2 * kill.KILLS + 1):
        source = "short" if i % 2 else "half"
        (tmp_path / "videos" / f"{i}.mp4").symlink_to(folder / f"{source}.mp4")
    records = kill.alone("soundclip_demo.whole:write", cut_folder, tmp_path / "videos", tmp_path / "whole")
    killed = kill.killed("soundclip_demo.whole:write", cut_folder, tmp_path / "videos", tmp_path / "out")
    assert killed <= records - kill.KILLS  # nothing that was finished is done again
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    monkeypatch.setattr(segment, "_cut", None)  # now there is nothing to do at all
    assert len(cut_all(videos(tmp_path / "videos"), tmp_path / "out")) == records
