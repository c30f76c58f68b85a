"""Readers for the two container formats that hold sounds and pictures of the gallery: Qt resource files
(GCompris `.rcc`) and OpenTTD sound sets (`.cat`). Both take bytes and give bytes; nothing is decoded here.
"""

from __future__ import annotations

import re
import struct
import subprocess
import zlib

_ZLIB, _FOLDER, _ZSTD = 1, 2, 4


def read_rcc(blob: bytes) -> dict[str, bytes]:
    """Files of a Qt resource file by their path inside it, for example `gcompris/src/core/resource/star.png`.

    Raises ValueError when `blob` is not a Qt resource file.
    """
    if blob[:4] != b"qres":
        raise ValueError("not a Qt resource file: it does not start with 'qres'")
    version, tree, data, names = struct.unpack(">4I", blob[4:20])
    entry_size = 14 if version == 1 else 22  # later versions append the time of the last change

    def name_at(offset: int) -> str:
        length = struct.unpack_from(">H", blob, names + offset)[0]
        start = names + offset + 6  # 2 bytes of length, 4 bytes of hash
        return blob[start : start + 2 * length].decode("utf-16-be")

    def content(offset: int, flags: int) -> bytes:
        start = data + offset
        size = struct.unpack_from(">I", blob, start)[0]
        raw = blob[start + 4 : start + 4 + size]
        if flags & _ZLIB:
            return zlib.decompress(raw[4:])  # 4 bytes give the length after unpacking
        return _unpack_zstd(raw) if flags & _ZSTD else raw

    files: dict[str, bytes] = {}

    def walk(index: int, folder: str) -> None:
        at = tree + index * entry_size
        name_offset, flags = struct.unpack_from(">IH", blob, at)
        path = folder + name_at(name_offset) if index else ""  # the root has no name of its own
        if flags & _FOLDER:
            count, first = struct.unpack_from(">II", blob, at + 6)
            for child in range(first, first + count):
                walk(child, f"{path}/" if path else "")
        else:
            files[path] = content(struct.unpack_from(">I", blob, at + 10)[0], flags)

    walk(0, "")
    return files


def _unpack_zstd(raw: bytes) -> bytes:
    """Bytes behind a zstd frame. Uses the `zstd` program, so that no package is needed for a rare case."""
    return subprocess.run(["zstd", "-dc"], input=raw, stdout=subprocess.PIPE, check=True).stdout


def read_cat(blob: bytes) -> list[tuple[str, bytes]]:
    """Sounds of an OpenTTD sound set in stored order: (name with author and licence, WAV bytes).

    The file opens with one (offset, size) pair of 32-bit little-endian numbers per sound. The top bit of the
    offset is a flag. Each sound is a length byte, its name, and a RIFF file of `size` bytes.
    """
    first = struct.unpack_from("<I", blob, 0)[0] & 0x7FFFFFFF
    sounds = []
    for index in range(first // 8):
        offset, size = struct.unpack_from("<II", blob, 8 * index)
        offset &= 0x7FFFFFFF
        length = blob[offset]
        name = blob[offset + 1 : offset + 1 + length].split(b"\0")[0].decode("latin-1")
        start = offset + 1 + length
        if blob[start : start + 4] != b"RIFF":
            raise ValueError(f"sound {index} of the sound set ({name!r}) is not a RIFF file")
        sounds.append((name, blob[start : start + size]))
    return sounds


def cat_item(index: int, name: str) -> str:
    """Name under which a sound of a sound set is listed in the tables: its index and its name in plain letters."""
    return f"{index:02d}__{re.sub(r'[^A-Za-z0-9]+', '_', name).lstrip('_')}.wav"
