"""Attribution texts of bundled clips and examples, and full texts of the licences they name."""

from __future__ import annotations

import re
from pathlib import Path

from training.notices import notice_for
from training.packages import MissingItem, Package, copyright_file, fetch

CLIP_CHANGES = (
    "Changes: the picture was scaled, laid on a background where its shape asked for it, and filmed with a "
    "slow camera move;\nof the sound the loudest 3 seconds were taken (a shorter sound is repeated with gaps), "
    "mixed to mono, set to a peak of -3 dBFS\nand faded for 10 ms at both ends. Picture and sound were joined "
    "in one file; each stays under its own licence."
)
EXAMPLE_CHANGES = (
    "Changes: at most the loudest 8 seconds were taken, mixed to mono, set to a peak of -3 dBFS and faded for "
    "10 ms at both ends."
)

# Licence name in the tables: its text's file name, the package that holds the text, and the paragraph of that
# package's copyright file. A package of "" means the licences that every Debian system holds.
LICENCE_TEXTS = {
    "AGPL-3.0": ("AGPL-3.0.txt", "npm:@scratch/scratch-vm", ""),
    "Artistic-1.0": ("Artistic-1.0.txt", "simutrans-pak64", "Artistic-1.0"),
    "CC-BY-3.0": ("CC-BY-3.0.txt", "gcompris-qt-data", "CC-BY-3.0"),
    "CC-BY-SA-3.0": ("CC-BY-SA-3.0.txt", "scratch", "CC-BY-SA-3.0"),
    "CC-BY-SA-4.0": ("CC-BY-SA-4.0.txt", "gcompris-qt-data", "CC-BY-SA-4.0"),
    "CC0-1.0": ("CC0-1.0.txt", "", "CC0-1.0"),
    "Free Art 1.2": ("Free-Art-1.2.txt", "gcompris-qt-data", "free-art"),
    "GPL-2": ("GPL-2.txt", "", "GPL-2"),
    "GPL-3": ("GPL-3.txt", "", "GPL-3"),
    "MIT": ("MIT.txt", "scratch", "MIT"),
    "OFL-1.1": ("OFL-1.1.txt", "fonts-noto-color-emoji", "SIL-1.1"),
}
NO_TEXT = {"public-domain"}  # a dedication, not a licence with a text of its own
COMMON_LICENCES = Path("/usr/share/common-licenses")


def clip_attribution(row: dict[str, str], sound: Package, picture: Package, picture_text: str) -> str:
    """Attribution of one clip. `picture_text` is the picture's source when it is SVG, else empty."""
    parts = [
        f"{row['id']}: {row['caption']}",
        _part("Sound", sound, row["sound_item"], row["sound_licence"]),
        _part("Picture", picture, row["picture_item"], row["picture_licence"], svg_author(picture_text)),
        CLIP_CHANGES,
    ]
    return "\n\n".join(parts) + "\n"


def example_attribution(row: dict[str, str], sound: Package) -> str:
    """Attribution of one example sound."""
    part = _part("Sound", sound, row["sound_item"], row["licence"])
    return f"{row['id']}: {row['title']}\n\n{part}\n\n{EXAMPLE_CHANGES}\n"


def _part(word: str, package: Package, item: str, licence: str, author: str = "") -> str:
    notice = notice_for(package, item, licence)
    lines = [f"{word}: {item}", f"  from: {package.label()}", f"  licence: {licence}"]
    authors = (author,) if author else notice.authors
    if authors:
        whole = "" if author or len(authors) < 4 else " (of the whole package)"
        lines.append(f"  authors{whole}: " + "; ".join(authors))
    if notice.remark:
        lines.append(f"  remark: {notice.remark}")
    return "\n".join(lines)


def svg_author(text: str) -> str:
    """Creator that an SVG file's metadata names, or nothing."""
    match = re.search(r"<dc:creator>.*?<dc:title>([^<]+)</dc:title>", text, re.DOTALL)
    return match[1].strip() if match else ""


def licence_names(stated: str) -> list[str]:
    """Names in `LICENCE_TEXTS` behind a stated licence: `GPL-2+` is GPL-2, `A and B` are two."""
    return [name.strip().removesuffix("+") for name in stated.split(" and ") if name.strip() not in NO_TEXT]


def write_licences(folder: Path, stated: set[str], cache: Path) -> None:
    """Write the text of every stated licence. Raises MissingItem where a text cannot be found."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted({name for one in stated for name in licence_names(one)}):
        if name not in LICENCE_TEXTS:
            raise MissingItem(f"no source is known for the text of the licence {name!r}")
        file, source, paragraph = LICENCE_TEXTS[name]
        path = COMMON_LICENCES / paragraph if source == "" else copyright_file(fetch(source, cache))
        if path is None or not path.is_file():
            raise MissingItem(f"the text of the licence {name!r} is not at {path}")
        text = path.read_text(encoding="utf-8", errors="replace")
        (folder / file).write_text(_paragraph(text, paragraph) if source and paragraph else text, encoding="utf-8")


def _paragraph(text: str, name: str) -> str:
    """Text of the paragraph `License: name` of a copyright file, without its indentation."""
    blocks = re.findall(rf"^License:\s+{re.escape(name)}\n((?: .*\n?)+)", text, re.MULTILINE)
    if not blocks:
        raise MissingItem(f"no paragraph holds the text of the licence {name!r}")
    longest = max(blocks, key=len)
    return re.sub(r"^ \.?", "", longest, flags=re.MULTILINE)
