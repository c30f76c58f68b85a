"""The paper suite's encoders: published settings, opened from checkpoints of their own form with made-up weights."""

from copy import deepcopy
from pathlib import Path

import made_up
import pytest
import torch
import toy
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    ClapAudioConfig,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from soundclip_demo import convert, encoders, weights
from soundclip_demo.config import Config
from soundclip_demo.encoders import checkpoint, whisper, whisperclip
from soundclip_demo.encoders.clap import ClapConfig as Sizes
from soundclip_demo.encoders.clap import ClapTower
from soundclip_demo.encoders.wav2clip import COMPACT, Wav2ClipTower
from soundclip_demo.packed import pack
from soundclip_demo.weights import CheckpointError

pytestmark = pytest.mark.usefixtures("one_thread")
SAME = {"rtol": 1e-4, "atol": 1e-5}  # sums in another order
TINY = Sizes(width=16, depths=(1, 1, 1, 1), heads=(1, 2, 4, 8), dim=24)
CONVERTED = {
    "clap": convert.clap,
    "imagebind": convert.imagebind,
    "wav2clip": convert.wav2clip,
    "audioclip": convert.audioclip,
}


# CLAP


@pytest.fixture(scope="module")
def clap() -> ClapModel:
    """transformers' whole CLAP, tiny, with the published checkpoint's settings for sounds."""
    torch.manual_seed(0)
    sound = ClapAudioConfig(
        patch_embeds_hidden_size=TINY.width,
        hidden_size=8 * TINY.width,
        depths=list(TINY.depths),
        num_attention_heads=list(TINY.heads),
        projection_dim=TINY.dim,
    )
    text = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "projection_dim": TINY.dim}
    config = ClapConfig(text_config=text, audio_config=sound.to_dict(), projection_dim=TINY.dim)
    return ClapModel(config).eval()


@torch.inference_mode()
def test_clap_is_transformers_own(clap: ClapModel) -> None:
    state = clap.state_dict()
    mine = {name: state[name] for name in state if name.startswith(("audio_model.", "audio_projection."))}
    tower = checkpoint.load_strict(ClapTower(TINY), mine, "tiny")
    windows = toy.windows(3, tower.sample_rate)
    extract = ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, truncation="rand_trunc")
    features = extract(list(windows.numpy()), sampling_rate=48_000, return_tensors="pt").input_features
    assert features.shape == (3, 1, 1001, 64)
    assert torch.equal(tower.features(windows), features)
    assert torch.equal(tower.embed(features), clap.get_audio_features(input_features=features).pooler_output)


def test_clap_refuses_what_would_be_cut_at_random() -> None:
    tower = ClapTower(TINY)
    tower.features(torch.zeros(1, 480_000))
    with pytest.raises(ValueError, match="at most 480000 samples"):
        tower.features(torch.zeros(1, 480_001))


# Whisper


@pytest.fixture(scope="module")
def stock() -> WhisperModel:
    """transformers' whole Whisper, tiny, with a context of 30 s."""
    torch.manual_seed(0)
    config = WhisperConfig(d_model=64, encoder_layers=3, encoder_attention_heads=1, encoder_ffn_dim=96,
                           decoder_layers=1, decoder_attention_heads=1, decoder_ffn_dim=32, vocab_size=60,
                           pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
    return WhisperModel(config).eval()


@pytest.fixture(scope="module")
def converted(stock: WhisperModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the hub has it, then as the cache has it."""
    folder = tmp_path_factory.mktemp("whisper")
    hub = {f"model.{name}": tensor.half().contiguous() for name, tensor in stock.state_dict().items()}
    save_file(hub, folder / "hub.safetensors")
    convert.whisper_encoder(folder / "hub.safetensors", folder)
    assert not any("decoder" in name for name in load_file(folder / "model.safetensors"))
    return folder


def padded(stock: WhisperModel, windows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """transformers' hidden states of windows padded to 30 s, with weights rounded as in the checkpoint."""
    features = WhisperFeatureExtractor()(list(windows.numpy()), sampling_rate=16_000, return_tensors="pt")
    rounded = WhisperModel(stock.config).eval()
    rounded.load_state_dict({name: tensor.half().float() for name, tensor in stock.state_dict().items()})
    return rounded.encoder(features.input_features, output_hidden_states=True).hidden_states


@torch.inference_mode()
def test_whisper_is_transformers_own_over_the_valid_positions(stock: WhisperModel, converted: Path) -> None:
    windows = toy.windows(3)
    encoder = whisper.Whisper(whisper.load_trunk(converted, padded=True), whisper.PAPER_SPEC)
    states = padded(stock, windows)
    assert states[-1].shape == (3, 1500, 64)
    torch.testing.assert_close(encoder.encode(windows), states[-1][:, :150].mean(1), **SAME)
    assert encoder.dim == 64


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 3])
def test_whisper_is_the_same_when_it_is_packed(converted: Path, count: int) -> None:
    usual = whisper.load_trunk(converted, padded=True)
    quick, windows = pack(deepcopy(usual), whisper.POSITIONS), toy.windows(count)
    assert not isinstance(quick.layers[0].fc1, nn.Linear)
    torch.testing.assert_close(quick.statistics(windows), usual.statistics(windows), **SAME)


