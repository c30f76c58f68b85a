"""The registry: every encoder, and for each suite how to load it or why it is not there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import weights
from ..config import Config

if TYPE_CHECKING:
    from .base import Encoder

SUITES = ("compact", "paper")
SPACES = {"compact": "compact CLIP space (EfficientNet-Lite0)", "paper": "CLIP ViT-L/14-336, layer -2"}
PATCHES = {"compact": 49, "paper": 576}
_PLANNED = "not in this version yet"


@dataclass(frozen=True)
class EncoderEntry:
    """Name and title of an encoder, what it is in one line, and a loader for each suite that has it."""

    title: str
    about: str
    loaders: dict[str, Callable[[Config], "Encoder"]]


@dataclass(frozen=True)
class EncoderStatus:
    name: str
    title: str
    suite: str
    ready: bool
    reason: str


def _whisper(config: Config) -> "Encoder":
    from .whisper import Whisper, load_trunk

    return Whisper(load_trunk(weights.ensure("whisper", config.cache)))


def _whisperclip(config: Config) -> "Encoder":
    from .whisper import load_trunk
    from .whisperclip import WhisperClip, load_fusion

    trunk = load_trunk(weights.ensure("whisper", config.cache))
    return WhisperClip(trunk, load_fusion(config.checkpoints / "whisperclip-fusion.safetensors"))


ENCODERS = {
    "clap": EncoderEntry("CLAP", "trained on sounds and their descriptions", {}),
    "whisper": EncoderEntry("Whisper", "speech recogniser, last layer", {"compact": _whisper}),
    "imagebind": EncoderEntry("ImageBind", "trained on sounds and pictures", {}),
    "wav2clip": EncoderEntry("Wav2CLIP", "distilled from CLIP's picture side", {}),
    "audioclip": EncoderEntry("AudioCLIP", "trained on sounds, pictures and text", {}),
    "whisperclip": EncoderEntry(
        "WhisperCLIP", "Whisper, all intermediate layers fused", {"compact": _whisperclip}
    ),
}


def load(name: str, config: Config) -> "Encoder":
    """The encoder of the configured suite.

    Raises:
        KeyError: the suite does not have it.
        WeightsError: its checkpoint is out of reach.
    """
    return ENCODERS[name].loaders[config.suite](config)


def statuses(config: Config) -> list[EncoderStatus]:
    """Every encoder in both suites. Ready means that it can be run: its checkpoint is here or will be fetched."""
    return [
        EncoderStatus(name, entry.title, suite, *_readiness(entry, name, suite, config))
        for suite in SUITES
        for name, entry in ENCODERS.items()
    ]


def _readiness(entry: EncoderEntry, name: str, suite: str, config: Config) -> tuple[bool, str]:
    if suite not in entry.loaders:
        return False, _PLANNED
    if not (config.checkpoints / f"{name}-projector.safetensors").exists():
        return False, f"no projector yet: python -m training projector --encoder {name}"
    fetched = weights.present("whisper", config.cache)
    return True, "ready" if fetched else "ready after its checkpoint is fetched (16 MB kept, 71 MB fetched)"
