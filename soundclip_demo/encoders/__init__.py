"""The registry: every encoder, and for each suite how to load it or what is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .. import weights
from ..config import Config
from ..suites import SUITES, Fetch, device

if TYPE_CHECKING:
    from .base import Encoder, EncoderSpec, Kind
    from .joint import JointSpace


@dataclass(frozen=True)
class Variant:
    """An encoder in one suite.

    Attributes:
        spec: what its embeddings depend on, without loading it.
        needs: the checkpoint it is fetched from, a name in `weights.SOURCES`; "" for one that is bundled.
        files: endings of the trained files it cannot do without: `<name><ending>.safetensors`.
        title: said after the encoder's own.
        joint: opens the space it shares with pictures or words, where there is one.
        joint_files: endings of the trained files of that space.
        words: what typed words can be compared with in that space, "pictures" or "sounds"; "" where it has no words.
    """

    load: Callable[[str, Fetch, Config], "Encoder"]
    spec: "Callable[[str, Config], EncoderSpec]"
    needs: str = ""
    files: tuple[str, ...] = ()
    title: str = ""
    joint: "Callable[[str, Fetch, Config], JointSpace] | None" = None
    joint_files: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class EncoderEntry:
    """Title of an encoder, what it is in one line, how each suite has it, and whose network it shares, if anyone's."""

    title: str
    about: str
    variants: dict[str, Variant]
    shares: str = ""


@dataclass(frozen=True)
class EncoderStatus:
    """Whether an encoder can run in a suite; `reason` says what is missing, or what to know of it."""

    name: str
    title: str
    suite: str
    ready: bool
    reason: str


def kind(name: str) -> "Kind":
    """The network of an encoder that has a tower of its own."""
    return getattr(import_module(f".{name}", __package__), name.upper())