@torch.inference_mode()
def test_whisperclip_takes_all_blocks_over_the_valid_positions(stock: WhisperModel, converted: Path) -> None:
    windows = toy.windows(2)
    trunk = whisper.load_trunk(converted, padded=True)
    states = torch.stack(padded(stock, windows)[1:], 1)[:, :, :150]
    wanted = torch.stack([states.mean(2), states.std(2)], 2)
    torch.testing.assert_close(trunk.statistics(windows), wanted, **SAME)
    both = {
        concatenate: whisperclip.WhisperClip(trunk, whisperclip.Fusion(3, 64, concatenate), whisperclip.PAPER_SPEC)
        for concatenate in (False, True)
    }
    torch.testing.assert_close(both[False].encode(windows), wanted.mean(1).flatten(1))  # equal shares, unscaled
    torch.testing.assert_close(both[True].encode(windows), wanted.flatten(1), **SAME)
    assert [both[c].dim for c in (False, True)] == [128, 384]


def test_a_saved_concatenation_is_opened_as_one(tmp_path: Path) -> None:
    save_file(whisperclip.Fusion(3, 8, concatenate=True).state_dict(), tmp_path / "fusion.safetensors")
    assert whisperclip.load_fusion(tmp_path / "fusion.safetensors").dim == 3 * 2 * 8


@torch.inference_mode()
def test_the_short_context_is_another_encoder(converted: Path) -> None:
    short = whisper.load_trunk(converted)
    long = whisper.load_trunk(converted, padded=True)
    assert short is not long
    assert whisper.SPEC.hash != whisper.PAPER_SPEC.hash
    windows = 0.9 * toy.windows(1) / toy.windows(1).abs().max()
    given = [whisper.Whisper(trunk, whisper.SPEC).encode(windows) for trunk in (short, long)]
    assert not torch.allclose(*given, atol=1e-3)


# Opened through the registry


@pytest.fixture(scope="module", params=CONVERTED)
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Config, dict]:
    """A checkpoint in its authors' form (pickled, with parts nobody here needs), converted into a cache."""
    name, cache = request.param, tmp_path_factory.mktemp("cache")
    kind = encoders.kind(name)
    with torch.device("meta"):
        shapes = {key: tuple(tensor.shape) for key, tensor in kind.tower(kind.config()).state_dict().items()}
    state = made_up.weights(shapes)
    if name == "clap":  # counts and tables of positions are no weights to make up
        state = kind.tower(kind.config()).state_dict()
    pickled = cache / "authors.pt"
    torch.save(state | {"visual.proj": torch.zeros(2), "text_model.embeddings.position_ids": torch.arange(3)}, pickled)
    toy.install(f"{name}-paper", cache, lambda folder: _converted(name, pickled, folder))
    return name, Config(suite="paper", cache=cache, checkpoints=cache), state


def _converted(name: str, pickled: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    CONVERTED[name](pickled, folder)
    return folder


def test_a_published_checkpoint_is_opened(published: tuple[str, Config, dict]) -> None:
    name, config, state = published
    status = next(s for s in encoders.statuses(config) if (s.suite, s.name) == ("paper", name))
    assert status.ready
    assert "raw mode only" in status.reason
    encoder = encoders.load(name, config)
    assert encoder.dim == {"clap": 512, "imagebind": 1024, "wav2clip": 512, "audioclip": 1024}[name]
    embedding = encoder.encode(toy.windows(2, encoder.sample_rate))
    assert embedding.shape == (2, encoder.dim)
    assert embedding.isfinite().all()
    assert weights.SOURCES[f"{name}-paper"].key in encoder.spec.checkpoint


def test_a_key_too_few_too_many_or_of_another_shape_is_named(published: tuple[str, Config, dict]) -> None:
    name, _, state = published
    kind = encoders.kind(name)
    with torch.device("meta"):
        tower = kind.tower(kind.config())
    key = next(key for key, tensor in state.items() if tensor.dim() > 1)
    without = {k: v for k, v in state.items() if k != key}
    for wrong, said in (
        (without, f"missing: {key}"),
        (state | {"extra.weight": torch.zeros(1)}, "not known: extra.weight"),
        (state | {key: torch.zeros(3, 5, 7)}, f"of another shape: {key}"),
    ):
        with pytest.raises(CheckpointError, match="does not fit") as refused:
            checkpoint.load_strict(tower, wrong, "made up")
        assert said in str(refused.value)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (tmp_path.joinpath("hacked").touch, ())

    torch.save({"audio.fc.weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(Exception, match="[Ww]eights"):
        convert.audioclip(tmp_path / "evil.pt", tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_a_retrained_tower_keeps_its_front_end_whole(tmp_path: Path) -> None:
    """Windows rounded to float16 would be heard as noise."""
    name = "audio_encoder.spectrogram.window"
    opened, fresh = toy.retrained(tmp_path, "wav2clip").tower, Wav2ClipTower(COMPACT)
    assert torch.equal(opened.state_dict()[name], fresh.state_dict()[name])
