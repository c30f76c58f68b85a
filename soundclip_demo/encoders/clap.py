"""CLAP (Wu et al. 2023, "Large-scale contrastive language-audio pretraining"): a Swin transformer on log-mel.

transformers' own classes with the settings of `laion/clap-htsat-unfused`; those of the classes differ (encoders.md
section 3.2). Unfused and with windows of at most the network's own length nothing in it is random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    ClapAudioConfig,
    ClapAudioModelWithProjection,
    ClapFeatureExtractor,
    ClapTextConfig,
    ClapTextModelWithProjection,
    PreTrainedTokenizerFast,
)

from ..suites import Fetch
from .base import Kind
from .checkpoint import load_strict
from .joint import JointSpace


@dataclass(frozen=True)
class ClapConfig:
    """The defaults are the published network. `seconds` of sound are read, `hop` samples apart."""

    width: int = 96  # of the first of four stages; each doubles it
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    window: int = 8  # side of the squares within which attention looks, in patches
    picture: int = 256  # the log-mel is folded into a square of this side
    patch: int = 4
    dim: int = 512
    seconds: int = 10
    hop: int = 480


# Trained here from scratch, for 3 s: a small network whose log-mel has a frame each 12 ms.
COMPACT = ClapConfig(
    width=64, depths=(2, 2, 2), heads=(4, 8, 16), window=4, picture=128, patch=8, dim=256, seconds=3, hop=576
)


class ClapTower(nn.Module):
    """CLAP's sound side; the state dict has the names of transformers' `ClapModel`."""

    sample_rate = 48_000

    def __init__(self, config: ClapConfig) -> None:
        super().__init__()
        self.dim = config.dim
        self._extract = ClapFeatureExtractor(
            sampling_rate=self.sample_rate,
            max_length_s=config.seconds,
            hop_length=config.hop,
            frequency_min=50,  # the class's own default is 0
            frequency_max=14_000,
            truncation="rand_trunc",  # in effect: no fusion
            padding="repeatpad",
        )
        network = ClapAudioModelWithProjection(
            ClapAudioConfig(
                spec_size=config.picture,
                patch_size=config.patch,
                patch_stride=[config.patch, config.patch],
                patch_embeds_hidden_size=config.width,
                hidden_size=config.width * 2 ** (len(config.depths) - 1),
                depths=list(config.depths),
                num_attention_heads=list(config.heads),
                window_size=config.window,
                projection_dim=config.dim,
                enable_fusion=False,
            )
        )
        self.audio_model, self.audio_projection = network.audio_model, network.audio_projection

    def features(self, windows: Tensor) -> Tensor:
        """Windows [N, T] -> log-mel [N, 1, frames, 64]; a window shorter than the network's length is repeated.

        Raises:
            ValueError: a longer window, of which the feature extractor would take a random part.
        """
        longest = self._extract.nb_max_samples
        if windows.shape[1] > longest:
            raise ValueError(f"at most {longest} samples, not {windows.shape[1]}")
        heard = list(windows.cpu().numpy())
        return self._extract(heard, sampling_rate=self.sample_rate, return_tensors="pt").input_features

    def embed(self, features: Tensor) -> Tensor:
        """Log-mel -> unit vectors [N, dim] in the space of CLAP's text side."""
        pooled = self.audio_model(input_features=features).pooler_output
        return F.normalize(self.audio_projection(pooled), dim=-1)


def joint(fetch: Fetch, device: torch.device) -> JointSpace:
    """The space of the published sounds: descriptions, by CLAP's own text side."""
    return JointSpace(texts=load_texts(fetch("clap-paper"), device))


def load_texts(
    folder: Path, device: torch.device, config: ClapTextConfig | None = None
) -> Callable[[Sequence[str]], Tensor]:
    """CLAP's text side: N texts -> unit vectors [N, dim] in the space of its sounds.

    Args:
        folder: with `texts.safetensors` and `tokenizer.json`.
        config: the published one if None.

    Raises:
        CheckpointError: a key is missing, extra or of another shape.
    """
    config = config or ClapTextConfig()
    model = ClapTextModelWithProjection(config)
    tables = {name: tensor for name, tensor in model.state_dict().items() if tensor.dtype == torch.long}
    load_strict(model, tables | load_file(folder / "texts.safetensors"), "CLAP's text side").to(device)
    longest = config.max_position_embeddings - config.pad_token_id - 1  # positions begin after the padding's own
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>", model_max_length=longest
    )

    @torch.inference_mode()
    def texts(given: Sequence[str]) -> Tensor:
        ids = tokenizer(list(given), padding=True, truncation=True, return_tensors="pt").to(device)
        embeds = model(input_ids=ids.input_ids, attention_mask=ids.attention_mask).text_embeds
        return F.normalize(embeds, dim=-1).cpu()

    return texts


CLAP = Kind(
    "clap",
    ClapTower,
    ClapConfig,
    "48 kHz, 64 log-mel bands from 50 to 14000 Hz, repeated to the length of the network",
    "projected map, unit length",
)
