"""Any file becomes a `Sound` or one sentence; a sound becomes 3-second windows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
from hostile import encoded

from soundclip_demo import audio
from soundclip_demo.audio import Sound, decode, repeat_to, resample
from soundclip_demo.config import SoundLimits
from soundclip_demo.errors import UserError

SOUNDFILE = [
    ("a.wav", {"subtype": "PCM_U8"}, 0.02),
    ("a.wav", {"subtype": "PCM_16"}, 1e-4),
    ("a.wav", {"subtype": "PCM_24"}, 1e-4),
    ("a.wav", {"subtype": "FLOAT"}, 1e-6),
    ("a.flac", {"subtype": "PCM_16"}, 1e-4),
    ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}, 0.1),
    ("a.opus", {"format": "OGG", "subtype": "OPUS"}, 0.1),
    ("a.mp3", {"format": "MP3"}, 0.1),
]
CONTAINERS = [
    ("a.m4a", "ipod", "aac"),
    ("a.aac", "adts", "aac"),
    ("a.webm", "webm", "libopus"),
    ("a.mkv", "matroska", "flac"),
]


def loudness(sound: Sound) -> float:
    return float(np.sqrt(np.mean(sound.samples[len(sound.samples) // 4 : len(sound.samples) // 2] ** 2)))


def pitch(sound: Sound) -> float:
    """Hz of the strongest part of the spectrum."""
    return float(np.abs(np.fft.rfft(sound.samples)).argmax() / sound.seconds)


def assert_is_tone(sound: Sound, tolerance: float) -> None:
    """The 1-second 440 Hz tone of level 0.5 that every format test writes."""
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert not sound.truncated
    assert sound.seconds == pytest.approx(1.0, abs=0.15)  # codecs pad
    assert pitch(sound) == pytest.approx(440, abs=2)
    assert loudness(sound) == pytest.approx(0.5 / 2**0.5, abs=tolerance)


@pytest.mark.parametrize(("name", "options", "tolerance"), SOUNDFILE)
def test_formats_that_soundfile_reads(tmp_path: Path, name: str, options: dict[str, str], tolerance: float) -> None:
    path = toy.write_sound(tmp_path / name, toy.tone(440, 1.0, 48_000), 48_000, **options)
    sound = decode(path)
    assert sound.rate == 48_000
    assert_is_tone(sound, tolerance)


@pytest.mark.parametrize(("name", "form", "codec"), CONTAINERS)
def test_formats_that_pyav_reads(tmp_path: Path, name: str, form: str, codec: str) -> None:
    sound = decode(encoded(tmp_path / name, toy.tone(440, 1.0, 48_000), "mono", form, codec))
    assert sound.rate == 48_000
    assert_is_tone(sound, 0.1)


def test_the_sound_track_of_a_video(tmp_path: Path) -> None:
    assert_is_tone(decode(toy.write_video(tmp_path / "a.mp4", 1.0, toy.tone(440, 1.0, 48_000))), 0.1)


def test_a_video_without_sound_is_told_apart_from_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sound track"):
        decode(toy.write_video(tmp_path / "a.mp4", 0.4))


@pytest.mark.parametrize("name", ["a.mp3", "a.mp4", "a.txt", "a", "a.wav.exe"])
def test_the_suffix_says_nothing(tmp_path: Path, name: str) -> None:
    original = toy.write_sound(tmp_path / "right.wav", toy.tone(440, 1.0))
    assert_is_tone(decode(original.rename(tmp_path / name)), 1e-4)


def test_a_video_with_a_wrong_suffix(tmp_path: Path) -> None:
    assert_is_tone(
        decode(toy.write_video(tmp_path / "a.mp4", 1.0, toy.tone(440, 1.0, 48_000)).rename(tmp_path / "b.wav")), 0.1
    )


def test_channels_are_averaged(tmp_path: Path) -> None:
    left = toy.tone(440, 0.5)
    path = toy.write_sound(tmp_path / "a.wav", np.stack([left, 0.5 * left], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(decode(path).samples, 0.75 * left, atol=1e-6)


@pytest.mark.parametrize("name", ["a.wav", "a.ogg", "a.mp3", "a.flac"])
def test_a_truncated_file_gives_its_beginning(tmp_path: Path, name: str) -> None:
    samples = toy.tone(440, 4.0) + toy.noise(4.0, level=0.05)  # a pure tone would fit into one page of Ogg
    path = toy.write_sound(tmp_path / name, samples)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = decode(path)
    assert 0.5 < sound.seconds < 3.0  # Ogg is cut by pages
    assert pitch(sound) == pytest.approx(440, abs=3)


def test_a_header_without_sound_is_refused(tmp_path: Path) -> None:
    path = toy.write_sound(tmp_path / "a.wav", toy.tone(440, 1.0))
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UserError, match="could not be read as sound"):
        decode(path)


@pytest.mark.parametrize(
    "content", [b"just words, no sound\n" * 50, bytes(5000), b"RIFF\xff\xff\xff\xffWAVE", b"OggS" * 100]
)
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(UserError, match=r"could not be read as sound|no sound track") as caught:
        decode(tmp_path / "a.wav")
    assert caught.value.hint


def test_a_picture_is_refused(tmp_path: Path) -> None:
    toy.picture().save(tmp_path / "a.png")
    with pytest.raises(UserError):
        decode(tmp_path / "a.png")


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    for path in (tmp_path / "a.wav", tmp_path / "missing.wav", tmp_path):
        with pytest.raises(UserError, match="empty"):
            decode(path)


def test_a_sound_file_with_no_samples(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        decode(toy.write_sound(tmp_path / "a.wav", np.zeros(0, np.float32)))


def test_values_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    samples = toy.tone(440, 1.0)
    samples[[10, 20, 30]] = np.nan, np.inf, -np.inf
    samples[40] = 1e30
    heard = decode(toy.write_sound(tmp_path / "a.wav", samples, subtype="FLOAT")).samples
    assert np.isfinite(heard).all()
    assert heard[[10, 20, 30]].tolist() == [0, 0, 0]
    assert np.abs(heard).max() <= 8
    np.testing.assert_array_equal(heard[100:], samples[100:])


def test_one_sample_is_a_sound(tmp_path: Path) -> None:
    sound = decode(toy.write_sound(tmp_path / "a.wav", np.array([0.5], np.float32), subtype="FLOAT"))
    assert sound.samples.tolist() == [0.5]
    assert sound.loudest() == 0
    window = sound.window(0.0)
    assert len(window) == 3 * toy.RATE
    assert np.flatnonzero(window).tolist() == list(range(0, 3 * toy.RATE, 4001))
    assert sound.overview(4) == [1.0] * 4


def test_too_many_channels(tmp_path: Path) -> None:
    write = lambda count: toy.write_sound(tmp_path / f"{count}.wav", np.full((800, count), 0.1, np.float32))  # noqa: E731
    assert decode(write(8)).seconds == pytest.approx(0.05)
    with pytest.raises(UserError, match="9 channels"):
        decode(write(9))


@pytest.mark.parametrize("rate", [3_999, 192_001, 2_000_000])
def test_rate_out_of_range(tmp_path: Path, rate: int) -> None:
    with pytest.raises(UserError, match=f"{rate} Hz"):
        decode(toy.write_sound(tmp_path / "a.wav", toy.noise(0.01, 100_000), rate))


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_rates_at_the_edge(tmp_path: Path, rate: int) -> None:
    assert decode(toy.write_sound(tmp_path / "a.wav", toy.noise(0.1, rate), rate)).rate == rate


def test_a_long_sound_is_cut_to_its_beginning(tmp_path: Path) -> None:
    samples = toy.noise(10.0)
    path = toy.write_sound(tmp_path / "a.wav", samples, subtype="FLOAT")
    sound = decode(path, SoundLimits(seconds=4.0))
    assert sound.truncated
    assert sound.seconds == 4.0
    np.testing.assert_array_equal(sound.samples, samples[: 4 * toy.RATE])


def test_a_long_sound_track_is_cut_too(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.webm", toy.tone(440, 6.0, 48_000), "mono", "webm", "libopus")
    sound = decode(path, SoundLimits(seconds=2.0))
    assert sound.truncated
    assert sound.seconds == 2.0


def test_a_sound_of_just_the_limit_is_whole(tmp_path: Path) -> None:
    path = toy.write_sound(tmp_path / "a.wav", toy.noise(2.0))
    assert not decode(path, SoundLimits(seconds=2.0)).truncated


@pytest.mark.parametrize("blocks", [audio._soundfile_blocks, audio._av_blocks])
def test_decoding_stops_at_the_limit(tmp_path: Path, blocks) -> None:
    """What a file decodes to is bounded while it is read, however small it is on disk (flac of silence)."""
    path = toy.write_sound(tmp_path / "a.flac", np.zeros((60 * 48_000, 2), np.float32), 48_000)
    limits, decoded = SoundLimits(decoded_bytes=2**20), 0

    def counted():
        nonlocal decoded
        for rate, block in blocks(path, limits):
            decoded += block.nbytes
            yield rate, block

    assert path.stat().st_size < 2**20
    sound = audio._gather(counted(), limits)
    assert sound.truncated
    assert decoded <= 2**20 + 2 * 4 * audio._BLOCK
    assert sound.samples.nbytes <= decoded


def test_every_block_is_checked_not_only_the_header() -> None:
    blocks = [(toy.RATE, np.ones((100, 2), np.float32)), (toy.RATE, np.ones((100, 9), np.float32))]
    with pytest.raises(UserError, match="9 channels"):
        audio._gather(iter(blocks), SoundLimits())
    with pytest.raises(UserError, match="1 Hz"):
        audio._gather(iter([(1, np.ones((100, 2), np.float32))]), SoundLimits())


def test_channels_that_come_on_the_way_are_counted_before_they_are_read(tmp_path: Path) -> None:
    """A fuzzer found a stream of AAC that goes from 1 channel to 57, whose 9th and later PyAV cannot read."""
    mono = encoded(tmp_path / "mono.aac", toy.tone(440, 0.5, 48_000), "mono", "adts", "aac")
    many = encoded(tmp_path / "many.aac", np.full((24_000, 6), 0.1, np.float32), "5.1", "adts", "aac")
    (tmp_path / "a.aac").write_bytes(mono.read_bytes() + many.read_bytes())
    with pytest.raises(UserError, match="6 channels"):
        list(audio._av_blocks(tmp_path / "a.aac", SoundLimits(channels=2)))
    assert {block.shape[1] for _, block in audio._av_blocks(tmp_path / "a.aac", SoundLimits())} == {1, 6}


def test_eight_channels_in_planes_are_read_one_by_one(tmp_path: Path) -> None:
    """A fuzzer found that PyAV takes what follows the eighth plane for the address of a ninth."""
    levels = np.linspace(0.1, 0.4, 8, dtype=np.float32)
    waves = toy.tone(440, 1.0, 48_000, level=1.0)[:, None] * levels  # [48000, 8]
    encoded(tmp_path / "a.mkv", waves, "7.1", "matroska", "wavpack")  # which takes them in 8 bits
    read = np.concatenate([block for _, block in audio._av_blocks(tmp_path / "a.mkv", SoundLimits())])
    np.testing.assert_allclose(read[: len(waves)], waves, atol=0.004)
    np.testing.assert_allclose(decode(tmp_path / "a.mkv").samples[: len(waves)], waves.mean(1), atol=0.004)


def test_decoding_stops_when_its_time_is_up() -> None:
    endless = ((toy.RATE, np.zeros((1, 1), np.float32)) for _ in iter(int, 1))
    with pytest.raises(UserError, match="takes too long"):
        audio._gather(endless, SoundLimits(wall_seconds=0.2))


@pytest.mark.parametrize("suffix", ["au", "snd", "vox", "gsm", "sph"])
def test_no_suffix_makes_words_a_sound(tmp_path: Path, suffix: str) -> None:
    """libsndfile takes some of them for samples without a header."""
    (tmp_path / f"a.{suffix}").write_bytes(b"just words, no sound\n" * 500)
    with pytest.raises(UserError, match="could not be read as sound"):
        decode(tmp_path / f"a.{suffix}")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = toy.write_sound(tmp_path / "a.wav", toy.noise(80.0))
    with pytest.raises(UserError, match="larger than 2 MB"):
        decode(path, SoundLimits(file_bytes=2 * 2**20))


# Windows


def test_the_loudest_window_is_found(clip_sound: Path) -> None:
    assert decode(clip_sound).loudest() == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize("at", [0.0, 2.37, 7.0])
def test_the_loudest_window_holds_the_loud_part(at: float) -> None:
    rate = 44_100
    samples = np.full(10 * rate, 0.01, np.float32)
    samples[round(at * rate) : round((at + 3) * rate)] = 0.5
    assert Sound(samples, rate).loudest() == pytest.approx(at, abs=0.011)


def test_the_first_of_equally_loud_windows_is_taken() -> None:
    samples = np.zeros(10 * toy.RATE, np.float32)
    samples[[4 * toy.RATE, 9 * toy.RATE]] = 0.5
    assert Sound(samples, toy.RATE).loudest() == pytest.approx(1.0, abs=0.02)


def test_a_window_is_what_was_asked_for() -> None:
    sound = Sound(toy.noise(8.0), toy.RATE)
    np.testing.assert_array_equal(sound.window(2.0), sound.samples[32_000:80_000])
    np.testing.assert_array_equal(sound.window(-1.0), sound.samples[:48_000])
    np.testing.assert_array_equal(sound.window(7.5), sound.samples[-48_000:])
    np.testing.assert_array_equal(sound.window(1e9), sound.samples[-48_000:])


def test_a_short_sound_is_repeated_with_a_gap() -> None:
    samples = np.full(toy.RATE, 0.5, np.float32)
    window = Sound(samples, toy.RATE).window(0.0)
    assert window.dtype == np.float32
    pattern = [0.5] * toy.RATE + [0.0] * 4000
    np.testing.assert_array_equal(window, (pattern * 3)[:48_000])


@pytest.mark.parametrize("length", [1, 47_999, 48_000, 48_001])
def test_windows_always_have_three_seconds(length: int) -> None:
    assert len(Sound(np.full(length, 0.5, np.float32), toy.RATE).window(0.0)) == 48_000


def test_repeat_to_cuts_what_is_long_enough() -> None:
    assert repeat_to(np.arange(5), 3, 2).tolist() == [0, 1, 2]
    assert repeat_to(np.arange(1, 3), 7, 1).tolist() == [1, 2, 0, 1, 2, 0, 1]


def test_silence_is_refused_only_where_it_is_chosen() -> None:
    samples = np.zeros(10 * toy.RATE, np.float32)
    samples[: 3 * toy.RATE] = toy.tone(440, 3.0)
    sound = Sound(samples, toy.RATE)
    assert len(sound.window(0.0)) == 48_000
    with pytest.raises(UserError, match="silent"):
        sound.window(6.0)
    with pytest.raises(UserError, match="silent"):
        Sound(toy.tone(440, 3.0, level=1e-3), toy.RATE).window(0.0)
    assert Sound(toy.tone(440, 3.0, level=2e-3), toy.RATE).window(0.0).any()


def test_overview_draws_peaks() -> None:
    samples = np.zeros(1000, np.float32)
    samples[[5, 505]] = 0.1, -0.4
    assert Sound(samples, toy.RATE).overview(4) == [0.25, 0, 1, 0]
    assert Sound(np.zeros(1000, np.float32), toy.RATE).overview(3) == [0, 0, 0]
    assert len(Sound(samples[:7], toy.RATE).overview(240)) == 240


def test_the_digest_names_content_and_rate() -> None:
    sound = Sound(toy.noise(1.0), toy.RATE)
    assert sound.digest == Sound(toy.noise(1.0), toy.RATE, truncated=True).digest
    assert sound.digest != Sound(toy.noise(1.0, seed=1), toy.RATE).digest
    assert sound.digest != replace(sound, rate=8_000).digest


def test_resample_keeps_pitch_and_removes_what_would_alias() -> None:
    mixed = toy.tone(440, 1.0, 44_100) + toy.tone(10_000, 1.0, 44_100)
    heard = resample(mixed, 44_100, toy.RATE)
    assert heard.dtype == np.float32
    assert len(heard) == toy.RATE
    np.testing.assert_allclose(heard[200:-200], toy.tone(440, 1.0)[200:-200], atol=0.01)
    assert resample(mixed, 44_100, 44_100) is mixed
