"""The list of many clips: the same clips as the csv's, or one sentence."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import big_gallery
import kill
import numpy as np
import pyarrow as pa
import pytest
import torch
import toy
from events import SILENT, of
from PIL import Image
from test_gallery import rewrite, scored

from soundclip_demo import gallery, gallery_large, record, report, thumbnails
from soundclip_demo.__main__ import main
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Matches, Truth
from soundclip_demo.gallery_build import embed
from soundclip_demo.gallery_large import LargeClips, build
from soundclip_demo.results import gather
from soundclip_demo.suites import Space

COUNT, SPACE = 30, Space("made up", "")


def made(folder: Path) -> Path:
    """Clips that differ in all that a list holds, without the list."""
    folder.mkdir()
    big_gallery.make(folder, COUNT, SPACE, groups=4)
    with (folder / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        toy.picture(number, (640, 400)).save(folder / "posters" / f"{number}.png")
        row |= {"poster": f"posters/{number}.png", "still": str(number % 2), "caption": f"„Größe“ {number}, \U0001f514"}
        if number % 3:
            row["attribution"] = f"{number}.txt"
            (folder / f"{number}.txt").write_text(f"by nobody\nin {number}")
    rows.reverse()  # so that ids are not in their order
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, gallery.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    scores = scored("clip-00007", video_caption="Größe") + scored("clip-00001")
    (folder / gallery.ANNOTATIONS).write_text(scores + '{"id": "clip-00002", "problem": "silent"}\n')
    return folder


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with its list, in batches of 7."""
    folder = made(tmp_path_factory.mktemp("listed") / "gallery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery_large, "BATCH", 7)
        build(folder)
    return folder


@pytest.fixture
def folder(listed: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(listed, tmp_path / "gallery"))


def test_it_holds_the_same_clips_as_the_csv(folder: Path) -> None:
    large = gallery.read(folder, SPACE)
    (folder / gallery.LARGE).unlink()
    small = gallery.read(folder, SPACE)
    assert isinstance(large.clips, LargeClips)
    assert isinstance(small.clips, gallery.Clips)
    assert [replace(clip, thumbnail="") for clip in large.clips] == list(small.clips)
    assert large.clips.categories == small.clips.categories
    assert large.clips.groups.tolist() == small.clips.groups.tolist()
    assert small.clip("clip-00007").annotation.seen == "Größe"
    assert large.clips.ids(np.array([9, 3, 21])) == small.clips.ids([9, 3, 21])
    assert large.clips.ids([]) == []
    for clip in small.clips:
        assert large.clips.row(clip.id) == small.clips.row(clip.id)
        assert replace(large.clip(clip.id), thumbnail="") == clip


def test_it_is_a_sequence(listed: Path) -> None:
    clips = LargeClips(listed)
    assert len(clips) == COUNT
    assert clips[-1] == clips[np.int64(COUNT - 1)]
    assert [clip.id for clip in clips[6:9]] == ["clip-00023", "clip-00022", "clip-00021"]
    with pytest.raises(IndexError):
        clips[COUNT]


def test_what_is_not_there_is_not_found(listed: Path) -> None:
    opened = gallery.read(listed, SPACE)
    for anything in ("", "clip", "clip-00007 ", "zzz", "\U0001f514", None, 7, ["clip-00007"]):
        assert opened.find(anything) is None
    with pytest.raises(KeyError):
        opened.clip("zzz")


def test_posters_are_kept_small(listed: Path) -> None:
    opened = gallery.read(listed, SPACE)
    for clip in opened.clips:
        jpeg = opened.clips.thumbnail(clip.thumbnail)
        assert jpeg == thumbnails.make(clip.poster)
        shown = Image.open(io.BytesIO(jpeg))
        assert (shown.format, shown.size) == ("JPEG", (288, 180))
    of = clip.thumbnail.partition("/")[0]
    for row in ("", "/", f"/{COUNT}", "/-1", "/1/../1", "/" + 9999 * "1", "/../clips.csv"):
        assert opened.clips.thumbnail(of + row) is None
    assert opened.clips.thumbnail(f"x{of}/1") is None


def test_posters_may_be_gone_afterwards(folder: Path) -> None:
    before = gallery.read(folder, SPACE)
    clip = before.clips[3]
    assert before.poster(clip) == clip.poster
    shutil.rmtree(folder / "posters")
    assert Image.open(before.poster(clip)).size == (288, 180)


def test_the_demo_does_the_same_with_it(
    engine: Engine, workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(workspace.gallery, tmp_path / "gallery"))
    build(folder)
    shutil.rmtree(folder / "posters")
    large, sound = Engine(workspace.config(gallery=folder)), engine.load_sound(clip_sound)
    everything = replace(SILENT, top=toy.CLIPS)
    for truth in (Truth("cat"), Truth("", "c5"), Truth("unicorn"), Truth("cat", "nobody")):
        found = of(Matches, list(large.run(sound, everything, truth=truth)))
        assert found == of(Matches, list(engine.run(sound, everything, truth=truth)))
        right = [hit.clip == truth.clip or (not truth.clip and hit.category == truth.category) for hit in found.hits]
        assert found.right == (right.index(True) + 1 if any(right) else None)
    seen = large.look(sound, SILENT)
    token = large.embed_file(clip_sound, SILENT)[1]
    _, patches = large.look_at(large.gallery.clip(seen.clip).video)  # whose frame takes the place of the poster
    expected = torch.nn.functional.cosine_similarity(patches, token[None])
    np.testing.assert_allclose(seen.cosines, expected, atol=1e-6)
    kept = record.make(large, "tone.wav", [gather(large, clip_sound, SILENT)])
    assert report.page(kept, sound).count("data:image/jpeg;base64,") == SILENT.top


def test_a_poster_that_is_no_picture_is_counted(folder: Path, capsys: pytest.CaptureFixture) -> None:
    clips = gallery.read(folder, SPACE).clips
    clips[0].poster.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    clips[1].poster.unlink()
    build(folder)
    assert "2 posters are missing" in capsys.readouterr().err
    opened = gallery.read(folder, SPACE)
    assert [bool(clip.thumbnail) for clip in opened.clips[:3]] == [False, False, True]
    assert opened.poster(opened.clips[0]) == opened.clips[0].poster


def test_a_new_list_has_new_names_for_thumbnails(folder: Path) -> None:
    before = LargeClips(folder)[0].thumbnail
    build(folder)
    assert LargeClips(folder)[0].thumbnail != before
    assert LargeClips(folder).thumbnail(before) is None


@pytest.mark.parametrize("change", ["caption", "annotations", "no annotations"])
def test_a_list_of_other_clips_is_refused(folder: Path, change: str) -> None:
    if change == "caption":
        rewrite(folder, caption="B" + gallery.read(folder, SPACE).clips[0].caption[1:])
    elif change == "annotations":
        (folder / gallery.ANNOTATIONS).write_text(scored("clip-00003"))
    else:
        (folder / gallery.ANNOTATIONS).unlink()
    with pytest.raises(UserError, match="made of other clips.*gallery index GALLERY"):
        gallery.read(folder, SPACE)
    build(folder)
    assert len(gallery.read(folder, SPACE).clips) == COUNT


def other_columns(file: Path) -> None:
    batch = pa.record_batch({"id": ["clip-00000"]})
    with pa.ipc.new_file(str(file), batch.schema.with_metadata({"made_of": "{}"})) as out:
        out.write_batch(batch)


DAMAGE = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1000]),
    "only begun": lambda file: file.write_bytes(file.read_bytes()[:1000]),
    "rubbish": lambda file: file.write_bytes(b"rubbish" * 99),
    "other columns": other_columns,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_list_gives_one_sentence(folder: Path, damage: object) -> None:
    damage(folder / gallery.LARGE)
    with pytest.raises(UserError, match="clips.arrow in gallery is damaged.*gallery index GALLERY"):
        gallery.read(folder, SPACE)


