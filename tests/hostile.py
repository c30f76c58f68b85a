"""More than a hundred files that a hostile or unlucky visitor may give, made on the spot.

Each row of `files` says whether the file must give a sound (True), must be refused (False), or may do either (None):
what a decoder makes of a damaged file is its own choice, as long as it is a sound or one sentence.
"""

import gzip
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

from soundclip_demo import clips

RATE = 16_000
HTML = "<img src=x onerror=alert(1)>"
Row = tuple[str, bytes | Path, bool | None]

# Formats of one second of noise that is written whole, then cut, bent and renamed.
SOUNDFILE = {
    "wav": {"format": "WAV"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3"},
    "aiff": {"format": "AIFF"},
    "au": {"format": "AU"},
    "caf": {"format": "CAF"},
    "w64": {"format": "W64"},
}
PYAV = {"m4a": ("ipod", "aac"), "webm": ("webm", "libopus"), "mkv": ("matroska", "flac"), "aac": ("adts", "aac")}

NAMES = [
    f"{HTML}.wav",
    "'\"><script>alert(1)</script>.wav".replace("/", "\N{FRACTION SLASH}"),
    "javascript:alert(1).wav",
    "..%2f..%2f..%2fetc%2fpasswd.wav",
    "..\\..\\windows\\win.ini.wav",
    "file:etc:passwd.wav",
    "http:localhost.wav",
    "concat:a|b.wav",
    "pipe:0",
    "-i.wav",
    "$(touch owned).wav",
    "`id`;'--.wav",
    "%s%n%x.wav",
    "line\nbreak\ttab\r.wav",
    "\x1b[31mred\x07.wav",
    "\u202egnp.wav",
    "dog \N{DOG FACE}\N{SPEAKER WITH THREE SOUND WAVES}.wav",
    "n" * 250 + ".wav",
    " . .wav",
    "CON.wav",
]


def files(folder: Path) -> Iterator[Row]:
    """(name, content or a large file already there, whether it is a sound)."""
    whole = good(folder)
    wav = whole["wav"]
    yield from (("good." + kind, content, True) for kind, content in whole.items())
    yield from _damaged(whole)
    yield from _forged(whole)
    yield from _strange_samples(folder)
    yield from _no_sound(folder)
    yield from _polyglots(wav, whole["mp3"])
    yield from _tags(whole)
    yield from _bombs(folder)
    yield from ((name, wav, True) for name in NAMES)


def good(folder: Path) -> dict[str, bytes]:
    """One second of noise in every format."""
    samples, whole = noise(1.0, 48_000), {}
    for kind, options in SOUNDFILE.items():
        whole[kind] = _written(samples, 48_000, **options)
    for kind, (form, codec) in PYAV.items():
        whole[kind] = encoded(folder / f"good.{kind}", samples, "mono", form, codec).read_bytes()
    clips.write(folder / "good.mp4", _frames(), samples, (64, 48), 30)
    return whole | {"mp4": (folder / "good.mp4").read_bytes()}


def encoded(path: Path, waves: np.ndarray, layout: str, form: str, codec: str) -> Path:
    """A file of waves [T, channels], or [T] of one, at 48 kHz."""
    with av.open(str(path), "w", format=form) as out:
        track = out.add_stream(codec, rate=48_000, layout=layout)
        to_codec = av.AudioResampler(format=track.codec_context.format, layout=layout, rate=48_000)
        frame = av.AudioFrame.from_ndarray(waves.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = 48_000, 0
        for ready in to_codec.resample(frame):
            out.mux(track.encode(ready))
        out.mux(track.encode(None))
    return path


def noise(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.2, round(seconds * rate)).clip(-1, 1).astype(np.float32)


def _damaged(whole: dict[str, bytes]) -> Iterator[Row]:
    luck = np.random.default_rng(0)
    for kind, content in whole.items():
        yield f"half.{kind}", content[: len(content) // 2], None
        yield f"head.{kind}", content[:40], None
        yield f"tail.{kind}", content[len(content) // 2 :], None
        bent = np.frombuffer(content, np.uint8).copy()
        where = luck.integers(12, len(bent), 60)
        bent[where] = luck.integers(0, 256, 60)
        yield f"bent.{kind}", bent.tobytes(), None


def _forged(whole: dict[str, bytes]) -> Iterator[Row]:
    """Headers that lie about what follows."""
    most, data = 0xFFFFFFFF, b"\x01\x20" * 8000
    yield "frames-without-end.wav", header(data=data, data_size=most), None
    yield "two-gigabytes-in-44-bytes.wav", header(data=b"", data_size=0x7FFFFFFF), False
    yield "rate-0.wav", header(rate=0, data=data), False
    yield "rate-1.wav", header(rate=1, data=data), False
    yield "rate-655350-and-8-channels.wav", header(channels=8, rate=655_350, data=data), False
    yield "rate-4294967295.wav", header(rate=most, data=data), False
    yield "channels-0.wav", header(channels=0, data=data), None
    yield "channels-65535.wav", header(channels=65_535, data=data), False
    yield "bits-0.wav", header(bits=0, data=data), None
    yield "bits-255.wav", header(bits=255, data=data), None
    yield "format-unknown.wav", header(form=0x1234, data=data), None
    yield "chunk-too-long.wav", header(data=data).replace(b"fmt \x10\0\0\0", b"fmt " + struct.pack("<I", most)), None
    yield "chunk-of-nothing.wav", b"RIFF" + struct.pack("<I", most) + b"WAVE" + b"junk\0\0\0\0" * 2000, False
    flac = bytearray(whole["flac"])
    flac[18:22] = b"\xff\xff\xf0\x00"  # 1 MHz in STREAMINFO
    yield "rate-forged.flac", bytes(flac), None
    flac = bytearray(whole["flac"])
    flac[21:26] = b"\xff\xff\xff\xff\xff"  # as many frames as can be said
    yield "frames-forged.flac", bytes(flac), None
    yield "offset-forged.au", b".snd" + struct.pack(">IIIII", most, most, 3, RATE, 1) + data, None
    caf = whole["caf"]
    yield "rate-nan.caf", caf[:20] + struct.pack(">d", float("nan")) + caf[28:], None
    yield "frames-forged.aiff", whole["aiff"].replace(b"COMM", b"COMM", 1)[:22] + b"\xff" * 4 + whole["aiff"][26:], None
    yield "pages.ogg", b"OggS" * 3000, False
    yield "checksum.ogg", whole["ogg"].replace(b"vorbis", b"v0rbis"), None
    yield "atoms-nested.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + b"\0\0\0\x08moov" * 5000, False


def header(
    channels: int = 1, rate: int = RATE, bits: int = 16, form: int = 1, data: bytes = b"", data_size: int | None = None
) -> bytes:
    """A WAV file that says what it is told to."""
    size = len(data) if data_size is None else data_size
    align = channels * bits // 8
    about = struct.pack("<HHIIHH", form, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(about)) + about + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(0xFFFFFFFF, len(body) + size - len(data))) + body


def _strange_samples(folder: Path) -> Iterator[Row]:
    samples = noise(1.0)
    for name, value in (("nan", np.nan), ("infinity", np.inf), ("1e38", 1e38), ("denormal", 1e-42), ("dc", 1.0)):
        yield f"{name}.wav", _written(np.full(RATE, value, np.float32), RATE, subtype="FLOAT"), True
    yield "nan-between.wav", _written(np.where(np.arange(RATE) % 7, samples, np.nan), RATE, subtype="FLOAT"), True
    yield "one-sample.wav", _written(np.ones(1), RATE, subtype="FLOAT"), True
    yield "no-sample.wav", _written(np.zeros(0), RATE), False
    yield "silence.wav", _written(np.zeros(RATE), RATE), True
    yield "clipped.wav", _written(np.sign(samples), RATE), True
    for subtype in ("PCM_U8", "PCM_24", "PCM_32", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"):
        yield f"{subtype.lower()}.wav", _written(samples, RATE, subtype=subtype), True
    for channels in (6, 8, 9, 64):
        yield f"{channels}-channels.wav", _written(np.tile(samples[:, None], channels), RATE), channels <= 8
    eight = np.tile(noise(1.0, 48_000)[:, None], 8)
    yield "8-channels.aac", encoded(folder / "8-channels.aac", eight, "7.1", "adts", "aac").read_bytes(), True
    yield "64-channels-of-zeros.wav", header(channels=64, data=bytes(2 * 64 * 100)), False


def _no_sound(folder: Path) -> Iterator[Row]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../owned.wav", bytes(10_000_000))
    image = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(image, "PNG")
    tensor = io.BytesIO()
    np.save(tensor, np.zeros(100))
    other = folder / "another-visitor.wav"  # which scripts and playlists try to reach
    soundfile.write(other, noise(1.0), RATE)
    yield "empty.wav", b"", False
    yield "byte.wav", b"R", False
    yield "zeros.wav", bytes(5000), False
    yield "luck.wav", np.random.default_rng(1).bytes(50_000), None
    yield "words.wav", b"just words, no sound\n" * 500, False
    yield "bomb.zip.wav", packed.getvalue(), False
    yield "bomb.gz.wav", gzip.compress(bytes(5_000_000)), False
    yield "page.html.wav", f"<!doctype html><script>alert(1)</script>{HTML}".encode(), False
    for kind in ("au", "vox", "gsm", "aac", "mpg"):
        yield f"words.{kind}", b"just words, no sound\n" * 500, False
    yield "script.sh.wav", b"#!/bin/sh\ntouch owned\n", False
    yield "script.js.wav", b"alert(document.cookie);\n" * 100, False
    yield "page.php.wav", b"<?php system($_GET['c']); ?>", False
    yield "program.exe.wav", b"MZ\x90\0" + bytes(3000), False
    yield "program.elf.wav", b"\x7fELF\2\1\1" + bytes(3000), False
    yield "drawing.svg.wav", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", False
    yield "laughs.xml.wav", b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>', False
    yield "data.json.wav", json.dumps({"path": "http://127.0.0.1/"}).encode(), False
    yield "data.pickle.wav", pickle.dumps({"loud": print}), False
    yield "data.npy.wav", tensor.getvalue(), False
    yield "paper.pdf.wav", b"%PDF-1.7\n" + bytes(2000), False
    yield "picture.png.wav", image.getvalue(), False
    yield "silent-video.mp4", _silent(folder / "made.mp4").read_bytes(), False
    yield "playlist.m3u8", f"#EXTM3U\n#EXTINF:3,\n{other}\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n".encode(), False
    yield "playlist.wav", f"\n#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{other}\n#EXT-X-ENDLIST\n".encode(), False
    yield "script.ffconcat", f"ffconcat version 1.0\nfile {other.name}\n".encode(), False
    yield "script.wav", f"\n ffconcat version 1.0\nfile {other.name}\n".encode(), False
    yield "session.sdp", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n", False
    yield "dash.mpd.wav", b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>', False
    yield "image2.wav", b"P6\n64 48\n255\n" + bytes(64 * 48 * 3), False


def _polyglots(wav: bytes, mp3: bytes) -> Iterator[Row]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("owned.html", HTML)
    page = f"<html>{HTML}</html>".encode()
    yield "wav-and-zip.wav", wav + packed.getvalue(), True
    yield "wav-and-html.html", wav + page, True
    yield "mp3-and-script.js", mp3 + b";alert(1)//", True
    yield "zip-and-wav.wav", packed.getvalue() + wav, False
    yield "html-and-mp3.mp3", page + mp3, False
    yield "pdf-and-mp3.mp3", b"%PDF-1.7\n" + mp3, False
    yield "gif-and-mp3.gif", b"GIF89a/*" + mp3, None
    yield "wav-as.mp3", wav, True
    yield "wav-as.exe", wav, True
    yield "mp3-as.wav", mp3, True
    yield "mp3-as.jpg", mp3, True


def _tags(whole: dict[str, bytes]) -> Iterator[Row]:
    title = b"TIT2" + struct.pack(">I", 3_000_001) + b"\0\0\0" + b"A" * 3_000_000
    size = len(title)
    id3 = b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + title
    yield "title-of-3-mb.mp3", id3 + whole["mp3"], True
    yield "title-without-end.mp3", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + title + whole["mp3"], None
    note = b"LIST" + struct.pack("<I", 4_000_000) + b"INFOINAM" + struct.pack("<I", 3_999_988) + b"B" * 3_999_988
    yield "note-of-4-mb.wav", whole["wav"] + note, True
    made = io.BytesIO()
    with soundfile.SoundFile(made, "w", RATE, 1, format="OGG", subtype="VORBIS") as file:
        file.title = file.artist = HTML
        file.write(noise(1.0))
    yield "html-title.ogg", made.getvalue(), True
    yield "comments-forged.opus", whole["opus"].replace(b"OpusTags", b"OpusTags\xff\xff\xff\x7f", 1), None


def _bombs(folder: Path) -> Iterator[Row]:
    """Hours in a few megabytes."""
    yield "hours.opus", _opus(folder / "made.opus", hours=6), True
    frame = b"\xff\xe3\x18\xc0" + bytes(68)  # 72 ms of silence at 8 kbit/s
    yield "hours.mp3", frame * 100_000, True
    path = folder / "made.flac"
    with soundfile.SoundFile(path, "w", 48_000, 1, format="FLAC") as file:
        for _ in range(30):
            file.write(np.zeros(60 * 48_000, np.int16))
    yield "half-an-hour.flac", path, True
    yield "nine-hours.wav", sparse(folder / "made-long.wav", header(rate=4000, bits=8), 49 * 2**20), True
    yield "wide.wav", sparse(folder / "made-wide.wav", header(channels=8, rate=192_000, bits=8), 49 * 2**20), True
    yield "too-large.wav", sparse(folder / "made-large.wav", header(rate=4000, bits=8), 51 * 2**20), False


def _opus(path: Path, hours: float) -> Path:
    """One packet of 120 ms, again and again."""
    with av.open(str(path), "w", format="ogg") as out:
        track = out.add_stream("libopus", rate=48_000, layout="mono", options={"frame_duration": "120"})
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 5760 * 2), np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        packet = [*track.encode(frame), *track.encode(None)][0]
        content, base = bytes(packet), packet.time_base
        for number in range(round(hours * 3600 / 0.12)):
            again = av.Packet(content)
            again.stream, again.time_base = track, base
            again.pts = again.dts = number * 5760
            again.duration = 5760
            out.mux_one(again)
    return path


def sparse(path: Path, begins: bytes, size: int) -> Path:
    """A file of zeros that takes no room on the disk, behind a header that counts them."""
    forged = begins[:4] + struct.pack("<I", size - 8) + begins[8:-4] + struct.pack("<I", size - len(begins))
    with path.open("wb") as file:
        file.write(forged)
        file.truncate(size)
    return path


def _silent(path: Path) -> Path:
    """A video without a sound track."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=clips.FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in _frames():
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _frames() -> Iterator[av.VideoFrame]:
    for level in range(10):
        yield av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * level, np.uint8), format="rgb24")


def _written(samples: np.ndarray, rate: int, **options: str) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, samples, rate, **({"format": "WAV"} | options))
    return made.getvalue()
