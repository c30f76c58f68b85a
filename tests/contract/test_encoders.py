"""What every encoder promises to the rest of the demo, checked on each alike."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import toy
from transformers import WhisperFeatureExtractor

from soundclip_demo import encoders, weights
from soundclip_demo.config import WINDOW_SECONDS, Config
from soundclip_demo.encoders import ENCODERS, whisperclip
from soundclip_demo.encoders.base import Encoder
from soundclip_demo.encoders.whisper import PEAK, load_trunk
from soundclip_demo.engine import Engine
from soundclip_demo.suites import SUITES

SAME = {"rtol": 1e-4, "atol": 1e-5}  # sums in another order
WHISPER_FAMILY = ("whisper", "whisperclip")
TITLES = {
    "clap": "CLAP (compact retrain)",
    "whisper": "Whisper",
    "imagebind": "ImageBind (compact retrain)",
    "wav2clip": "Wav2CLIP (compact retrain)",
    "audioclip": "AudioCLIP (compact retrain)",
    "whisperclip": "WhisperCLIP",
}


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest, engine: Engine) -> Encoder:
    return engine.parts.encoder(request.param)


def heard(encoder: Encoder) -> torch.Tensor:
    """Four different windows [4, T] at the encoder's rate."""
    made = toy.windows(4, encoder.sample_rate)
    assert made.shape[1] == round(WINDOW_SECONDS * encoder.sample_rate)
    return made


def test_shape_and_kind(encoder: Encoder) -> None:
    embedding = encoder.encode(heard(encoder))
    assert embedding.shape == (4, encoder.dim)
    assert embedding.dtype == torch.float32
    assert embedding.isfinite().all()
    assert not embedding.requires_grad


def test_different_sounds_differ(encoder: Encoder) -> None:
    embedding = encoder.encode(heard(encoder))
    assert torch.cdist(embedding, embedding).add(torch.eye(4)).min() > 1e-2


def test_alone_or_in_a_batch(encoder: Encoder) -> None:
    windows = heard(encoder)
    together = encoder.encode(windows)
    for i in range(len(windows)):
        alone = encoder.encode(windows[i : i + 1])[0]
        assert (alone - together[i]).abs().max() <= 3e-5 * together[i].abs().max()


def test_two_runs_are_bit_equal(encoder: Encoder) -> None:
    assert torch.equal(encoder.encode(heard(encoder)), encoder.encode(heard(encoder)))


def test_the_windows_are_left_as_they_were(encoder: Encoder) -> None:
    windows = heard(encoder)
    before = windows.clone()
    encoder.encode(windows)
    assert torch.equal(windows, before)


@pytest.mark.parametrize("name", WHISPER_FAMILY)
def test_loudness_does_not_matter(name: str, engine: Engine) -> None:
    encoder = engine.parts.encoder(name)
    windows = heard(encoder)
    torch.testing.assert_close(encoder.encode(windows), encoder.encode(windows / 64), atol=1e-4, rtol=1e-4)


def test_name_and_hash(encoder: Encoder) -> None:
    assert encoder.spec.name in list(ENCODERS)
    assert encoder.spec.context == WINDOW_SECONDS
    same = replace(encoder.spec)
    assert same.hash == encoder.spec.hash
    assert len(same.hash) == 12
    for field in fields(encoder.spec):  # whatever an embedding depends on changes the hash
        value = 1.0 if field.name == "context" else "other"
        assert replace(encoder.spec, **{field.name: value}).hash != encoder.spec.hash, field.name


def test_hashes_are_distinct(engine: Engine) -> None:
    assert len({engine.parts.encoder(name).spec.hash for name in list(ENCODERS)}) == len(list(ENCODERS))


def test_an_encoder_is_called_by_its_name(engine: Engine) -> None:
    assert [engine.parts.encoder(name).spec.name for name in list(ENCODERS)] == list(ENCODERS)


def test_the_checkpoint_is_named_by_its_hash(encoder: Encoder, workspace: toy.Workspace) -> None:
    if encoder.spec.name in WHISPER_FAMILY:
        digest = weights.SOURCES["whisper"].member_sha256
    else:
        digest = weights.sha256(workspace.checkpoints / f"{encoder.spec.name}.safetensors")
    assert digest in encoder.spec.checkpoint


# Whisper


def features(windows: torch.Tensor) -> torch.Tensor:
    """transformers' own log-mel of windows scaled to one peak."""
    scaled = [window * (np.float32(PEAK) / np.abs(window).max()) for window in windows.numpy()]
    extract = WhisperFeatureExtractor(feature_size=80, chunk_length=3)
    return extract(scaled, sampling_rate=16_000, return_tensors="pt").input_features


