"""What captions are worth, one number a caption, 0 to 1: against references, against sound and frame, by sources named.

BLEU and ROUGE-L are those of sacrebleu and rouge-score (`requirements-training.txt`), BERTScore is in `bertscore.py`.
B1, B2 and B3 are paper-facts section 7's; where it leaves them open, section 12 (28 to 30) says what is done here.
"""

import importlib
import re
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from soundclip_demo.encoders.joint import JointSpace

TEXTS = 256  # given to a text tower at once


def bleu(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """Sentence BLEU of N captions against any number of references each, [N], as sacrebleu's `sentence_bleu`.

    Its defaults: four-grams (fewer where the caption is shorter), exponential smoothing, 13a tokens, case kept.
    """
    sentence_bleu = _library("sacrebleu").sentence_bleu
    return np.array([
        sentence_bleu(caption, list(told)).score / 100 for caption, told in zip(captions, references, strict=True)
    ])


def corpus_bleu(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """BLEU of all captions together, which is not the mean of theirs: n-grams are counted over the whole."""
    most = max(map(len, references))
    # sacrebleu wants one list a reference, not one a caption, and None where a caption has fewer.
    turned = [[told[i] if i < len(told) else None for told in references] for i in range(most)]
    return _library("sacrebleu").corpus_bleu(list(captions), turned).score / 100


def rouge_l(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """ROUGE-L F-measure of N captions, [N]; the best of each one's references, words not stemmed."""
    scorer = _library("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=False)
    return np.array([
        scorer.score_multi(list(told), caption)["rougeL"].fmeasure
        for caption, told in zip(captions, references, strict=True)
    ])


def caption_similarity(captions: Sequence[str], joint: JointSpace, vectors: Tensor) -> np.ndarray:
    """Cosine of each caption with what it is about, in a space that has words, [N] in -1 to 1.

    B1 where `vectors` [N, J] are sounds (`joint` CLAP's), B2 where they are frames (`joint.pictures(frames)`, CLIP's).
    A caption is taken sentence by sentence and the cosines are averaged: CLIP reads 77 tokens, captions are longer.
    A caption without a word gets 0.

    Raises:
        ValueError: the space has no words.
    """
    if joint.texts is None:
        raise ValueError("captions can be compared only in a space that has words")
    told, owners = _sentences(captions)
    similar = np.zeros(len(captions))
    if told:
        cosines = F.cosine_similarity(_embedded(told, joint.texts), vectors[owners], dim=1).double().numpy()
        np.add.at(similar, owners, cosines)
    return similar / np.maximum(1, np.bincount(owners, minlength=len(captions)))


def recall_whole_words(captions: Sequence[str], sources: Sequence[Sequence[str]]) -> np.ndarray:
    """B3 without a model: share of a recording's active sources that its caption names, [N].

    Whole words, in the order listed, case and hyphens aside ("indicate" holds no cat, and "bells" no bell). Not a
    number where no source is listed: leave these out.
    """
    return np.array([
        np.mean([spaced(source) in spaced(caption) for source in listed]) if listed else np.nan
        for caption, listed in zip(captions, sources, strict=True)
    ])


def recall_embedding(
    captions: Sequence[str],
    sources: Sequence[Sequence[str]],
    texts: Callable[[Sequence[str]], Tensor],
    threshold: float,
) -> np.ndarray:
    """B3 by meaning: share of a recording's active sources that some sentence of its caption comes near to, [N].

    Args:
        texts: n texts -> vectors [n, J].
        threshold: cosine from which on a source counts as named. It belongs to `texts`: state both with the figure.

    Returns:
        As `recall_whole_words`.
    """
    told, owners = _sentences(captions)
    known = sorted({source for listed in sources for source in listed})
    if not told or not known:
        return np.array([0.0 if listed else np.nan for listed in sources])
    cosines = F.normalize(_embedded(told, texts), dim=1) @ F.normalize(_embedded(known, texts), dim=1).T
    near = cosines.numpy() >= threshold
    recalls = []
    for i, (_, listed) in enumerate(zip(captions, sources, strict=True)):
        named = near[owners == i].any(axis=0)
        recalls.append(np.mean([named[known.index(source)] for source in listed]) if listed else np.nan)
    return np.array(recalls)


def spaced(text: str) -> str:
    """Lower-case words with one space between and around them, so that `in` finds whole words only."""
    return f" {' '.join(''.join(c if c.isalnum() else ' ' for c in text.lower()).split())} "


def _sentences(captions: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The sentences of all captions, and whose each is."""
    told = [
        (sentence, i)
        for i, caption in enumerate(captions)
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", caption)
        if spaced(sentence).strip()
    ]
    return [sentence for sentence, _ in told], np.array([i for _, i in told], int)


def _embedded(given: list[str], texts: Callable[[Sequence[str]], Tensor]) -> Tensor:
    return torch.cat([texts(given[i : i + TEXTS]) for i in range(0, len(given), TEXTS)]).float()


def _library(name: str) -> ModuleType:
    """A library that only this module needs, or one sentence on how to get it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0].replace("_", "-")
        raise ModuleNotFoundError(f"{package} is missing: pip install -r requirements-training.txt") from error
