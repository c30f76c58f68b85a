"""The bundled gallery: its tables, the assets built from them, and the code that builds them. No network."""

from __future__ import annotations

import csv
import struct
import zlib
from collections import Counter
from pathlib import Path

import av
import kill
import numpy as np
import pytest
from PIL import Image

from training import attribution, bundle, containers, manifest, notices, packages, render

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
GALLERY = bundle.read_table("gallery")
EXAMPLES = bundle.read_table("examples")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# The tables


def test_gallery_table_has_its_columns_filled_in() -> None:
    columns = ["id", "category", "caption", "sound_source", "sound_item", "recording", "sound_licence",
               "picture_source", "picture_item", "picture_kind", "picture_licence", "same_package"]
    assert list(GALLERY[0]) == columns
    for row in GALLERY:
        assert all(row[column] for column in columns), row["id"]
        assert row["picture_kind"] in ("photo", "drawing")
        assert row["same_package"] == str(int(row["sound_source"] == row["picture_source"]))


def test_gallery_table_is_large_and_varied() -> None:
    per_category = Counter(row["category"] for row in GALLERY)
    assert len(GALLERY) >= 100
    assert len(per_category) >= 60
    assert max(per_category.values()) <= 3


def test_examples_table_has_different_categories_that_the_gallery_covers() -> None:
    columns = ["id", "category", "title", "sound_source", "sound_item", "recording", "licence"]
    assert list(EXAMPLES[0]) == columns
    categories = [row["category"] for row in EXAMPLES]
    assert len(EXAMPLES) == 16
    assert len(set(categories)) == 16
    assert set(categories) <= {row["category"] for row in GALLERY}


def test_nothing_is_used_twice() -> None:
    for rows in (GALLERY, EXAMPLES):
        assert len({row["id"] for row in rows}) == len(rows)
    recordings = Counter(row["recording"] for row in GALLERY + EXAMPLES)
    assert [name for name, count in recordings.items() if count > 1] == []
    pictures = Counter((row["picture_source"], row["picture_item"]) for row in GALLERY)
    assert [name for name, count in pictures.items() if count > 1] == []


def test_every_licence_named_has_a_text() -> None:
    stated = {row[column] for row in GALLERY for column in ("sound_licence", "picture_licence")}
    stated |= {row["licence"] for row in EXAMPLES}
    names = {name for one in stated for name in attribution.licence_names(one)}
    assert names <= set(attribution.LICENCE_TEXTS)
    for name in names:
        text = (ASSETS / "licences" / attribution.LICENCE_TEXTS[name][0]).read_text(encoding="utf-8")
        assert len(text) > 500, name


# The assets


def test_clips_csv_agrees_with_the_table() -> None:
    clips = rows_of(ASSETS / "gallery" / "clips.csv")
    assert tuple(clips[0]) == bundle.CLIP_COLUMNS
    shared = ("id", "category", "caption", "recording", "picture_kind", "same_package")
    assert [[clip[name] for name in shared] for clip in clips] == [[row[name] for name in shared] for row in GALLERY]
    videos = {path.name for path in (ASSETS / "gallery" / "videos").iterdir()}
    assert videos == {f"{row['id']}.mp4" for row in GALLERY}


def test_words_csv_agrees_with_the_categories(tmp_path: Path) -> None:
    bundle.write_words(tmp_path)
    assert (tmp_path / "words.csv").read_bytes() == (ASSETS / "gallery" / "words.csv").read_bytes()


def test_every_clip_opens_and_sounds() -> None:
    for clip in rows_of(ASSETS / "gallery" / "clips.csv"):
        with av.open(str(ASSETS / "gallery" / clip["video"])) as container:
            picture, track = container.streams.video[0], container.streams.audio[0]
            assert (picture.codec_context.name, picture.width, picture.height) == ("h264", 640, 360), clip["id"]
            assert track.codec_context.name == "aac", clip["id"]
            assert abs(container.duration / av.time_base - 3.0) <= 0.1, clip["id"]
            sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(track)])
        assert 0.3 < np.abs(sound).max() < 1.1, clip["id"]  # AAC may overshoot
        with Image.open(ASSETS / "gallery" / clip["poster"]) as poster:
            assert poster.size == (384, 216)
        statement = (ASSETS / "gallery" / clip["attribution"]).read_text(encoding="utf-8")
        assert "Sound: " in statement
        assert "Picture: " in statement