def reference(windows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """transformers' hidden states of a trunk built without the product's loader."""
    trunk = toy.trunk(positions=150)
    state = toy.trunk().half().float().state_dict()
    trunk.load_state_dict(state | {"embed_positions.weight": state["embed_positions.weight"][:150]})
    with torch.inference_mode():
        return trunk(features(windows), output_hidden_states=True).hidden_states


def test_whisper_is_transformers_own(engine: Engine) -> None:
    windows = toy.windows(4)
    torch.testing.assert_close(engine.parts.encoder("whisper").encode(windows), reference(windows)[-1].mean(1), **SAME)


def test_whisperclip_is_the_fusion_of_all_layers(engine: Engine) -> None:
    """Computed once more in numpy, with weights and scales that differ between layers and statistics."""
    trunk = engine.parts.encoder("whisper").trunk
    random = np.random.default_rng(0)
    shape = (toy.LAYERS, 2, toy.WIDTH)
    weight, mean, std = random.normal(size=shape[:2]), random.normal(size=shape), random.uniform(0.5, 2, shape)
    fusion = whisperclip.Fusion(*shape[::2])
    fusion.load_state_dict({n: torch.tensor(a).float() for n, a in (("weight", weight), ("mean", mean), ("std", std))})

    windows = toy.windows(4)
    layers = [layer.numpy().astype(np.float64) for layer in reference(windows)[1:]]
    statistics = np.stack([np.stack([x.mean(1), x.std(1, ddof=1)], 1) for x in layers], 1)
    share = np.exp(weight) / np.exp(weight).sum(0)
    wanted = np.einsum("ls,nlsw->nsw", share, (statistics - mean) / std).reshape(4, -1)

    np.testing.assert_allclose(
        whisperclip.WhisperClip(trunk, fusion, whisperclip.SPEC).encode(windows).numpy(), wanted, atol=1e-4, rtol=1e-4
    )


def test_the_plain_encoder_is_one_of_whisperclips_statistics(engine: Engine) -> None:
    encoder = engine.parts.encoder("whisper")
    with torch.inference_mode():
        summary = encoder.trunk.statistics(toy.windows())
    assert torch.equal(summary[:, -1, 0], encoder.encode(toy.windows()))


def test_a_loaded_fusion_is_the_saved_one(workspace: toy.Workspace) -> None:
    fusion = whisperclip.load_fusion(workspace.checkpoints / "whisperclip-fusion.safetensors")
    trunk = load_trunk(weights.folder("whisper", workspace.cache))
    with torch.inference_mode():
        summary = trunk.statistics(toy.windows(4))
    torch.testing.assert_close(fusion.mean, summary.mean(0), atol=1e-4, rtol=1e-4)
    assert not fusion.training


# The registry


def test_six_encoders_in_two_suites(workspace: toy.Workspace) -> None:
    statuses = encoders.statuses(workspace.config())
    assert len(statuses) == 12
    assert {status.name: status.title for status in statuses if status.suite == "compact"} == TITLES
    published = {status.name: status.title for status in statuses if status.suite == "paper"}
    assert published == {name: title.removesuffix(" (compact retrain)") for name, title in TITLES.items()} | {
        "imagebind": "ImageBind (not for commercial use)"  # said wherever it can be chosen
    }
    assert {(s.suite, s.name) for s in statuses if s.ready} == {("compact", name) for name in TITLES}
    assert all("fetch --suite paper" in status.reason for status in statuses if status.suite == "paper")


def test_encoders_that_share_a_network_differ_in_what_they_make_of_it_only(workspace: toy.Workspace) -> None:
    sharing = {name: entry.shares for name, entry in ENCODERS.items() if entry.shares}
    assert sharing == {"whisperclip": "whisper"}
    for suite in SUITES:
        config = replace(workspace.config(), suite=suite)
        of, other = (encoders.spec(name, config) for name in ("whisperclip", "whisper"))
        assert replace(of, name=other.name, pooling=other.pooling) == other


def test_what_is_missing_is_said(workspace: toy.Workspace, tmp_path) -> None:
    def of(name: str, config: Config) -> tuple[bool, str]:
        status = next(s for s in encoders.statuses(config) if (s.suite, s.name) == ("compact", name))
        return status.ready, status.reason

    assert of("whisper", workspace.config()) == (True, "ready")
    ready, reason = of("whisper", replace(workspace.config(), cache=tmp_path))
    assert ready
    assert "fetched (71 MB)" in reason
    ready, reason = of("whisper", replace(workspace.config(), checkpoints=tmp_path))
    assert ready
    assert "raw mode only" in reason
    for name, file in (("whisperclip", "whisperclip-fusion"), ("clap", "clap")):
        ready, reason = of(name, replace(workspace.config(), checkpoints=tmp_path))
        assert not ready
        assert f"{file} is not trained yet" in reason