def _retrained(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import checkpoint

    return checkpoint.retrained(kind(name), trained(name, config))


def _retrained_spec(name: str, config: Config) -> "EncoderSpec":
    from . import checkpoint

    return checkpoint.retrained_spec(kind(name), trained(name, config))


def _published(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import checkpoint

    file = fetch(f"{name}-paper") / "model.safetensors"
    encoder = checkpoint.published(kind(name), file, _published_name(name))
    encoder.tower.to(device())
    return encoder


def _published_spec(name: str, config: Config) -> "EncoderSpec":
    return kind(name).spec(_published_name(name))


def _published_name(name: str) -> str:
    source = weights.SOURCES[f"{name}-paper"]
    return f"{source.title} {source.key}"


def _retrained_joint(name: str, fetch: Fetch, config: Config) -> "JointSpace":
    from . import joint

    tower = SUITES["compact"].tower(fetch, config)
    return joint.retrained(trained(f"{name}-joint", config), tower, fetch("language"))


def _published_joint(name: str, fetch: Fetch, config: Config) -> "JointSpace":
    return import_module(f".{name}", __package__).joint(fetch, device())


def _whisper(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import whisper

    return whisper.Whisper(whisper.load_trunk(fetch("whisper")), whisper.SPEC)


def _whisperclip(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import whisper, whisperclip

    fusion = whisperclip.load_fusion(trained("whisperclip-fusion", config))
    return whisperclip.WhisperClip(whisper.load_trunk(fetch("whisper")), fusion, whisperclip.SPEC)


def _whisper_paper(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import whisper

    return whisper.Whisper(whisper.load_trunk(fetch("whisper-paper"), padded=True).to(device()), whisper.PAPER_SPEC)


def _whisperclip_paper(name: str, fetch: Fetch, config: Config) -> "Encoder":
    from . import whisper, whisperclip

    trunk = whisper.load_trunk(fetch("whisper-paper"), padded=True).to(device())
    fusion = whisperclip.load_fusion(trained("whisperclip-fusion", config))
    return whisperclip.WhisperClip(trunk, fusion, whisperclip.PAPER_SPEC)


def _constant_spec(which: str) -> "Callable[[str, Config], EncoderSpec]":
    """A constant of the encoder's module."""
    return lambda name, config: getattr(import_module(f".{name}", __package__), which)


def _family(name: str, condition: str = "", words: tuple[str, str] = ("", "")) -> dict[str, Variant]:
    """Published in one suite, under a `condition` or none; trained here, small, from scratch in the other.

    Args:
        words: `Variant.words` when trained here, and as published.
    """
    here, published = words
    trained_here = {"files": ("",), "title": " (compact retrain)", "joint_files": ("-joint",), "words": here}
    return {
        "compact": Variant(_retrained, _retrained_spec, joint=_retrained_joint, **trained_here),
        "paper": Variant(
            _published,
            _published_spec,
            f"{name}-paper",
            title=condition,
            joint=_published_joint,
            words=published,
        ),
    }


_FUSION = ("-fusion",)
_SPEC, _PAPER_SPEC = _constant_spec("SPEC"), _constant_spec("PAPER_SPEC")
ENCODERS = {
    "clap": EncoderEntry(
        "CLAP", "trained on sounds and their descriptions", _family("clap", words=("sounds", "sounds"))
    ),
    "whisper": EncoderEntry(
        "Whisper",
        "speech recogniser, last layer",
        {
            "compact": Variant(_whisper, _SPEC, "whisper"),
            "paper": Variant(_whisper_paper, _PAPER_SPEC, "whisper-paper"),
        },
    ),
    "imagebind": EncoderEntry(
        "ImageBind", "trained on sounds and pictures", _family("imagebind", " (not for commercial use)")
    ),
    "wav2clip": EncoderEntry("Wav2CLIP", "distilled from CLIP's picture side", _family("wav2clip")),
    "audioclip": EncoderEntry(
        "AudioCLIP", "trained on sounds, pictures and text", _family("audioclip", words=("pictures", ""))
    ),
    "whisperclip": EncoderEntry(
        "WhisperCLIP",
        "Whisper, all intermediate layers fused",
        {
            "compact": Variant(_whisperclip, _SPEC, "whisper", _FUSION),
            "paper": Variant(_whisperclip_paper, _PAPER_SPEC, "whisper-paper", _FUSION),
        },
        shares="whisper",
    ),
}


def network(name: str) -> str:
    """The encoder under whose name its network is known; those of the same hear a window in one pass."""
    return ENCODERS[name].shares or name


def title(name: str, suite: str) -> str:
    """As shown where it is chosen."""
    return ENCODERS[name].title + ENCODERS[name].variants[suite].title


def load(name: str, config: Config, fetch: Fetch | None = None) -> "Encoder":
    """The encoder of the configured suite.

    Raises:
        WeightsError: its checkpoint is out of reach.
        CheckpointError: its checkpoint is not the one the network needs.
    """
    fetch = fetch or (lambda source: weights.ensure(source, config.cache))
    variant = ENCODERS[name].variants[config.suite]
    encoder = variant.load(name, fetch, config)
    if variant.joint:
        encoder.joint = partial(variant.joint, name, fetch, config)
    return encoder


def spec(name: str, config: Config) -> "EncoderSpec":
    """What the embeddings of the configured suite's encoder depend on, without loading it.

    Raises:
        FileNotFoundError: it is not trained yet.
    """
    return ENCODERS[name].variants[config.suite].spec(name, config)


def worded(config: Config) -> tuple[str, str] | None:
    """The encoder whose space typed words are searched in, and what they meet there: "pictures" rather than "sounds",
    which a retrain of this size hardly ties to words. None where no encoder has words."""
    there = {
        name: entry.variants[config.suite].words
        for name, entry in ENCODERS.items()
        if (variant := entry.variants[config.suite]).words
        and all(trained(name + ending, config).exists() for ending in variant.files + variant.joint_files)
    }
    return min(there.items(), key=lambda found: found[1] != "pictures", default=None)


def trained(name: str, config: Config) -> Path:
    """Where `training` leaves a file of this suite."""
    return config.checkpoints / f"{name}.safetensors"


def statuses(config: Config) -> list[EncoderStatus]:
    """Every encoder in both suites. Ready means that it can be run: its checkpoint is here or will be fetched."""
    return [
        EncoderStatus(name, title(name, suite), suite, *_readiness(name, entry.variants[suite], suite, config))
        for suite in SUITES
        for name, entry in ENCODERS.items()
    ]


def _readiness(name: str, variant: Variant, suite: str, config: Config) -> tuple[bool, str]:
    own = suite == config.suite  # trained files of another suite lie elsewhere
    missing = [name + ending for ending in variant.files if not trained(name + ending, config).exists()]
    if own and missing:
        return False, f"{missing[0]} is not trained yet: python -m training --help"
    source = weights.SOURCES.get(variant.needs)
    fetched = source is None or weights.present(variant.needs, config.cache)
    if not fetched and not own:
        return False, f"not fetched ({source.megabytes} MB): python -m soundclip_demo fetch --suite {suite}"
    notes = []
    if not fetched:
        notes.append(f"ready after its checkpoint is fetched ({source.megabytes} MB)")
    if own and not trained(f"{name}-projector", config).exists():
        notes.append("raw mode only, its projector is not trained yet: python -m training projector")
    return True, "; ".join(notes) or "ready"