def test_every_example_opens_and_sounds() -> None:
    examples = rows_of(ASSETS / "examples" / "examples.csv")
    assert tuple(examples[0]) == bundle.EXAMPLE_COLUMNS
    assert [row["id"] for row in examples] == [row["id"] for row in EXAMPLES]
    for row in examples:
        sound = render.decode_sound((ASSETS / "examples" / row["file"]).read_bytes())
        assert 0.5 < len(sound) / render.RATE < 8.1, row["id"]
        assert (ASSETS / "examples" / row["attribution"]).is_file()


def test_assets_stay_small() -> None:
    size = sum(path.stat().st_size for path in (ASSETS / "gallery").rglob("*") if path.is_file())
    assert size < 20e6


# The code that builds them


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * render.RATE)) / render.RATE)).astype(np.float32)


def test_a_clip_is_rendered_from_a_picture_and_a_tone(tmp_path: Path) -> None:
    picture = Image.radial_gradient("L").convert("RGB")
    master = render.master_picture(picture, "tone")
    assert master.size == render.MASTER
    render.write_clip(tmp_path / "tone.mp4", master, render.clip_sound(tone(5.0)), "tone")
    render.write_poster(tmp_path / "tone.jpg", master, "tone")
    with av.open(str(tmp_path / "tone.mp4")) as container:
        track = container.streams.audio[0]
        assert container.streams.video[0].frames == 75
        assert abs(container.duration / av.time_base - 3.0) < 0.05
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(track)])[: 3 * render.RATE]
    strongest = np.abs(np.fft.rfft(sound)).argmax() * render.RATE / len(sound)
    assert strongest == pytest.approx(440, abs=2)
    with Image.open(tmp_path / "tone.jpg") as poster:
        assert poster.size == (384, 216)


def test_an_example_keeps_its_length(tmp_path: Path) -> None:
    render.write_example(tmp_path / "tone.ogg", render.level(tone(1.7)))
    decoded = render.decode_sound((tmp_path / "tone.ogg").read_bytes())
    assert len(decoded) / render.RATE == pytest.approx(1.7, abs=0.05)


def test_the_loudest_part_is_taken() -> None:
    sound = np.concatenate([0.1 * tone(4.0), tone(3.0, 1000.0), 0.1 * tone(4.0)])
    part = render.clip_sound(sound)
    assert len(part) == 3 * render.RATE
    assert np.abs(part).max() == pytest.approx(render.PEAK, rel=1e-3)
    assert np.abs(np.fft.rfft(part)).argmax() / 3 == pytest.approx(1000, abs=1)


def test_a_short_sound_is_repeated_with_gaps() -> None:
    part = render.clip_sound(tone(0.5))
    assert len(part) == 3 * render.RATE
    loud = np.abs(part).reshape(300, -1).max(axis=1) > 0.05  # in steps of 10 ms
    assert np.count_nonzero(np.diff(loud.astype(int)) == 1) == 3  # four times half a second, the first at once
    assert 0.55 < loud.mean() < 0.75


def test_an_offset_does_not_pass_for_loudness() -> None:
    assert np.abs(render.without_offset(np.full(48_000, 0.5, np.float32))).max() < 1e-4