def test_whatever_byte_is_wrong_a_list_opens_or_gives_one_sentence(folder: Path) -> None:
    file, random = folder / gallery.LARGE, np.random.default_rng(0)
    whole = file.read_bytes()
    read = refused = 0
    for at in random.integers(len(whole) // 50, size=150):  # from the end, where the lengths and places are, too
        for place in (int(at), len(whole) - 1 - int(at)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ int(random.integers(1, 256))]) + whole[place + 1 :])
            try:
                clips = LargeClips(folder)
                assert all(clips.row(clip.id) is None or clip.caption is not None for clip in clips)
                read += 1
            except UserError:
                refused += 1
    assert read
    assert refused


def test_without_pyarrow_one_sentence_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "soundclip_demo.gallery_large")
    with pytest.raises(UserError, match="needs pyarrow. pip install -r requirements-large.txt"):
        gallery.read(folder, SPACE)
    (folder / gallery.LARGE).unlink()
    assert len(gallery.read(folder, SPACE).clips) == COUNT


DAMAGED_CSV = {
    "a missing column": lambda file: file.write_text("id,category\nc0,dog\n"),
    "a short row": lambda file: file.write_text(file.read_text() + "clip-99999\n"),
    "no csv": lambda file: file.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGED_CSV.values(), ids=DAMAGED_CSV.keys())
