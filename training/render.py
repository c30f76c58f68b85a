"""Render one clip of the bundled gallery: a slow camera move over a picture, three seconds of sound.

Sounds are float32 `[T]` at 48 kHz from `decode_sound` on; pictures are Pillow images.
"""

from __future__ import annotations

import io
from pathlib import Path
from zlib import crc32

import av
import numpy as np
from PIL import Image, ImageFilter, ImageStat

from soundclip_demo import clips
from soundclip_demo.clips import FPS, RATE

SECONDS = 3.0
GAP = 0.25  # seconds of silence between repeats of a short sound
PEAK = 10 ** (-3 / 20)  # -3 dBFS
FADE = 0.010  # seconds
WIDTH, HEIGHT = 640, 360
MASTER = (896, 504)  # the picture the camera moves over: 1.4 times the frame, so that zooming in stays sharp
TRAVEL = 0.10  # part of the master that the camera leaves out when closest
QUALITIES = (26, 31, 36)  # x264 rate factors, tried in this order until a clip is small enough
CLIP_BYTES = 150_000
TINTS = ("#c9d6df", "#d8cfc4", "#c8d8c4", "#d9cdd8", "#c5d5d8", "#d6d6c6")


def decode_sound(content: bytes) -> np.ndarray:
    """A sound file's bytes as mono float32 `[T]` at 48 kHz, without what lies below 20 Hz.

    Raises ValueError when the file holds no sound or only silence.
    """
    parts = []
    with av.open(io.BytesIO(content)) as container:
        if not container.streams.audio:
            raise ValueError("the file has no sound stream")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        for frame in container.decode(container.streams.audio[0]):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
        parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    sound = without_offset(np.concatenate(parts)) if parts else np.zeros(0, np.float32)
    if not np.abs(sound).max(initial=0.0) > 1e-4:
        raise ValueError("the sound is silent")
    return sound


