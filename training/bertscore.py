"""BERTScore (Zhang et al. 2020) of captions, computed here: the package bert-score would bring matplotlib with it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@torch.inference_mode()
def bert_score(
    captions: Sequence[str], references: Sequence[Sequence[str]], model: str, layer: int, batch: int = 64
) -> dict[str, str | np.ndarray]:
    """BERTScore F1 of N captions, the best of each one's references; no idf weights, no rescaling by a baseline.

    Args:
        model: folder, or name on the model hub, of a BERT or RoBERTa.
        layer: whose output is compared, from 1 (bert-score takes the 9th of bert-base-uncased, the 17th of
            roberta-large).

    Returns:
        `f1` [N], 0 where a caption or its references are empty; `model`, with the layer, to be stated with the figure.

    Raises:
        ValueError: the model has no such layer.
    """
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model, dtype=torch.float32)
    if not 1 <= layer <= network.config.num_hidden_layers:
        raise ValueError(f"{model} has layers 1 to {network.config.num_hidden_layers}, not {layer}")
    texts = sorted({*captions, *(text for told in references for text in told)}, key=len)  # little padding
    vectors: dict[str, tuple[Tensor, Tensor]] = {}
    for i in range(0, len(texts), batch):
        vectors |= _embed(texts[i : i + batch], tokenizer, network.eval(), layer)
    best = [
        max((f1(*vectors[caption], *vectors[text]) for text in told), default=0.0)
        for caption, told in zip(captions, references, strict=True)
    ]
    return {"f1": np.array(best), "model": f"{model}, layer {layer}"}


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


def _embed(texts: list[str], tokenizer, network, layer: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Text -> unit vectors of its tokens [T, D], and which of them are not special [T]."""
    spaced = [f" {text.strip()}" for text in texts]  # RoBERTa's first word is spelt like one inside a sentence
    limit = min(tokenizer.model_max_length, network.config.max_position_embeddings - 2)  # RoBERTa starts counting at 2
    given = tokenizer(
        spaced, return_tensors="pt", padding=True, truncation=True, max_length=limit, return_special_tokens_mask=True
    )
    special = given.pop("special_tokens_mask").bool()
    hidden = F.normalize(network(**given, output_hidden_states=True).hidden_states[layer], dim=-1)
    kept = given["attention_mask"].bool()
    return {text: (hidden[i][kept[i]], ~special[i][kept[i]]) for i, text in enumerate(texts)}
