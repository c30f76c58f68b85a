"""The encoders that are trained here from scratch, each in its family's own way, with its small network.

CLAP learns from descriptions, ImageBind from pictures, Wav2CLIP towards fixed picture tokens, AudioCLIP from both.
"""

from dataclasses import dataclass
from typing import Any

from soundclip_demo.encoders import audioclip, clap, imagebind, wav2clip
from soundclip_demo.encoders.base import Kind


@dataclass(frozen=True)
class Family:
    """How one encoder is trained.

    Attributes:
        config: the sizes of its network.
        pairs: what is contrasted with what: `sound`, `picture`, `text`.
        distilled: the picture side is fixed beforehand and never trained.
    """

    kind: Kind
    config: Any
    pairs: tuple[tuple[str, str], ...]
    distilled: bool = False

    def build(self) -> Any:
        return self.kind.tower(self.config)

    @property
    def sides(self) -> tuple[str, ...]:
        """What the sound's space is shared with."""
        return tuple(sorted({name for pair in self.pairs for name in pair} - {"sound"}))


FAMILIES = {
    "clap": Family(clap.CLAP, clap.COMPACT, (("sound", "text"),)),
    "imagebind": Family(imagebind.IMAGEBIND, imagebind.COMPACT, (("sound", "picture"),)),
    "wav2clip": Family(wav2clip.WAV2CLIP, wav2clip.COMPACT, (("sound", "picture"),), distilled=True),
    "audioclip": Family(
        audioclip.AUDIOCLIP,
        audioclip.COMPACT,
        (("sound", "picture"), ("sound", "text"), ("picture", "text")),
    ),
}