def test_a_cut_out_lies_on_a_tint() -> None:
    cut_out = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    cut_out.paste((200, 0, 0, 255), (40, 40, 60, 60))
    master = render.master_picture(cut_out, "square")
    assert min(master.getpixel((0, 0))) > 180
    assert master.getpixel((render.MASTER[0] // 2, render.MASTER[1] // 2)) == (200, 0, 0)


def test_read_rcc_reads_plain_and_compressed_files() -> None:
    def name(text: str) -> bytes:
        return struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")

    names = name("sounds") + name("a.ogg") + name("b.txt")
    second, third = len(name("sounds")), len(name("sounds") + name("a.ogg"))
    packed = struct.pack(">I", 11) + zlib.compress(b"hello hello")
    data = struct.pack(">I", 3) + b"abc" + struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHII", 0, 2, 1, 1)  # the root: a folder with one child, entry 1
    tree += struct.pack(">IHII", 0, 2, 2, 2)  # the folder sounds: two children from entry 2 on
    tree += struct.pack(">IHHHI", second, 0, 0, 0, 0)
    tree += struct.pack(">IHHHI", third, 1, 0, 0, 7)
    header = b"qres" + struct.pack(">4I", 1, 20, 20 + len(tree), 20 + len(tree) + len(data))
    files = containers.read_rcc(header + tree + data + names)
    assert files == {"sounds/a.ogg": b"abc", "sounds/b.txt": b"hello hello"}
    with pytest.raises(ValueError, match="qres"):
        containers.read_rcc(b"something else")


def test_read_cat_reads_names_and_sounds() -> None:
    entries = [(b'"Horn". By A.\0', b"RIFF-one"), (b"Bell (loud)\0", b"RIFF-second")]
    table, body = b"", b""
    for label, sound in entries:
        table += struct.pack("<II", (16 + len(body)) | 0x80000000, len(sound))
        body += bytes([len(label)]) + label + sound
    sounds = containers.read_cat(table + body)
    assert sounds == [('"Horn". By A.', b"RIFF-one"), ("Bell (loud)", b"RIFF-second")]
    assert containers.cat_item(1, sounds[1][0]) == "01__Bell_loud_.wav"


def test_a_missing_item_is_named(tmp_path: Path) -> None:
    package = packages.Package("scratch", "1.4", tmp_path)
    folder = tmp_path / "usr/share/scratch/Media/Sounds/Animal"
    folder.mkdir(parents=True)
    (folder / "Dog1.wav").write_bytes(b"RIFF")
    assert packages.read_item(package, "Animal/Dog1.wav") == (b"RIFF", ".wav")
    with pytest.raises(packages.MissingItem, match="scratch 1.4 holds no item 'Animal/Yeti.wav'"):
        packages.read_item(package, "Animal/Yeti.wav")


def test_the_last_fitting_paragraph_gives_the_licence(tmp_path: Path) -> None:
    text = ("Format: https://example.org/\n\nFiles: *\nCopyright: 2001 A\n  2002 B\nLicense: GPL-2+\n\n"
            "Files: data/mods/x/sounds/*\nCopyright: C\nLicense: CC0-1.0\n full text\nComment: from D\n")
    path = tmp_path / "usr/share/doc/some-data/copyright"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    package = packages.Package("some-data", "1", tmp_path)
    inside = notices.notice_for(package, "usr/share/games/some/mods/x/sounds/a.ogg", "unknown")
    outside = notices.notice_for(package, "usr/share/games/some/sounds/a.ogg", "unknown")
    assert inside == notices.Notice(("C",), "CC0-1.0", "from D")
    assert outside == notices.Notice(("2001 A", "2002 B"), "GPL-2+", "")


def build(out: Path) -> None:
    """A bundle of a few rows whose rendering takes no time: a kill would find nothing done but by chance."""
    patch, read = pytest.MonkeyPatch(), bundle.read_table
    patch.setattr(bundle, "read_table", lambda name: read(name)[: kill.KILLS + 2])
    patch.setattr(bundle, "fetch", lambda *_: packages.Package("toy", "1", out))
    patch.setattr(bundle, "read_sound", lambda *_: tone(3.0))
    patch.setattr(bundle, "read_picture", lambda *_: (Image.new("RGB", (64, 36), "teal"), ""))
    patch.setattr(render, "master_picture", lambda picture, name: name)
    for name in ("write_clip", "write_poster", "write_example"):
        patch.setattr(render, name, lambda file, given, *_: file.write_text(str(given)))
    for name in ("clip_attribution", "example_attribution"):
        patch.setattr(attribution, name, lambda row, *_: row["id"])
    patch.setattr(attribution, "write_licences", lambda folder, *_: folder.mkdir(exist_ok=True))
    bundle.build(out, out)


def test_a_bundle_that_is_killed_goes_on(tmp_path: Path) -> None:
    pieces = kill.alone("soundclip_demo.whole:write", build, tmp_path / "whole")
    assert kill.killed("soundclip_demo.whole:write", build, tmp_path / "killed") < pieces
    whole, killed = ({str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*.*") if file.is_file()}
                     for root in (tmp_path / "whole", tmp_path / "killed"))
    said = [manifest.read(tmp_path / name / "bundle.manifest.json") | {"seconds": 0} for name in ("whole", "killed")]
    assert said[0] == said[1] and said[0]["complete"]
    del whole["bundle.manifest.json"], killed["bundle.manifest.json"]
    assert killed == whole
    (tmp_path / "killed" / "gallery" / "old.txt").write_text("of an earlier bundle")
    kill.alone("soundclip_demo.whole:write", build, tmp_path / "killed")
    assert not (tmp_path / "killed" / "gallery" / "old.txt").exists()
