"""What the captions of held-out recordings are measured against: a reference, the sound itself, and a frame.

The reference is what LLaVA is taught to write of such a sound, its second sentence from the recording's own pitch and
course. The scorers are this suite's: in `clap`'s space the sound (B1), in `audioclip`'s a frame (B2), since these two
have words. So the captions of CLAP's tokens are scored by CLAP's own sister, as in the paper (paper-facts section 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from soundclip_demo.audio import decode
from soundclip_demo.encoders.joint import JointSpace
from soundclip_demo.gallery import Gallery

from . import captions as taught
from .corpus import SoundFile, categories
from .generation import bleu, caption_similarity, rouge_l

HEARS, SEES = "clap", "audioclip"  # the encoders whose spaces score
ABOUT = {
    "bleu": "sentence BLEU (sacrebleu) against one reference",
    "rouge_l": "ROUGE-L F-measure (rouge-score) against one reference",
    "b1": f"cosine of caption and sound in the joint space of {HEARS}, by sentence",
    "b2": f"cosine of caption and a gallery frame of the right category in the joint space of {SEES}, by sentence",
}


@dataclass(frozen=True, eq=False)
class Against:
    """For N recordings, in one order.

    Attributes:
        references: a text each.
        heard: the recordings [N, J] in a space that has words.
        seen: a frame each, [N, K], in another.
    """

    references: list[str]
    heard: tuple[JointSpace, Tensor]
    seen: tuple[JointSpace, Tensor]

    def scores(self, captions: Sequence[str]) -> dict[str, np.ndarray]:
        """The measures of `ABOUT` for each of N captions, [N]."""
        references = [[text] for text in self.references]
        return {
            "bleu": bleu(captions, references),
            "rouge_l": rouge_l(captions, references),
            "b1": caption_similarity(captions, *self.heard),
            "b2": caption_similarity(captions, *self.seen),
        }


def against(
    sounds: Sequence[SoundFile], gallery: Gallery, joints: dict[str, JointSpace], embeddings: Callable[[str], Tensor]
) -> Against:
    """What captions of `sounds` are measured against.

    Args:
        joints: of the encoders that score.
        embeddings: encoder -> embeddings of `sounds` [N, J].
    """
    known = categories()
    first = {clip.category: clip.poster for clip in reversed(gallery.clips)}
    shown = sorted({sound.category for sound in sounds})
    frames = dict(zip(shown, joints[SEES].pictures([Image.open(first[name]) for name in shown]), strict=True))
    return Against(
        [taught.of_sound(known[sound.category], decode(sound.file)) for sound in sounds],
        (joints[HEARS], embeddings(HEARS)),
        (joints[SEES], torch.stack([frames[sound.category] for sound in sounds])),
    )
