"""A visitor's file becomes a `Sound`, and a sound becomes 3-second windows.

soundfile reads first (wav, flac, ogg, opus, mp3), PyAV second (m4a, webm and the sound track of videos): half as
quick for Opus, soundfile decodes it as its authors' library does, from which FFmpeg strays. Files are told apart by
what decodes them, never by their name. Every limit holds inside the decode loop: a header may lie.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .config import WINDOW_SECONDS, SoundLimits
from .errors import UserError
from .events import Heard

if TYPE_CHECKING:
    from av.container import InputContainer

REPEAT_GAP = 0.25  # seconds of silence between repetitions of a sound shorter than the window
HOP = 0.01  # seconds; how finely the loudest window is searched
LIMITS = SoundLimits()
_BLOCK = 1 << 16  # frames read at a time
# What PyAV may open. FFmpeg also knows playlists and scripts, and those name other files of this machine.
_CONTAINERS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mp3,mpeg,mpegts,ogg,w64,wav"
)
_HEAD = 64  # bytes
# How files begin that are no sound for certain: archives, documents, programs, scripts, pages, playlists.
_NO_MEDIA = (b"pk\x03\x04", b"%pdf", b"\x7felf", b"mz", b"#!", b"<!doctype", b"<html", b"<?xml", b"<svg", b"<?php",
             b"#extm3u", b"ffconcat", b"\x1f\x8b", b"7z\xbc\xaf", b"rar!", b"\x80\x04\x95")
_FORMATS = "Try a wav, flac, ogg, mp3, m4a or webm file, or a video with sound."
TOO_SLOW = ("This file takes too long to read.", "Please cut it shorter, or save it as wav or mp3.")


@dataclass(frozen=True, eq=False)
class Sound:
    """A mono waveform.

    Attributes:
        samples: float32 [T], about [-1, 1], finite.
        rate: samples per second.
        truncated: True when the file went on beyond the limit and only its beginning was read.
    """

    samples: np.ndarray
    rate: int
    truncated: bool = False

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    @cached_property
    def digest(self) -> str:
        """Names the content, so that embeddings can be cached by it."""
        return hashlib.sha256(self.samples.tobytes() + str(self.rate).encode()).hexdigest()

    def overview(self, bins: int = 240) -> list[float]:
        """Peaks in [0, 1] of `bins` equal parts, for drawing; the loudest part is 1."""
        edges = np.linspace(0, len(self.samples), bins + 1).astype(int)[:-1]
        peaks = np.maximum.reduceat(np.abs(self.samples), np.minimum(edges, len(self.samples) - 1))
        return (peaks / max(float(peaks.max()), 1e-9)).round(3).tolist()

    def loudest(self) -> float:
        """Start in seconds of the window with the most energy (the first of equals)."""
        return self._loudest

    @cached_property
    def _loudest(self) -> float:
        hop, width = round(HOP * self.rate), round(WINDOW_SECONDS * self.rate)
        if len(self.samples) <= width:
            return 0.0
        energy = np.zeros(len(self.samples) + 1)
        np.cumsum(np.square(self.samples, dtype=np.float64), out=energy[1:])
        starts = np.arange(0, len(self.samples) - width + 1, hop)
        return float(starts[np.argmax(energy[starts + width] - energy[starts])] / self.rate)

    def window(self, start: float, silence_rms: float = SoundLimits.silence_rms) -> np.ndarray:
        """The 3 s from `start` as float32 [3 * rate]; a shorter sound is repeated with a short gap.

        Raises:
            UserError: there is nothing but silence in it.
        """
        part = self.cut(start)
        if float(np.sqrt(np.mean(np.square(part, dtype=np.float64)))) < silence_rms:
            raise UserError("This part of the sound is silent.", "Choose another part, or another sound.")
        return repeat_to(part, round(WINDOW_SECONDS * self.rate), round(REPEAT_GAP * self.rate))

    def cut(self, start: float) -> np.ndarray:
        """At most 3 s from `start` as they are; a start too late is moved back so that 3 s are left."""
        width = round(WINDOW_SECONDS * self.rate)
        first = min(max(0, round(start * self.rate)), max(0, len(self.samples) - width))
        return self.samples[first : first + width]

    def begin(self, start: float | None) -> float:
        """Where the window begins, in seconds within the sound; None takes the loudest.

        Raises:
            UserError: not a number.
        """
        if start is None:
            return self.loudest()
        if not np.isfinite(start):
            raise UserError("The window must start at a number of seconds.")
        return float(np.clip(start, 0.0, max(0.0, self.seconds - WINDOW_SECONDS)))

    def part(self, start: float | None = None) -> "Sound":
        """The window that begins there, see `begin`, as a sound of its own; one that is no longer is that already."""
        start = self.begin(start)
        return self if self.seconds <= WINDOW_SECONDS else Sound(self.cut(start), self.rate)

    def heard(self, start: float | None) -> Heard:
        """What is told of the window that begins there, see `begin`."""
        start = self.begin(start)
        if self.seconds <= WINDOW_SECONDS:
            return Heard(self.seconds, (0.0, self.seconds), "whole", self.truncated)
        chosen = "loudest" if abs(start - self.loudest()) < 0.02 else "visitor"
        return Heard(self.seconds, (start, start + WINDOW_SECONDS), chosen, self.truncated)


def repeat_to(part: np.ndarray, width: int, gap: int) -> np.ndarray:
    """`part [T]` -> [width]: repeated whole, `gap` zeros in between, then cut."""
    if len(part) >= width:
        return part[:width]
    unit = np.concatenate([part, np.zeros(gap, part.dtype)])
    return np.tile(unit, -(-width // len(unit)))[:width]


def resample(waveform: np.ndarray, rate: int, target: int) -> np.ndarray:
    """float32 [T] at `rate` -> [T'] at `target`, with torchaudio's default windowed-sinc kernel.

    The choice is fixed: another resampler differs near the band edge and would move embeddings.
    """

    import torch
    from torchaudio.functional import resample as sinc

    return waveform if rate == target else sinc(torch.from_numpy(waveform), rate, target).numpy()


def glance(path: Path, limits: SoundLimits = LIMITS) -> None:
    """What can be said of a file before anything decodes it, from its size and its first bytes.

    Raises:
        UserError: empty, too big, or plainly another kind of file.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise UserError("This file is empty.", _FORMATS)
    if path.stat().st_size > limits.file_bytes:
        raise UserError(f"This file is larger than {limits.file_bytes >> 20} MB.", "Please cut it shorter.")
    with path.open("rb") as file:
        begins = file.read(_HEAD)
    if begins.lstrip().lower().startswith(_NO_MEDIA):
        raise UserError("This file could not be read as sound.", _FORMATS)


def container(path: Path) -> "InputContainer":
    """Opens a file with PyAV, by its content; only what holds sound or video by itself."""
    import av

    return av.open(str(path), mode="r", metadata_errors="ignore", options={"format_whitelist": _CONTAINERS})


def decode(path: str | Path, limits: SoundLimits = LIMITS) -> Sound:
    """Reads a sound file or the sound track of a video. A visitor's file goes through `sandbox.decode` instead.

    Raises:
        UserError: too big, unreadable, without sound, too slow, or with an unusable rate or channel count.
    """
    path = Path(path)
    glance(path, limits)
    for blocks in (_soundfile_blocks, _av_blocks):
        try:
            sound = _gather(blocks(path, limits), limits)
        except UserError:
            raise
        except Exception:  # whatever a decoder raises on hostile bytes, no memory among it: the next one may read them
            continue
        if sound is not None:
            return sound
    raise UserError("This file could not be read as sound.", _FORMATS)


def _gather(blocks: Iterator[tuple[int, np.ndarray]], limits: SoundLimits) -> Sound | None:
    """Mixes blocks `(rate, [T, channels])` down and joins them until a limit is reached; None if there is none."""
    parts, rate, frames, decoded, truncated = [], 0, 0, 0, False
    ends = time.monotonic() + limits.wall_seconds
    for rate, block in blocks:
        _check(rate, block.shape[1], limits)  # of every block: it may differ from what the header said
        if time.monotonic() > ends:
            raise UserError(*TOO_SLOW)
        parts.append(np.nan_to_num(block.mean(axis=1, dtype=np.float32), posinf=0.0, neginf=0.0))
        frames += len(block)
        decoded += block.nbytes
        if frames > limits.seconds * rate or decoded > limits.decoded_bytes:
            truncated = True
            break
    if frames == 0:
        return None
    samples = np.concatenate(parts)[: int(limits.seconds * rate)]
    return Sound(np.clip(samples, -8.0, 8.0, out=samples), rate, truncated)


def _check(rate: int, channels: int, limits: SoundLimits) -> None:
    if not limits.min_rate <= rate <= limits.max_rate:
        raise UserError(f"A sample rate of {rate} Hz is not supported.", "Please convert it to 44100 Hz.")
    if channels > limits.channels:
        raise UserError(f"This file has {channels} channels.", "Please mix it down to stereo or mono.")


def _soundfile_blocks(path: Path, limits: SoundLimits) -> Iterator[tuple[int, np.ndarray]]:
    import soundfile

    # Not by its path: libsndfile takes whatever is called .au, .snd, .vox or .gsm for samples without a header.
    with path.open("rb") as raw, soundfile.SoundFile(raw) as file:
        _check(file.samplerate, file.channels, limits)
        while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
            yield file.samplerate, block


def _av_blocks(path: Path, limits: SoundLimits) -> Iterator[tuple[int, np.ndarray]]:
    import av

    with container(path) as media:
        if not media.streams.audio:
            raise UserError("This file has no sound track.", "Choose a file with sound.")
        stream = media.streams.audio[0]
        rate, channels = stream.rate, stream.channels
        _check(rate, channels, limits)
        kind = to_float = None
        for packet in media.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # one broken packet does not spoil the rest
            for frame in frames:
                _check(frame.sample_rate, frame.layout.nb_channels, limits)
                now = frame.format.name, frame.layout.name, frame.sample_rate
                if now != kind:  # channels, too, may change on the way, and a resampler takes one kind only
                    kind, to_float = now, av.AudioResampler(format="flt", rate=rate)
                # Interleaved: of 8 channels or more, each in a plane, PyAV reads memory that is not the frame's.
                for mixed in to_float.resample(frame):
                    yield rate, mixed.to_ndarray().reshape(-1, mixed.layout.nb_channels)
