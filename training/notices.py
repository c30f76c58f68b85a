"""Who made an item of a package and under which licence: what the package itself states.

Debian packages state it per file in a machine-readable `copyright` file, where the last paragraph whose
pattern fits a file counts. Other packages state one licence for everything.
"""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass

from training.packages import ROOTS, Package, copyright_file


@dataclass(frozen=True)
class Notice:
    """Stated authors (one per entry, empty where none are named), licence name and remarks."""

    authors: tuple[str, ...]
    licence: str
    remark: str = ""


def notice_for(package: Package, item: str, listed_licence: str) -> Notice:
    """Notice for one item. `listed_licence` is the table's, used where the package states none per file."""
    if package.source == "openttd-opensfx":
        return Notice((), listed_licence, "author, edits and licence are in the item's name")
    path = copyright_file(package)
    text = path.read_text(encoding="utf-8", errors="replace") if path else ""
    if package.source == "openclipart-svg":  # each drawing names its own author
        return Notice((), listed_licence)
    if not text.startswith("Format:"):
        return Notice(whole_package_authors(package, text), listed_licence)
    best = Notice((), listed_licence)
    paths = candidate_paths(package, item)
    for paragraph in parse_paragraphs(text):
        patterns = paragraph.get("files", "").split()
        if any(pattern_fits(pattern, known) for pattern in patterns for known in paths):
            best = Notice(_lines(paragraph.get("copyright", "")),
                          paragraph.get("license", "").split("\n")[0].strip() or listed_licence,
                          " ".join(_lines(paragraph.get("comment", ""))))
    return best


def whole_package_authors(package: Package, copyright_text: str) -> tuple[str, ...]:
    """Authors of a package that states them once for everything, in its metadata or in plain words."""
    described = package.root / "package" / "package.json"
    if described.is_file():
        author = json.loads(described.read_text(encoding="utf-8")).get("author", "")
        name = author.get("name", "") if isinstance(author, dict) else author
        return (name,) if name else ()
    for metadata in package.root.glob("*.dist-info/METADATA"):
        stated = re.search(r"^Author: (.+)$", metadata.read_text(encoding="utf-8"), re.MULTILINE)
        return (stated[1],) if stated else ()
    lines = re.findall(r"Copyright (?:\([Cc]\)|©)?\s*(\d{4}[^\n]*)", copyright_text)
    return tuple(dict.fromkeys(line.strip() for line in lines))


def candidate_paths(package: Package, item: str) -> list[str]:
    """Paths under which a copyright file may know the item: as listed, and below each of its roots."""
    if package.source == "gcompris-qt-data":
        return [f"src/{item[3:]}" if item.startswith("../") else f"src/activities/{item}"]
    if package.source.startswith("hydrogen-drumkits"):  # the kits are known by the archives they came in
        return [item, f"drumkits/{item.split('/drumkits/')[-1].split('/')[0]}.h2drumkit"]
    return [f"{root}/{item}" for root in ROOTS.get(package.source, ())] or [item]


def parse_paragraphs(text: str) -> list[dict[str, str]]:
    """Paragraphs of a machine-readable copyright file as {field name in lower case: value with line breaks}."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            match = re.match(r"([A-Za-z-]+):(.*)", line)
            if match and not line[0].isspace():
                name = match[1].lower()
                fields[name] = match[2].strip()
            elif name:
                fields[name] += "\n" + line.strip()
        if "files" in fields:
            paragraphs.append(fields)
    return paragraphs


def pattern_fits(pattern: str, path: str) -> bool:
    """Whether a file pattern covers a path.

    Patterns are relative to the source package and paths to the installed one, so leading folders of either
    may be left out as long as the pattern keeps two folders, or one folder and a name without wildcards.
    """
    parts = path.strip("/").split("/")
    ends = ["/".join(parts[i:]) for i in range(len(parts))]
    folders = pattern.split("/")
    keep = 3 if "*" in folders[-1] else 2
    shorter = ["/".join(folders[i:]) for i in range(max(1, len(folders) - keep + 1))]
    return any(fnmatch.fnmatchcase(end, short) for end in ends for short in shorter)


def _lines(value: str) -> tuple[str, ...]:
    """Non-empty lines of a field's value, without trailing commas."""
    return tuple(line.strip().rstrip(",") for line in value.splitlines() if line.strip(" ."))
