"""What holds of every sound and every setting, looked for by hypothesis."""

from dataclasses import asdict
from pathlib import Path

import hostile
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soundclip_demo import audio
from soundclip_demo.audio import Sound, repeat_to, resample
from soundclip_demo.checks import PROMPT_LENGTH, check
from soundclip_demo.config import MAX_NEW_TOKENS, WINDOW_SECONDS, SoundLimits
from soundclip_demo.errors import UserError
from soundclip_demo.events import MODES, PROTOCOLS, Setting
from soundclip_demo.suites import SUITES

# The same examples on every machine and in every run.
quick = settings(
    deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LIMITS = SoundLimits(seconds=2.0)
rates = st.integers(LIMITS.min_rate, LIMITS.max_rate)
low_rates = st.integers(LIMITS.min_rate, 16_000)


@st.composite
def sounds(draw: st.DrawFn) -> Sound:
    """Up to about five seconds at a low rate, in a few lengths of steady loudness."""
    rate = draw(low_rates)
    levels = draw(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=6))
    lengths = draw(st.lists(st.integers(1, rate), min_size=len(levels), max_size=len(levels)))
    return Sound(np.repeat(np.array(levels, np.float32), lengths), rate)


def assert_sound(sound: Sound) -> None:
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert 0 < len(sound.samples) <= LIMITS.seconds * sound.rate
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples).max() <= 8
    assert LIMITS.min_rate <= sound.rate <= LIMITS.max_rate


@quick
@given(
    samples=arrays(np.float32, st.tuples(st.integers(1, 300), st.integers(1, 8)), elements=st.floats(width=32)),
    rate=rates,
    form=st.sampled_from(["WAV", "W64", "AIFF", "AU", "CAF"]),
    subtype=st.sampled_from(["FLOAT", "DOUBLE"]),
)
def test_any_numbers_decode(tmp_path: Path, samples: np.ndarray, rate: int, form: str, subtype: str) -> None:
    soundfile.write(tmp_path / "a", samples, rate, format=form, subtype=subtype)
    sound = audio.decode(tmp_path / "a", LIMITS)
    assert_sound(sound)
    assert (len(sound.samples), sound.rate) == (len(samples), rate)
    good = np.isfinite(samples).all(axis=1) & (np.abs(samples).max(axis=1) < 8)
    np.testing.assert_allclose(sound.samples[good], samples[good].mean(axis=1), rtol=1e-4, atol=1e-6)


@quick
@given(content=st.binary(min_size=1, max_size=400), begin=st.sampled_from([b"", b"RIFF", b"OggS", b"fLaC", b"ID3"]))
def test_any_bytes_are_a_sound_or_a_sentence(tmp_path: Path, content: bytes, begin: bytes) -> None:
    (tmp_path / "a").write_bytes(begin + content)
    try:
        assert_sound(audio.decode(tmp_path / "a", LIMITS))
    except UserError as problem:
        assert problem.message.endswith(".")


@quick
@given(
    channels=st.integers(0, 65_535),
    rate=st.integers(0, 2**32 - 1),
    bits=st.integers(0, 65_535),
    form=st.integers(0, 65_535),
    size=st.integers(0, 2**32 - 1),
    data=st.binary(max_size=500),
)
def test_any_header_is_a_sound_or_a_sentence(
    tmp_path: Path, channels: int, rate: int, bits: int, form: int, size: int, data: bytes
) -> None:
    (tmp_path / "a").write_bytes(hostile.header(channels, rate, bits, form, data, size))
    try:
        assert_sound(audio.decode(tmp_path / "a", LIMITS))
    except UserError as problem:
        assert problem.message.endswith(".")


@quick
@given(seconds=st.floats(0.001, 10), limit=st.floats(0.001, 5), channels=st.integers(1, 8), rate=low_rates)
def test_nothing_beyond_the_limits(seconds: float, limit: float, channels: int, rate: int) -> None:
    limits = SoundLimits(seconds=limit)
    blocks = ((rate, np.ones((100, channels), np.float32)) for _ in range(round(seconds * rate / 100) + 1))
    sound = audio._gather(blocks, limits)
    assert len(sound.samples) <= limit * rate
    assert sound.truncated == ((round(seconds * rate / 100) + 1) * 100 > limit * rate)


@quick
@given(sound=sounds(), start=st.floats(-1e9, 1e9))
def test_a_window_has_three_seconds_of_the_sound(sound: Sound, start: float) -> None:
    width = round(WINDOW_SECONDS * sound.rate)
    try:
        window = sound.window(start)
    except UserError:
        assert np.sqrt(np.mean(sound.cut(start).astype(np.float64) ** 2)) < LIMITS.silence_rms
        return
    assert (window.dtype, window.shape) == (np.float32, (width,))
    assert np.isin(window, [*sound.samples, 0]).all()
    if len(sound.samples) >= width:
        first = round(np.clip(start, 0, sound.seconds) * sound.rate)
        first = min(first, len(sound.samples) - width)
        np.testing.assert_array_equal(window, sound.samples[first : first + width])


