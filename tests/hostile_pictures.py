"""Files that a hostile or unlucky visitor may give as the picture, made on the spot; rows as in `hostile`."""

import io
import struct
from collections.abc import Iterator

from PIL import Image


def files() -> Iterator[tuple[str, bytes, bool | None]]:
    """(name, content, whether it is a picture)."""
    made = {form: io.BytesIO() for form in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "EPS", "PPM")}
    for form, file in made.items():
        Image.effect_noise((64, 48), 60).convert("RGB").save(file, form)
    whole = {form.lower(): file.getvalue() for form, file in made.items()}
    for form, content in whole.items():
        yield f"good.{form}", content, form not in ("eps", "ppm")  # Ghostscript is not asked
        yield f"half.{form}", content[: len(content) // 2], None
    size = struct.pack(">II", 100_000, 100_000)
    yield "wide.png", whole["png"][:16] + size + whole["png"][24:], False
    yield "wide.gif", whole["gif"][:6] + b"\xff\xff\xff\xff" + whole["gif"][10:], False
    wide = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(wide, "PNG")
    yield "bomb.png", wide.getvalue(), False
    yield "drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", False
    yield "fake.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n%%EOF\n", False