def test_a_damaged_csv_gives_one_sentence(folder: Path, damage: Callable[[Path], object]) -> None:
    (folder / gallery.ANNOTATIONS).unlink()
    damage(folder / "clips.csv")
    with pytest.raises(UserError, match="cannot be opened"):
        build(folder)


@pytest.mark.parametrize("column", ["video", "poster", "attribution"])
def test_paths_out_of_the_folder_are_refused(folder: Path, column: str) -> None:
    rewrite(folder, **{column: "../secret.txt"})
    with pytest.raises(UserError, match="cannot be opened"):
        build(folder)


def test_a_list_from_elsewhere_leads_nowhere_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(gallery_large, "clip_of", lambda folder, row, credit, said: gallery.clip_of(
            folder, row | {"video": "videos/toy.mp4"}, credit, said))
        rewrite(folder, video="../secret.mp4")
        build(folder)
    clips = gallery.read(folder, SPACE).clips
    with pytest.raises(UserError, match="is damaged"):
        clips[0]
    assert clips[1].video.is_file()


@pytest.mark.parametrize(
    ("content", "said"), [(scored("clip-00001")[:-9], "cannot be read"), (scored("other"), "is about other clips")]
)
def test_damaged_or_foreign_scores_are_refused(folder: Path, content: str, said: str) -> None:
    (folder / gallery.ANNOTATIONS).write_text(content)
    with pytest.raises(UserError, match=f"annotations.jsonl {said}"):
        build(folder)


def in_batches(folder: Path) -> None:
    gallery_large.BATCH = 1
    build(folder)


def test_killed_and_run_again_it_is_as_if_it_never_was(listed: Path, tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        shutil.copytree(listed, tmp_path / name)
        (tmp_path / name / gallery.LARGE).unlink()
    piece = "soundclip_demo.gallery_large:_write"
    assert kill.alone(piece, in_batches, tmp_path / "whole") == COUNT
    assert kill.killed(piece, in_batches, tmp_path / "killed") <= COUNT - kill.KILLS
    whole, killed = (sorted(file.name for file in (tmp_path / name).iterdir()) for name in ("whole", "killed"))
    assert whole == killed == sorted(file.name for file in listed.iterdir())
    assert (tmp_path / "killed" / gallery.LARGE).read_bytes() == (tmp_path / "whole" / gallery.LARGE).read_bytes()


def test_the_command_makes_list_and_index(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / gallery.LARGE).unlink()
    assert main(["gallery", "index", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == {"gallery": str(folder)}
    assert (folder / "index.faiss").exists()
    assert isinstance(gallery.read(folder, SPACE).clips, LargeClips)


def test_a_list_does_not_outlive_its_gallery(folder: Path) -> None:
    embed(folder, np.zeros((COUNT, 4)), "Toy", "", SPACE)
    assert not (folder / gallery.LARGE).exists()
