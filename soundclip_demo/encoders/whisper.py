"""Whisper's audio encoder: last layer, mean over the positions that hold the window.

Whisper pads every sound to 30 s and has no mask; 3 s are 150 of 1500 positions that attend to silence. The paper
suite does as published and takes the mean over those 150. The compact suite runs the encoder on a 3-second context
(its first 150 position embeddings), which is ten times less work; its checkpoint is tiny.en: 4 blocks of width 384.
"""

from pathlib import Path
from weakref import WeakValueDictionary

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ..config import WINDOW_SECONDS
from ..weights import SOURCES
from .base import EncoderSpec

SAMPLE_RATE = 16_000
A_SECOND = 50  # positions
POSITIONS = round(WINDOW_SECONDS * A_SECOND)
PADDED_SECONDS = 30
PEAK = 0.9  # on the short context windows are scaled to this peak: there is no silence to compare them with

CHECKPOINT = "{0.package}=={0.version} sha256:{0.member_sha256}".format(SOURCES["whisper"])
PREPROCESSING = f"16 kHz, peak {PEAK}, 80 log-mel bands, {WINDOW_SECONDS:g} s without padding"
PAPER_CHECKPOINT = f"{SOURCES['whisper-paper'].title} {SOURCES['whisper-paper'].key}"
PAPER_PREPROCESSING = f"16 kHz, 80 log-mel bands, padded to {PADDED_SECONDS} s"
POOLING = f"last layer, mean over {POSITIONS} positions"
SPEC = EncoderSpec("whisper", CHECKPOINT, PREPROCESSING, "last layer, mean over time", WINDOW_SECONDS)
PAPER_SPEC = EncoderSpec("whisper", PAPER_CHECKPOINT, PAPER_PREPROCESSING, POOLING, PADDED_SECONDS)

_trunks: WeakValueDictionary[tuple[Path, bool], WhisperEncoder] = WeakValueDictionary()


def load_trunk(weights: Path, padded: bool = False) -> WhisperEncoder:
    """The encoder with the sizes its state dict has; Whisper and WhisperCLIP share it while either is in use.

    Args:
        padded: keeps the whole 30-second context; else it is cut to `POSITIONS`.
    """
    if (trunk := _trunks.get((weights, padded))) is not None:
        return trunk
    state = {name: tensor.float() for name, tensor in load_file(weights / "model.safetensors").items()}
    width, bands, _ = state["conv1.weight"].shape
    positions = len(state["embed_positions.weight"]) if padded else POSITIONS
    config = WhisperConfig(
        d_model=width,
        num_mel_bins=bands,
        encoder_layers=1 + max(int(name.split(".")[1]) for name in state if name.startswith("layers.")),
        encoder_attention_heads=width // 64,  # every Whisper size has heads of width 64
        encoder_ffn_dim=state["layers.0.fc1.weight"].shape[0],
        max_source_positions=positions,
    )
    state["embed_positions.weight"] = state["embed_positions.weight"][:positions]
    trunk = WhisperEncoder(config)
    trunk.load_state_dict(state)
    _trunks[weights, padded] = trunk.eval()
    return trunk


def log_mel(windows: Tensor, trunk: WhisperEncoder) -> Tensor:
    """Windows [N, 48000] -> Whisper's log-mel features [N, bands, 2 * positions] of the trunk's context."""
    bands, positions = trunk.config.num_mel_bins, trunk.config.max_source_positions
    if positions == POSITIONS:
        windows = windows * (PEAK / windows.abs().amax(1, keepdim=True).clamp(min=1e-6))
    extract = WhisperFeatureExtractor(feature_size=bands, chunk_length=positions // A_SECOND)
    features = extract(list(windows.cpu().numpy()), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
    return features.to(trunk.device)


class Whisper:
    """The last layer, after Whisper's final norm, averaged over time."""

    sample_rate = SAMPLE_RATE
    joint = None

    def __init__(self, trunk: WhisperEncoder, spec: EncoderSpec) -> None:
        self.trunk, self.spec = trunk, spec
        self.dim = trunk.config.d_model

    @torch.inference_mode()
    def encode(self, windows: Tensor) -> Tensor:
        """[N, 48000] -> [N, width]."""
        return self.trunk(log_mel(windows, self.trunk)).last_hidden_state[:, :POSITIONS].mean(1).cpu()
