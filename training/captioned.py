"""Greedy captions of many tokens. A batch is on the disk before the next is begun: a run that was killed goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor
from tqdm import tqdm

from soundclip_demo.captioner import Captioner
from soundclip_demo.config import DEFAULT_PROMPT

from .jsonlines import Lines

BATCH = 128  # a word costs one pass over the language model's weights, for one caption or for a hundred


@dataclass(frozen=True, eq=False)
class Writer:
    """Who captions in one protocol.

    Attributes:
        open: loads the captioner, when there is something to write.
        spec: changes with its weights.
        tokens: the most that a caption may have.
    """

    open: Callable[[], Captioner]
    spec: str
    tokens: int


class Captions:
    """Captions of audio tokens, nothing else seen; those that `lines` holds are not written again."""

    def __init__(self, writers: dict[str, Writer], lines: Lines) -> None:
        self.writers, self._lines = writers, lines

    def __call__(self, protocol: str, tokens: Tensor, about: str) -> list[str]:
        """Tokens [N, D] -> N captions; `about` is said beside the progress bar."""
        writer, captions = self.writers[protocol], []
        batches = tokens.split(BATCH)
        for batch in tqdm(batches, desc=f"captions {protocol} {about}", unit="batch"):
            given = f"{protocol} {writer.spec} {writer.tokens} {DEFAULT_PROMPT} ".encode() + batch.numpy().tobytes()
            name = sha256(given).hexdigest()[:16]
            if name not in self._lines.rows:
                self._lines.add({"id": name, "captions": write(writer.open(), batch, writer.tokens)})
            captions += self._lines.rows[name]["captions"]
        return captions


@torch.inference_mode()
def write(captioner: Captioner, tokens: Tensor, most: int) -> list[str]:
    """Captions of one batch of tokens [N, D]."""
    asked = torch.cat([captioner.embed(token[None], DEFAULT_PROMPT) for token in tokens])
    mask = torch.ones(asked.shape[:2], dtype=torch.long, device=asked.device)  # one prompt, one token: no padding
    ids = captioner.llava.generate(inputs_embeds=asked, attention_mask=mask, max_new_tokens=most, do_sample=False)
    return [text.strip() for text in captioner.tokenizer.batch_decode(ids, skip_special_tokens=True)]
