"""ImageBind's audio tower: a vision transformer that reads Kaldi filter banks as pictures.

Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, arXiv:2305.05665. The authors' code and
weights are for non-commercial use; this file was written from a description of the network, not from their code. The
module names are the ones in their checkpoint, whose four audio prefixes `ImageBindTower` loads.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.compliance import kaldi

from ..suites import Fetch
from .base import Kind
from .joint import JointSpace

SAMPLE_RATE = 16_000
MEAN, DEVIATION = -4.268, 9.138  # of the log filter banks that the published network was trained on
BLOCK_EPS = 1e-6  # the norm after the patches keeps torch's 1e-5
MAX_SCALE = 100.0


@dataclass(frozen=True)
class ImageBindConfig:
    """Sizes of the tower; the defaults are the published network.

    Attributes:
        width, blocks, heads: of the transformer; its MLPs are four times as wide.
        dim: of the embedding.
        bands, frames: size of the picture of a clip; a frame is 10 ms.
        clips, clip_seconds: how many clips are spread over a window, and how long each is.
        kernel, stride: of the square patches; they overlap.
        scale: length of a clip's embedding before the mean over clips.
    """

    width: int = 768
    blocks: int = 12
    heads: int = 12
    dim: int = 1024
    bands: int = 128
    frames: int = 204
    clips: int = 3
    clip_seconds: float = 2.0
    kernel: int = 16
    stride: int = 10
    scale: float = 20.0


# Trained here from scratch: one clip is the whole window, and patches do not overlap.
COMPACT = ImageBindConfig(
    width=192, blocks=4, heads=4, dim=256, bands=64, frames=298, clips=1, clip_seconds=3.0, stride=16
)


class Tokens(nn.Module):
    """Pictures [B, 1, bands, frames] -> CLS and patches, low bands first, with positions: [B, 1 + patches, width]."""

    def __init__(self, config: ImageBindConfig) -> None:
        super().__init__()
        rows, columns = ((size - config.kernel) // config.stride + 1 for size in (config.bands, config.frames))
        patches = nn.Conv2d(1, config.width, config.kernel, config.stride, bias=False)
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.rgbt_stem = nn.ModuleDict({"proj": patches, "norm_layer": nn.LayerNorm(config.width)})
        self.pos_embedding_helper = nn.ParameterDict({"pos_embed": torch.empty(1, 1 + rows * columns, config.width)})
        for table in (self.cls_token, self.pos_embedding_helper["pos_embed"]):
            nn.init.trunc_normal_(table, std=0.02)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.rgbt_stem["proj"](pictures).flatten(2).transpose(1, 2)
        patches = self.rgbt_stem["norm_layer"](patches)
        tokens = torch.cat((self.cls_token.expand(len(patches), -1, -1), patches), 1)
        return tokens + self.pos_embedding_helper["pos_embed"]


class Block(nn.Module):
    """A pre-norm transformer block whose attention has one learned key and value besides those of the tokens."""

    def __init__(self, config: ImageBindConfig) -> None:
        super().__init__()
        width = config.width
        self.norm_1 = nn.LayerNorm(width, BLOCK_EPS)
        self.attn = nn.MultiheadAttention(width, config.heads, add_bias_kv=True, batch_first=True)
        self.norm_2 = nn.LayerNorm(width, BLOCK_EPS)
        self.mlp = nn.Sequential(
            OrderedDict(fc1=nn.Linear(width, 4 * width), gelu=nn.GELU(), fc2=nn.Linear(4 * width, width))
        )

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm_1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.norm_2(tokens))


class First(nn.Module):
    """Tokens [B, P, width] -> CLS [B, width]."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


class Normalize(nn.Module):
    """[B, dim] -> the same at unit length."""

    def forward(self, embeddings: Tensor) -> Tensor:
        return F.normalize(embeddings, dim=-1)


