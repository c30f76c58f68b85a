"""Frozen settings of one process: folders, limits and sizes.

Nothing here imports torch: the command line's `--help` and the page's first paint stay quick.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

WINDOW_SECONDS = 3.0  # AVE-2 clips are 3 s (paper-facts: section 6.1)
TOP_CLIPS = 5
MAX_NEW_TOKENS = 384  # the published captions are 53 to 251 words
THREADS = 2  # a free Space has two cores; more threads only fight each other
ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PROMPT = "Describe the main object that is sounding in this image, and its sound, in detail."


@dataclass(frozen=True)
class SoundLimits:
    """What a visitor's file may cost. All of them hold while decoding, not only in the header."""

    file_bytes: int = 50 * 2**20
    seconds: float = 600.0
    channels: int = 8
    min_rate: int = 4_000  # Hz
    max_rate: int = 192_000  # Hz
    decoded_bytes: int = 256 * 2**20
    wall_seconds: float = 30.0  # ten minutes of AAC take 3 on a quiet machine
    memory_bytes: int = 2 * 2**30  # address space of the process that decodes; see `sandbox`
    silence_rms: float = 1e-3  # -60 dBFS: below this a window holds nothing to describe


@dataclass(frozen=True)
class Config:
    """Where one process reads and writes.

    Attributes:
        cache: converted checkpoints live here; may be deleted at any time.
        gallery: folder with `clips.csv`, `tokens.npy`, `atlas.npy` and the media.
        checkpoints: what `training/` produced: encoders, projectors, fusion, multimodal projector, adapter.
        encoders_kept: encoders in memory at a time; the one used longest ago goes first.
        four_bit: loads the paper suite's LLaVA in 4 bits, which bitsandbytes must be there for.
    """

    suite: str = "compact"
    cache: Path = field(default_factory=lambda: default_cache())
    gallery: Path = ROOT / "assets" / "gallery"
    checkpoints: Path = ROOT / "assets" / "checkpoints"
    examples: Path = ROOT / "assets" / "examples"
    results: Path = ROOT / "assets" / "results"
    limits: SoundLimits = SoundLimits()
    embedding_cache: int = 256  # windows whose embeddings are kept in memory
    sound_cache: int = 8  # decoded sounds, up to 115 MB each
    picture_cache: int = 32  # what the tower saw of a picture: 0.4 MB each, 2.7 in the paper suite
    encoders_kept: int = 6
    four_bit: bool = False


def config_of(suite: str, gallery: Path | None = None) -> Config:
    """The settings of a suite. What is trained for the paper suite lies in a folder of its own."""
    checkpoints = Config.checkpoints if suite == Config.suite else Config.checkpoints / suite
    return Config(suite=suite, checkpoints=checkpoints, gallery=(gallery or Config.gallery).resolve())


def default_cache() -> Path:
    """`$SOUNDCLIP_CACHE`, else the user's cache folder."""
    if folder := os.environ.get("SOUNDCLIP_CACHE"):
        return Path(folder).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "soundclip-demo"


def limit_threads() -> None:
    """Keep torch and faiss at `THREADS` and numpy's products at one: call once, and no pool stands in another's way.

    After a product of numpy's, an idle thread of its OpenBLAS waits on a core of its own for 20 ms, in which a network
    gets half of what it needs: six encoders in turn take twice as long with it.
    """
    import faiss
    import torch
    from threadpoolctl import ThreadpoolController

    ThreadpoolController().select(threading_layer="pthreads").limit(limits=1)
    torch.set_num_threads(THREADS)
    faiss.omp_set_num_threads(THREADS)
