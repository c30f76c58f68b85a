"""One frame of a picture or video file, decoded under limits."""

from pathlib import Path

import av
from PIL import Image, ImageOps

from .audio import container
from .config import WINDOW_SECONDS, SoundLimits
from .errors import UserError

# Not what Pillow reads besides: some of it starts other programs or follows names inside the file.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
MAX_PIXELS = 40_000_000  # a phone photo has 12 to 50 million; a decompression bomb has billions


def middle_frame(path: Path, limits: SoundLimits, window: tuple[float, float] | None = None) -> Image.Image:
    """A picture as it is, or a video's frame in the middle of `window` (seconds; None: of the whole video).

    Raises:
        UserError: neither a picture nor a video, or too big.
    """
    if not path.is_file() or path.stat().st_size > limits.file_bytes:
        raise UserError(f"This picture is missing or larger than {limits.file_bytes >> 20} MB.")
    return _picture(path) or _video_frame(path, window)


def _picture(path: Path) -> Image.Image | None:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError("This picture has too many pixels.", "Please give a smaller one.")
            return ImageOps.exif_transpose(image).convert("RGB")
    except UserError:
        raise
    except Exception:  # Pillow raises many kinds on hostile bytes; a video is tried next
        return None


def _video_frame(path: Path, window: tuple[float, float] | None) -> Image.Image:
    try:
        with container(path) as media:
            stream = media.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                raise UserError("This video's frames have too many pixels.", "Please give a smaller one.")
            start, end = window or (0.0, _duration(media, stream))
            return _frame_at(media, stream, (start + end) / 2)
    except UserError:
        raise
    except Exception as error:
        raise UserError("This file could not be read as a picture or a video.", "Try jpg, png or mp4.") from error


def _duration(media: av.container.InputContainer, stream: av.VideoStream) -> float:
    if media.duration:
        return media.duration / av.time_base
    return float(stream.duration * stream.time_base) if stream.duration else WINDOW_SECONDS


def _frame_at(media: av.container.InputContainer, stream: av.VideoStream, seconds: float) -> Image.Image:
    """The last frame shown at `seconds`; the last one at all where the video ends earlier."""
    media.seek(int(seconds * av.time_base))
    shown = None
    for frame in media.decode(stream):
        if shown is not None and frame.time is not None and frame.time > seconds:
            break
        shown = frame
    if shown is None:
        raise ValueError("no frame could be decoded")
    return shown.to_image()