class Scale(nn.Module):
    """Times a fixed number, which the checkpoint keeps as its logarithm."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.register_buffer("log_logit_scale", torch.tensor(math.log(scale)))

    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings * self.log_logit_scale.exp().clamp(max=MAX_SCALE)


class ImageBindTower(nn.Module):
    """Filter banks of a few clips, a transformer on each, and the mean of the clips' embeddings."""

    sample_rate = SAMPLE_RATE

    def __init__(self, config: ImageBindConfig) -> None:
        super().__init__()
        self.config, self.dim = config, config.dim
        blocks = nn.Sequential(*(Block(config) for _ in range(config.blocks)))
        head = nn.Sequential(
            nn.LayerNorm(config.width, BLOCK_EPS), First(), nn.Linear(config.width, config.dim, bias=False)
        )
        self.modality_preprocessors = nn.ModuleDict({"audio": Tokens(config)})
        self.modality_trunks = nn.ModuleDict({"audio": nn.Sequential(OrderedDict(blocks=blocks))})
        self.modality_heads = nn.ModuleDict({"audio": head})
        self.modality_postprocessors = nn.ModuleDict({"audio": nn.Sequential(Normalize(), Scale(config.scale))})

    def features(self, windows: Tensor) -> Tensor:
        """Windows [N, T], at least 25 ms in [-1, 1] -> normalised filter banks [N, clips, 1, bands, frames].

        The clips begin at even distances, the first at the window's start and the last so that it ends with the
        window; a window shorter than a clip is every clip.
        """
        config, samples = self.config, windows.clone()
        spare = max(windows.shape[1] / SAMPLE_RATE - config.clip_seconds, 0.0)
        clips = []
        for index in range(config.clips):
            start = int(spare * index / max(config.clips - 1, 1) * SAMPLE_RATE)
            clip = samples[:, start : start + int(config.clip_seconds * SAMPLE_RATE)]
            clip -= clip.mean(1, keepdim=True)  # in place, as published: a later clip sees what it shares shifted
            clips.append(torch.stack([self._bank(one) for one in clip]))
        return torch.stack(clips, 1).unsqueeze(2)

    def embed(self, features: Tensor) -> Tensor:
        """[N, clips, 1, bands, frames] -> [N, dim], shorter than `scale`: the mean comes after the normalising."""
        flat = features.flatten(0, 1)
        for part in (
            self.modality_preprocessors,
            self.modality_trunks,
            self.modality_heads,
            self.modality_postprocessors,
        ):
            flat = part["audio"](flat)
        return flat.unflatten(0, features.shape[:2]).mean(1)

    def _bank(self, clip: Tensor) -> Tensor:
        """A clip [T] -> its picture [bands, frames], low bands first."""
        bank = kaldi.fbank(
            clip[None],
            sample_frequency=SAMPLE_RATE,
            num_mel_bins=self.config.bands,
            window_type="hanning",  # Kaldi's is symmetric
            htk_compat=True,
        )[: self.config.frames]
        # The padding is 0 in log units, which is loud, and it is padded before the normalising: both as published.
        bank = F.pad(bank, (0, 0, 0, self.config.frames - len(bank)))
        return (bank.T - MEAN) / DEVIATION


def joint(fetch: Fetch, device: torch.device) -> JointSpace:
    """The space of the published sounds: pictures, by the CLIP ViT-H/14 of OpenCLIP that ImageBind left unchanged."""
    from transformers import CLIPVisionConfig

    from . import pictures

    file = fetch("vit-h-14") / "model.safetensors"
    config = CLIPVisionConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=16,
        patch_size=14,
        projection_dim=1024,
        hidden_act="gelu",
    )
    return pictures.joint(pictures.VisionTransformer(config), file, device)


IMAGEBIND = Kind(
    "imagebind",
    ImageBindTower,
    ImageBindConfig,
    "16 kHz, Kaldi log filter banks of 25 ms each 10 ms",
    "class token, mean over clips",
)
