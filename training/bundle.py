"""Build the bundled gallery and the example sounds from public packages: `python -m training bundle`.

What goes in is chosen by hand in `training/tables/gallery.csv` and `training/tables/examples.csv`. Every
sound and picture is read from the package that holds it, at full quality, and rendered here.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from soundclip_demo import whole
from soundclip_demo.weights import sha256
from training import attribution, corpus, manifest, render
from training.packages import MissingItem, Package, fetch, read_item

TABLES = Path(__file__).parent / "tables"
EMOJI_FONT = "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
EMOJI_SIZE = 109  # the only size of the font's bitmaps
SVG_SIZE = 1200  # longer side in pixels
EXAMPLE_SECONDS = 8.0

CLIP_COLUMNS = ("id", "category", "caption", "video", "poster", "still", "picture_kind", "same_package",
                "recording", "licence", "attribution")
WORD_COLUMNS = ("category", "words")
EXAMPLE_COLUMNS = ("id", "category", "title", "file", "recording", "licence", "attribution")


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a table under `training/tables`, for example `gallery`."""
    return corpus.rows(TABLES / f"{name}.csv")


def build(out_dir: Path, cache: Path) -> None:
    """Write gallery, examples and licences under `out_dir`, replacing what is there; killed, go on with what is done.

    Packages are kept in `cache`. Raises MissingItem, which names the item, when a package lacks one.
    """
    clips, examples = read_table("gallery"), read_table("examples")
    data = manifest.hash_of({file.name: sha256(file) for file in sorted(TABLES.glob("*.csv"))})
    file = out_dir / "bundle.manifest.json"
    begun = manifest.read(file)
    goes_on = (begun.get("data"), begun.get("complete")) == (data, False)
    with manifest.running(file, {}, data) as about:
        for name in ("gallery", "examples", "licences") if not goes_on else ():
            shutil.rmtree(out_dir / name, ignore_errors=True)
        about |= {"clips": len(clips), "examples": len(examples)}
        _build(clips, examples, out_dir, cache)


def _build(clips: list[dict[str, str]], examples: list[dict[str, str]], out_dir: Path, cache: Path) -> None:
    build_gallery(clips, out_dir / "gallery", cache)
    build_examples(examples, out_dir / "examples", cache)
    stated = {row[column] for row in clips for column in ("sound_licence", "picture_licence")}
    attribution.write_licences(out_dir / "licences", stated | {row["licence"] for row in examples}, cache)


def build_gallery(rows: list[dict[str, str]], folder: Path, cache: Path) -> None:
    """Render every row of the gallery table into `folder` and write `clips.csv`."""
    for name in ("videos", "posters", "attribution"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    listed = []
    for number, row in enumerate(rows, 1):
        video, poster, text = (f"videos/{row['id']}.mp4", f"posters/{row['id']}.jpg",
                               f"attribution/{row['id']}.txt")
        licence = f"sound {row['sound_licence']}; picture {row['picture_licence']}"
        listed.append({**row, "video": video, "poster": poster, "still": "1", "licence": licence,
                       "attribution": text})
        if (folder / text).exists():  # it is written last
            continue
        print(f"clip {number} of {len(rows)}: {row['id']}", file=sys.stderr)
        sound_package, picture_package = fetch(row["sound_source"], cache), fetch(row["picture_source"], cache)
        sound = render.clip_sound(read_sound(sound_package, row["sound_item"]))
        picture, picture_text = read_picture(picture_package, row["picture_item"], cache)
        master = render.master_picture(picture, row["id"])
        render.write_clip(folder / video, master, sound, row["id"])
        render.write_poster(folder / poster, master, row["id"])
        statement = attribution.clip_attribution(row, sound_package, picture_package, picture_text)
        whole.write(folder / text, statement)
    write_table(folder / "clips.csv", CLIP_COLUMNS, listed)
    write_words(folder)


def write_words(folder: Path) -> None:
    """Every category and the words that name it, for the page to set apart in captions: longer names count, too."""
    write_table(folder / "words.csv", WORD_COLUMNS, read_table("categories"))


def build_examples(rows: list[dict[str, str]], folder: Path, cache: Path) -> None:
    """Encode every row of the examples table into `folder` and write `examples.csv`."""
    (folder / "attribution").mkdir(parents=True, exist_ok=True)
    listed = []
    for row in rows:
        file, text = f"{row['id']}.ogg", f"attribution/{row['id']}.txt"
        listed.append({**row, "file": file, "attribution": text})
        if (folder / text).exists():  # it is written last
            continue
        package = fetch(row["sound_source"], cache)
        sound = render.loudest(render.trim(read_sound(package, row["sound_item"])), EXAMPLE_SECONDS)
        render.write_example(folder / file, render.level(sound))
        whole.write(folder / text, attribution.example_attribution(row, package))
    write_table(folder / "examples.csv", EXAMPLE_COLUMNS, listed)


def write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    """Write the named columns of `rows` as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_sound(package: Package, item: str):
    """A sound item as mono float32 `[T]` at 48 kHz. Raises MissingItem where it is no usable sound."""
    try:
        return render.decode_sound(read_item(package, item)[0])
    except ValueError as error:
        raise MissingItem(f"{package.label()}, item {item!r}: {error}") from error


def read_picture(package: Package, item: str, cache: Path) -> tuple[Image.Image, str]:
    """A picture item and, where it is an SVG drawing, its source text (else an empty string)."""
    if item.startswith("emoji:"):
        return emoji(package.root / EMOJI_FONT, chr(int(item.removeprefix("emoji:"), 16))), ""
    content, suffix = read_item(package, item)
    if suffix == ".svg":
        return drawing(content, cache), content.decode("utf-8", errors="replace")
    return Image.open(io.BytesIO(content)), ""


def emoji(font: Path, character: str) -> Image.Image:
    """One character of the colour emoji font as a cut-out. Raises MissingItem where the font lacks it."""
    if not font.is_file():
        raise MissingItem(f"the emoji font is not at {font}")
    image = Image.new("RGBA", (160, 160), (0, 0, 0, 0))
    face = ImageFont.truetype(str(font), EMOJI_SIZE)
    ImageDraw.Draw(image).text((10, 10), character, font=face, embedded_color=True)
    box = image.getbbox()
    if box is None:
        raise MissingItem(f"the emoji font has no picture for U+{ord(character):04X}")
    return image.crop(box)


def drawing(content: bytes, cache: Path) -> Image.Image:
    """An SVG drawing as a picture of at most `SVG_SIZE` pixels, transparent where nothing is drawn.

    Uses `rsvg-convert` of the system, or of its Debian package where the system has none.
    """
    program = shutil.which("rsvg-convert")
    if program is None:
        program = str(fetch("librsvg2-bin", cache).root / "usr/bin/rsvg-convert")
    command = [program, "--keep-aspect-ratio", "--width", str(SVG_SIZE), "--height", str(SVG_SIZE)]
    result = subprocess.run(command, input=content, capture_output=True, check=False)
    if result.returncode:
        raise MissingItem(f"an SVG drawing could not be rendered: {result.stderr.decode()[-200:]}")
    return Image.open(io.BytesIO(result.stdout))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training bundle`."""
    parser.add_argument("--out", type=Path, default=Path("assets"),
                        help="folder that gets gallery/, examples/ and licences/ (default: assets)")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "soundclip-demo" / "packages",
                        help="folder for downloaded packages, about 2.5 GB unpacked")


def main(args: argparse.Namespace) -> int:
    """Build everything. Returns 1 after naming the item that is missing, else 0."""
    try:
        build(args.out, args.cache)
    except MissingItem as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
