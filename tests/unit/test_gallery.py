"""A gallery folder is opened, or refused with one sentence."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from safetensors.torch import save_file

from soundclip_demo import gallery
from soundclip_demo.alignment import DIMENSIONS
from soundclip_demo.config import Config
from soundclip_demo.errors import UserError
from soundclip_demo.suites import SUITES, Space

SPACE = Space(SUITES["compact"].space(Config()).name, "")  # whichever weights


@pytest.fixture
def folder(workspace: toy.Workspace, tmp_path: Path) -> Path:
    """A copy of the toy gallery that a test may damage."""
    return Path(shutil.copytree(workspace.gallery, tmp_path / "gallery"))


def rewrite(folder: Path, **cells: str) -> None:
    """Overwrites cells of the first row of `clips.csv`."""
    with (folder / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= cells
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, gallery.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def test_everything_in_the_folder_is_read(folder: Path) -> None:
    opened = gallery.read(folder, SPACE)
    assert (opened.title, opened.note, opened.space) == ("Toy gallery", "made up", SPACE.name)
    assert [clip.id for clip in opened.clips] == [f"c{i}" for i in range(toy.CLIPS)]
    assert opened.tokens.shape == (toy.CLIPS, 1280)
    assert opened.coordinates.shape == (toy.CLIPS, 2)
    assert (opened.tokens.dtype, opened.coordinates.dtype) == (np.float16, np.float32)
    clip = opened.clip("c1")
    assert (clip.category, clip.caption, clip.licence) == ("cat", "A cat, number 1.", "CC0-1.0")
    assert clip.still
    assert clip.attribution == "by the author of 1"
    assert clip.video.is_file()
    assert clip.poster.is_file()
    assert clip.video.is_absolute()


def test_a_gallery_may_lie_behind_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert len(gallery.read(tmp_path / "link", SPACE).clips) == toy.CLIPS


def test_still_is_a_flag_and_credit_may_be_missing(folder: Path) -> None:
    rewrite(folder, still="0", attribution="")
    clip = gallery.read(folder, SPACE).clips[0]
    assert not clip.still
    assert clip.attribution == ""


def scored(clip: str, **changes: object) -> str:
    """A line of `training annotate` about a clip."""
    scores = {f"{name}_score": 9 for name in DIMENSIONS}
    texts = {"video_caption": "A cat.", "environmental_audio": "A meow."}
    return json.dumps({"id": clip} | texts | scores | changes) + "\n"


def test_scores_are_read_where_there_are_any(folder: Path) -> None:
    assert all(clip.annotation is None for clip in gallery.read(folder, SPACE).clips)
    (folder / gallery.ANNOTATIONS).write_text(scored("c1") + '{"id": "c2", "problem": "silent"}\n')
    opened = gallery.read(folder, SPACE)
    assert opened.clip("c1").annotation.alignment.sum == 45
    assert opened.clip("c2").annotation is None
    assert opened.clip("c0").annotation is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (scored("c1")[:-9], "cannot be read"),
        (scored("c1", physical_causality_score=11), "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (scored("of another gallery"), "is about other clips"),
    ],
)
def test_damaged_or_foreign_scores_are_refused(folder: Path, content: str | bytes, said: str) -> None:
    with_content(gallery.ANNOTATIONS, content)(folder)
    with pytest.raises(UserError, match=f"annotations.jsonl {said}") as caught:
        gallery.read(folder, SPACE)
    assert "Delete annotations.jsonl" in caught.value.hint


@pytest.mark.parametrize("column", ["video", "poster", "attribution"])
@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "videos/../../secret.txt"])
def test_paths_out_of_the_folder_are_refused(folder: Path, column: str, path: str) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    rewrite(folder, **{column: path})
    with pytest.raises(UserError, match="cannot be opened"):
        gallery.read(folder, SPACE)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder.parent / "secret.mp4").write_text("secret")
    (folder / "videos" / "link.mp4").symlink_to(folder.parent / "secret.mp4")
    rewrite(folder, video="videos/link.mp4")
    with pytest.raises(UserError):
        gallery.read(folder, SPACE)


def test_another_space_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="was made for compact CLIP space .* not for CLIP ViT"):
        gallery.read(folder, SUITES["paper"].space(Config()))


def test_a_gallery_of_other_weights_is_refused(workspace: toy.Workspace, tmp_path: Path) -> None:
    own = SUITES["compact"].space(workspace.config())
    assert gallery.read(workspace.gallery, own)
    save_file({"mean": torch.ones(3)}, tmp_path / "vision-statistics.safetensors")
    other = SUITES["compact"].space(workspace.config(checkpoints=tmp_path))
    assert other.name == own.name
    with pytest.raises(UserError, match="other weights of the CLIP tower"):
        gallery.read(workspace.gallery, other)


@pytest.mark.parametrize("name", ["tokens.npy", "atlas.npy"])
def test_lists_of_different_length_are_refused(folder: Path, name: str) -> None:
    np.save(folder / name, np.load(folder / name)[:-1])
    with pytest.raises(UserError, match="do not belong together"):
        gallery.read(folder, SPACE)


def test_an_empty_gallery_is_refused(folder: Path) -> None:
    (folder / "clips.csv").write_text(",".join(gallery.COLUMNS) + "\n")
    for name in ("tokens.npy", "atlas.npy"):
        np.save(folder / name, np.load(folder / name)[:0])
    with pytest.raises(UserError):
        gallery.read(folder, SPACE)


class Evil:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("run-by-unpickling"),)


def test_pickles_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    np.save(folder / "tokens.npy", np.array([Evil()] * toy.CLIPS, object), allow_pickle=True)
    with pytest.raises(UserError, match="cannot be opened"):
        gallery.read(folder, SPACE)
    assert not (folder / "run-by-unpickling").exists()


def without_a_file(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def with_content(name: str, content: str | bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def with_map(coordinates: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "atlas.npy", coordinates)


DAMAGE = {
    "no list": without_a_file("clips.csv"),
    "no tokens": without_a_file("tokens.npy"),
    "no map": without_a_file("atlas.npy"),
    "no title": without_a_file("gallery.json"),
    "not json": with_content("gallery.json", "{"),
    "no space named": with_content("gallery.json", json.dumps({"title": "a", "note": ""})),
    "no note": with_content("gallery.json", json.dumps({"title": "a", "space": SPACE.name, "spec": "b"})),
    "not an object": with_content("gallery.json", "[]"),
    "a missing column": with_content("clips.csv", "id,category\nc0,dog\n"),
    "a short row": with_content("clips.csv", ",".join(gallery.COLUMNS) + "\nc0,dog,A dog.\n"),
    "not text": with_content("clips.csv", b"\xff\xfe\x00" * 30),
    "not an array": with_content("tokens.npy", "tokens"),
    "an empty file": with_content("tokens.npy", b""),
    "a map of nowhere": with_map(np.full((toy.CLIPS, 2), np.nan)),
    "a map in three dimensions": with_map(np.zeros((toy.CLIPS, 3))),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_gallery_gives_one_sentence(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(UserError):
        gallery.read(folder, SPACE)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        gallery.read(tmp_path / "missing", SPACE)
    assert "gallery build" in caught.value.hint
