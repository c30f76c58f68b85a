"""Posters as small JPEGs, for a list of clips or a report."""

import io
from pathlib import Path
from typing import BinaryIO

SIZE = (320, 180)  # pixels at most
QUALITY = 72


def make(poster: Path | BinaryIO) -> bytes:
    """A picture's file -> a JPEG of at most `SIZE`.

    Raises:
        OSError: it is not there, or no picture.
    """
    from PIL import Image

    from .frames import FORMATS

    with Image.open(poster, formats=FORMATS) as picture:
        picture.draft("RGB", SIZE)  # a larger JPEG is decoded at half its size, or less: not less than `SIZE`
        small = picture.convert("RGB")
    small.thumbnail(SIZE)
    bytes_ = io.BytesIO()
    small.save(bytes_, "JPEG", quality=QUALITY)
    return bytes_.getvalue()