def without_offset(sound: np.ndarray) -> np.ndarray:
    """Remove a constant offset and anything below 20 Hz: inaudible, yet it would pass for loudness."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) < 20.0] = 0.0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def trim(sound: np.ndarray, floor_db: float = -45.0) -> np.ndarray:
    """Cut off what lies below `floor_db` of the peak at both ends, but keep 20 ms around the rest."""
    loud = np.flatnonzero(np.abs(sound) > np.abs(sound).max() * 10 ** (floor_db / 20))
    margin = int(0.02 * RATE)
    return sound[max(0, loud[0] - margin) : loud[-1] + margin]


def loudest(sound: np.ndarray, seconds: float) -> np.ndarray:
    """The stretch of at most `seconds` with the most energy, searched in steps of 10 ms."""
    length = int(seconds * RATE)
    if len(sound) <= length:
        return sound
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    starts = np.arange(0, len(sound) - length + 1, RATE // 100)
    start = int(starts[np.argmax(energy[starts + length] - energy[starts])])
    return sound[start : start + length]


def level(sound: np.ndarray) -> np.ndarray:
    """Peak at -3 dBFS and a fade of 10 ms at both ends."""
    ramp = np.minimum(1.0, np.arange(len(sound)) / (FADE * RATE))
    return (sound / np.abs(sound).max() * PEAK * ramp * ramp[::-1]).astype(np.float32)


def clip_sound(sound: np.ndarray) -> np.ndarray:
    """Exactly three seconds `[144000]`: the loudest part, or a short sound repeated with gaps."""
    part = level(loudest(trim(sound), SECONDS))
    unit = np.concatenate([part, np.zeros(int(GAP * RATE), np.float32)])
    length = int(SECONDS * RATE)
    return level(np.tile(unit, -(-length // len(unit)))[:length])


def master_picture(picture: Image.Image, seed: str) -> Image.Image:
    """The 16:9 picture the camera moves over, `MASTER` in size.

    A cut-out lies on a soft tint chosen by `seed`, a picture with a plain border on that border's colour; a
    photo of another shape lies on a blurred copy of itself.
    """
    width, height = MASTER
    picture = picture.convert("RGBA")
    if picture.getextrema()[3][0] < 250:  # some pixel is see-through: a cut-out
        cut_out = picture.crop(picture.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox())
        return _centred(cut_out, Image.new("RGB", MASTER, TINTS[crc32(seed.encode()) % len(TINTS)]), 0.80)
    photo = picture.convert("RGB")
    border = _plain_border(photo)
    if border is not None:
        return _centred(picture, Image.new("RGB", MASTER, border), 0.92)
    if 1.5 < photo.width / photo.height < 2.1:
        scale = max(width / photo.width, height / photo.height)
        return _resized(photo, scale).crop(_middle(photo, scale))
    scale = max(width / photo.width, height / photo.height)
    behind = _resized(photo, scale).crop(_middle(photo, scale)).filter(ImageFilter.GaussianBlur(28))
    return _centred(picture, behind.point(lambda value: int(value * 0.8)), 1.0)


def _plain_border(photo: Image.Image) -> tuple[int, ...] | None:
    """Colour of the outermost pixels where they are all alike, else None."""
    small = photo.resize((64, 64), Image.Resampling.BILINEAR)
    edges = [small.crop(box) for box in ((0, 0, 64, 1), (0, 63, 64, 64), (0, 0, 1, 64), (63, 0, 64, 64))]
    if max(high - low for edge in edges for low, high in edge.getextrema()) > 12:
        return None
    return tuple(int(value) for value in ImageStat.Stat(edges[0]).mean)


def _resized(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _middle(photo: Image.Image, scale: float) -> tuple[int, int, int, int]:
    """Box of the master's size in the middle of a photo scaled to cover it."""
    left = max(0, (round(photo.width * scale) - MASTER[0]) // 2)
    top = max(0, (round(photo.height * scale) - MASTER[1]) // 2)
    return left, top, left + MASTER[0], top + MASTER[1]


def _centred(picture: Image.Image, background: Image.Image, part: float) -> Image.Image:
    """`picture` in the middle of `background`, as large as fits into `part` of its width and height."""
    scale = part * min(background.width / picture.width, background.height / picture.height)
    small = _resized(picture, scale)
    at = ((background.width - small.width) // 2, (background.height - small.height) // 2)
    background.paste(small, at, small.getchannel("A"))
    return background


def view(master: Image.Image, seed: str, position: float, size: tuple[int, int]) -> Image.Image:
    """What the camera sees at `position` 0 to 1 of its move. The move is one of four, chosen by `seed`."""
    width, height = master.size
    move = crc32(seed.encode()) // len(TINTS) % 4
    closeness, across = TRAVEL, 0.5
    if move < 2:  # zoom in, zoom out
        closeness *= position if move == 0 else 1 - position
    else:  # pan to the right, to the left
        across = position if move == 2 else 1 - position
    seen_w, seen_h = width * (1 - closeness), height * (1 - closeness)
    left, top = (width - seen_w) * across, (height - seen_h) * 0.5
    box = (left, top, left + seen_w, top + seen_h)
    return master.transform(size, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


def write_clip(path: Path, master: Image.Image, sound: np.ndarray, seed: str) -> None:
    """Write an MP4 of 3 s: 640x360 H.264 at 25 frames a second and mono AAC. `sound` is `[144000]`.

    Grass and leaves cost many bytes, so a clip above `CLIP_BYTES` is written again at a lower quality.
    """
    count = round(SECONDS * FPS)
    views = (view(master, seed, index / (count - 1), (WIDTH, HEIGHT)) for index in range(count))
    frames = [av.VideoFrame.from_image(image) for image in views]
    for quality in QUALITIES:
        clips.write(path, frames, sound, (WIDTH, HEIGHT), quality)
        if path.stat().st_size <= CLIP_BYTES:
            return


def write_example(path: Path, sound: np.ndarray) -> None:
    """Write a mono Ogg Opus file of about 48 kbit/s. `sound` is `[T]` at 48 kHz."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as out:
        track = out.add_stream("libopus", rate=RATE, layout="mono")
        track.bit_rate = 48_000
        clips.write_sound(out, track, sound)


def write_poster(path: Path, master: Image.Image, seed: str) -> None:
    """Write the middle of the camera move as a JPEG of 384x216."""
    view(master, seed, 0.5, (WIDTH, HEIGHT)).resize((384, 216), Image.Resampling.LANCZOS).save(path, quality=85)
