"""Cuts and writes 3-second clips: H.264 and AAC in an MP4 that starts playing before it is loaded."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .config import WINDOW_SECONDS

RATE = 48_000  # Hz
FPS = 25
SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}  # of the videos that clips are cut from


def write(path: Path, frames: Iterable[av.VideoFrame], sound: np.ndarray, size: tuple[int, int], quality: int) -> None:
    """Encodes `frames` at 25 a second and mono `sound` float32 [T] at 48 kHz.

    Args:
        size: width and height in pixels, both even; frames of another size are scaled.
        quality: x264 rate factor, lower is better and larger.
    """
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        picture = out.add_stream("libx264", rate=FPS)
        picture.width, picture.height = size
        picture.pix_fmt = "yuv420p"
        # The same bytes always: one thread, and instructions that every machine has. With those that x264 chose on one
        # with AVX-512, the very same frames gave other bytes once in twenty times while it was busy; with these never,
        # and the bytes are those that it gave the other times.
        same = {"threads": "1", "x264-params": "asm=sse4.2"}
        picture.options = {"crf": str(quality), "preset": "fast", "g": "75"} | same
        track = out.add_stream("aac", rate=RATE, layout="mono")
        track.bit_rate = 64_000
        for index, frame in enumerate(frames):
            frame = frame.reformat(width=size[0], height=size[1], format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        write_sound(out, track, sound)


def write_sound(out: av.container.OutputContainer, track: av.AudioStream, sound: np.ndarray) -> None:
    """Encodes mono float32 [T] at 48 kHz into `track` to its end."""
    step = RATE // 50  # 20 ms: PyAV regroups samples as each encoder needs them
    for start in range(0, len(sound), step):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + step], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def frames_from(file: Path, start: float) -> Iterator[av.VideoFrame]:
    """Exactly 3 s of frames from `start` at the clip's rate: each shown where its time has come, the last held."""
    wanted = [start + i / FPS for i in range(round(WINDOW_SECONDS * FPS))]
    with av.open(str(file)) as container:
        container.seek(int(start * av.time_base))
        shown = None
        for frame in container.decode(video=0):
            while wanted and shown is not None and frame.time is not None and frame.time > wanted[0]:
                yield av.VideoFrame.from_ndarray(shown, format="rgb24")
                wanted.pop(0)
            if not wanted:
                return
            shown = frame.to_ndarray(format="rgb24")
        for _ in wanted if shown is not None else ():
            yield av.VideoFrame.from_ndarray(shown, format="rgb24")
