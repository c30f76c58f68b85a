"""BERTScore (Zhang et al. 2020) of captions, computed here: the package bert-score would bring matplotlib with it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

BATCH = 64


class BertScorer:
    """A language model whose vectors of words are compared; the vectors of a text are computed once.

    No idf weights, no rescaling by a baseline.

    Args:
        model: folder, or name on the model hub, of a BERT, a RoBERTa, or any other model of transformers.
        layer: whose output is compared, from 1 (bert-score takes the 9th of bert-base-uncased, the 17th of
            roberta-large).

    Raises:
        ValueError: the model has no such layer.
    """

    def __init__(self, model: str, layer: int) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(model)
        self._network = AutoModel.from_pretrained(model, dtype=torch.float32).eval()
        layers = self._network.config.num_hidden_layers
        if not 1 <= layer <= layers:
            raise ValueError(f"{model} has layers 1 to {layers}, not {layer}")
        self._layer = layer
        self._vectors: dict[str, tuple[Tensor, Tensor]] = {}

    def __call__(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
        """F1 of N captions, the best of each one's references, [N]; 0 where either is empty."""
        new = {*captions, *(text for told in references for text in told)} - self._vectors.keys()
        texts = sorted(new, key=lambda text: (len(text), text))  # little padding, and the same batches in every run
        for i in range(0, len(texts), BATCH):
            self._vectors |= self._embed(texts[i : i + BATCH])
        best = [
            max((f1(*self._vectors[caption], *self._vectors[text]) for text in told), default=0.0)
            for caption, told in zip(captions, references, strict=True)
        ]
        return np.array(best)

    @torch.inference_mode()
    def _embed(self, texts: list[str]) -> dict[str, tuple[Tensor, Tensor]]:
        """Text -> unit vectors of its tokens [T, D], and which of them are not special [T]."""
        spaced = [f" {text.strip()}" for text in texts]  # RoBERTa's first word is spelt like one inside a sentence
        # RoBERTa starts counting positions at 2.
        limit = min(self._tokenizer.model_max_length, self._network.config.max_position_embeddings - 2)
        given = self._tokenizer(
            spaced, return_tensors="pt", padding=True, truncation=True, max_length=limit,
            return_special_tokens_mask=True,
        )
        special = given.pop("special_tokens_mask").bool()
        hidden = F.normalize(self._network(**given, output_hidden_states=True).hidden_states[self._layer], dim=-1)
        kept = given["attention_mask"].bool()
        return {text: (hidden[i][kept[i]], ~special[i][kept[i]]) for i, text in enumerate(texts)}


def f1(caption: Tensor, counts: Tensor, reference: Tensor, reference_counts: Tensor) -> float:
    """Greedy matching of two texts: each token is as good as the most similar token of the other text.

    Args:
        caption, reference: unit vectors [T, D] and [U, D] of the tokens.
        counts, reference_counts: bool [T] and [U], False for tokens that may be matched but are not judged, which are
            those that stand for beginning and end.
    """
    if not counts.any() or not reference_counts.any():
        return 0.0
    cosines = caption @ reference.T
    precision = float(cosines.max(dim=1).values[counts].mean())
    recall = float(cosines.max(dim=0).values[reference_counts].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
