"""Whisper's audio encoder on a 3-second context: last layer, mean over its 150 positions.

Whisper pads every sound to 30 s and has no mask; 3 s would be 150 of 1500 positions that attend to silence. The
encoder runs on a 3-second context instead (its first 150 position embeddings), which is ten times less work.
The packaged checkpoint is tiny.en: 4 blocks of width 384, float16, encoder only.
"""


from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..config import WINDOW_SECONDS
from ..weights import SOURCES
from .base import EncoderSpec

SAMPLE_RATE = 16_000
POSITIONS = 150  # 3 s at 50 positions a second
PEAK = 0.9  # windows are scaled to this peak: Whisper's log-mel is not indifferent to gain

CHECKPOINT = "{0.package}=={0.version} sha256:{0.member_sha256}".format(SOURCES["whisper"])
PREPROCESSING = f"16 kHz, peak {PEAK}, 80 log-mel bands, {WINDOW_SECONDS:g} s without padding"
SPEC = EncoderSpec("whisper", CHECKPOINT, PREPROCESSING, "last layer, mean over time", WINDOW_SECONDS)


def load_trunk(weights: Path) -> WhisperEncoder:
    """The encoder with the sizes its state dict has, cut to a context of `POSITIONS`."""
    state = {name: tensor.float() for name, tensor in load_file(weights / "model.safetensors").items()}
    width, bands, _ = state["conv1.weight"].shape
    config = WhisperConfig(
        d_model=width,
        num_mel_bins=bands,
        encoder_layers=1 + max(int(name.split(".")[1]) for name in state if name.startswith("layers.")),
        encoder_attention_heads=width // 64,  # every Whisper size has heads of width 64
        encoder_ffn_dim=state["layers.0.fc1.weight"].shape[0],
        max_source_positions=POSITIONS,
    )
    state["embed_positions.weight"] = state["embed_positions.weight"][:POSITIONS]
    trunk = WhisperEncoder(config)
    trunk.load_state_dict(state)
    return trunk.eval()


def log_mel(windows: Tensor, bands: int) -> Tensor:
    """Windows [N, 48000] -> Whisper's log-mel features [N, bands, 300]."""
    windows = windows * (PEAK / windows.abs().amax(1, keepdim=True).clamp(min=1e-6))
    extract = WhisperFeatureExtractor(feature_size=bands, chunk_length=int(WINDOW_SECONDS))
    return extract(list(windows.numpy()), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features


class Whisper:
    """The last layer, after Whisper's final norm, averaged over time."""

    spec = SPEC
    sample_rate = SAMPLE_RATE

    def __init__(self, trunk: WhisperEncoder) -> None:
        self.trunk = trunk
        self.dim = trunk.config.d_model

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> [N, 384]."""
        return self.trunk(log_mel(windows, self.trunk.config.num_mel_bins)).last_hidden_state.mean(1)
