"""What captions of held-out sounds are measured against: references, true sources, the sound itself, and a frame.

Where a suite's own encoders score, captions of their tokens are scored by a sister: so it is in the paper, too, whose
authors say to read B1 of CLAP with B3 (paper-facts section 9).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from soundclip_demo.encoders.joint import JointSpace

from .bertscore import BertScorer
from .generation import bleu, caption_similarity, corpus_bleu, recall_embedding, rouge_l
from .judge import Judge, judged

Measure = Callable[[Sequence[str], np.ndarray], np.ndarray]  # captions of the sounds `at` [n] -> their values [n]


@dataclass(frozen=True, eq=False)
class Told:
    """For N sounds, in one order.

    Attributes:
        references: texts of each that a caption may agree with.
        sources: what is truly heard in each; none where that is not known.
        named: whether captions name their sound's sources, by whole words, as `Measure`; `named_by` says how.
        heard: the sounds [N, J] in a space that has words, and whose it is.
        seen: a frame each, [N, K], in another, and whose it is.
        near: embeds texts, and the cosine from which on a sentence counts as naming a source; and whose it is.
        bert: compares texts word by word, and its name.
        judge: marks captions; None where nobody brought one.
    """

    references: list[list[str]]
    sources: list[tuple[str, ...]]
    named: Measure
    named_by: str
    heard: tuple[JointSpace, Tensor, str]
    seen: tuple[JointSpace, Tensor, str]
    near: tuple[Callable[[Sequence[str]], Tensor], float, str]
    bert: tuple[BertScorer, str]
    judge: Judge | None = None

    def scores(self, captions: Sequence[str], at: np.ndarray) -> dict[str, np.ndarray]:
        """Every measure of `about` for captions of the sounds `at`; not a number where there is nothing to measure."""
        references = [self.references[i] for i in at]
        (hears, sounds, _), (sees, frames, _), (texts, threshold, _) = self.heard, self.seen, self.near
        found = {
            "caption": self.named(captions, at),
            "b3": recall_embedding(captions, [self.sources[i] for i in at], texts, threshold),
            "b1": caption_similarity(captions, hears, sounds[at]),
            "b2": caption_similarity(captions, sees, frames[at]),
            "bleu": bleu(captions, references),
            "rouge_l": rouge_l(captions, references),
            "bertscore": self.bert[0](captions, references),
        }
        if self.judge:
            found["judge"] = judged(self.judge, captions, [told[0] for told in references])["marks"]
        return found

    def corpus_bleu(self, captions: Sequence[str], at: np.ndarray) -> float:
        """BLEU of all captions of the sounds `at` together."""
        return round(corpus_bleu(captions, [self.references[i] for i in at]), 4)

    def about(self) -> dict[str, str]:
        """What each measure is, in the order of `scores`."""
        said = {
            "caption": self.named_by,
            "b3": f"share of the sources that a sentence is near to: cosine from {self.near[1]:.2f} in {self.near[2]}",
            "b1": f"cosine of caption and sound in {self.heard[2]}, by sentence",
            "b2": f"cosine of caption and frame in {self.seen[2]}, by sentence",
            "bleu": "sentence BLEU (sacrebleu)",
            "rouge_l": "ROUGE-L F-measure (rouge-score)",
            "bertscore": f"BERTScore F1 by {self.bert[1]}",
        }
        if self.judge:
            low, high = self.judge.scale
            said["judge"] = f"marks of the judge, {low:g} to {high:g}"
        return said


def threshold(texts: Callable[[Sequence[str]], Tensor], pairs: Sequence[tuple[str, str]]) -> float:
    """The cosine that best tells sentences that name a source from sentences that do not.

    Args:
        pairs: of a sentence and the source it names; every other pairing counts as not naming it.

    Returns:
        Where the share of true pairs at or above it exceeds the share of others by the most.
    """
    sentences, sources = (texts([pair[side] for pair in pairs]) for side in (0, 1))
    unit = [vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-12) for vectors in (sentences, sources)]
    cosines = (unit[0] @ unit[1].T).numpy()
    same = np.array([[a == b for _, b in pairs] for _, a in pairs])
    true, other = np.sort(cosines[same]), np.sort(cosines[~same])
    above = [1 - np.searchsorted(group, true) / len(group) for group in (true, other)]
    return float(true[np.argmax(above[0] - above[1])])