@quick
@given(sound=sounds())
def test_no_window_is_louder_than_the_loudest(sound: Sound) -> None:
    def energy(start: float) -> float:
        return float(np.sum(sound.cut(start).astype(np.float64) ** 2))

    start = sound.loudest()
    assert 0 <= start <= max(0.0, sound.seconds - WINDOW_SECONDS)
    others = np.arange(0, max(0.0, sound.seconds - WINDOW_SECONDS), audio.HOP)
    assert all(energy(other) <= energy(start) * (1 + 1e-6) + 200 for other in others)  # a hop is rounded to samples


@quick
@given(sound=sounds(), bins=st.integers(1, 400))
def test_an_overview_lies_between_0_and_1(sound: Sound, bins: int) -> None:
    peaks = sound.overview(bins)
    assert len(peaks) == bins
    assert all(0 <= peak <= 1 for peak in peaks)
    assert max(peaks) == 1 or np.abs(sound.samples).max() < 1e-6


@quick
@given(part=arrays(np.float32, st.integers(1, 50), elements=st.floats(-1, 1, width=32)), width=st.integers(1, 400),
       gap=st.integers(0, 50))  # fmt: skip
def test_repeating_keeps_the_order(part: np.ndarray, width: int, gap: int) -> None:
    repeated = repeat_to(part, width, gap)
    assert len(repeated) == width
    period = len(part) if len(part) >= width else len(part) + gap
    for place, value in enumerate(repeated):
        within = place % period
        assert value == (part[within] if within < len(part) else 0)


@settings(quick, max_examples=25)
@given(length=st.integers(1, 3000), rate=st.sampled_from([4_000, 11_025, 16_000, 44_100, 48_000, 192_000]),
       target=st.sampled_from([16_000, 44_100, 48_000]), seed=st.integers(0, 9))  # fmt: skip
def test_resampling_keeps_the_length_in_seconds(length: int, rate: int, target: int, seed: int) -> None:
    waveform = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    heard = resample(waveform, rate, target)
    assert heard.dtype == np.float32
    assert len(heard) == -(-length * target // rate)
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() < 4


anything = st.one_of(st.none(), st.text(max_size=5), st.floats(), st.integers(), st.lists(st.integers(), max_size=2))


@quick
@given(
    given_values=st.fixed_dictionaries(
        {},
        optional={
            "encoder": st.one_of(st.sampled_from(["whisper", "clap"]), anything),
            "mode": st.one_of(st.sampled_from(MODES), anything),
            "t": st.one_of(st.floats(0, 1), anything),
            "k": st.one_of(st.integers(-1, 60), anything),
            "protocol": st.one_of(st.sampled_from(PROTOCOLS), anything),
            "prompt": st.one_of(st.text(max_size=20), st.just("x" * (PROMPT_LENGTH + 1)), anything),
            "temperature": st.one_of(st.floats(0, 10), anything),
            "top": st.one_of(st.integers(0, 60), anything),
            "max_new_tokens": st.one_of(st.integers(0, MAX_NEW_TOKENS + 1), anything),
        },
    )
)
def test_a_setting_is_within_its_bounds_or_refused(given_values: dict) -> None:
    suite, setting = SUITES["compact"], Setting(**({"encoder": "whisper"} | given_values))
    try:
        check(setting, suite, ["whisper", "clap"], PROTOCOLS)
    except UserError as problem:
        assert problem.message.endswith(".")
        assert given_values
        return
    values = asdict(setting)
    assert all(type(values[name]) in (int, bool) for name in ("k", "top", "max_new_tokens"))
    assert values["encoder"] in ("whisper", "clap")
    assert values["mode"] in MODES
    assert values["protocol"] in (None, *PROTOCOLS)
    assert 0 <= values["t"] <= 1
    assert 0 <= values["k"] <= suite.patches
    assert 1 <= values["top"] <= 50
    assert 0 <= values["temperature"] <= 10
    assert 1 <= values["max_new_tokens"] <= MAX_NEW_TOKENS
    assert len(values["prompt"]) <= PROMPT_LENGTH


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_number_is_not_a_start(engine, value: float) -> None:
    sound = Sound(np.ones(16_000, np.float32), 16_000)
    with pytest.raises(UserError, match="number of seconds"):
        next(engine.run(sound, Setting("whisper", "raw", caption=False), value))
