"""LLaVA writes while it "sees" only the sound: the audio token stands where CLIP's class token stood.

The token (and the k most sound-relevant patches, if any) pass LLaVA's own multimodal projector and enter the
language model between the two halves of the prompt, as embeddings. Stock LLaVA drops the class position before
its projector, so swapping it inside the tower would change nothing (encoders.md section 5; route A of section 6).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

IMAGE = "<image>"
PROMPT = "{prompt}"


@dataclass(frozen=True)
class Template:
    """A chat format with one `<image>` and one `{prompt}` in it."""

    text: str

    def halves(self) -> tuple[str, str, str]:
        """The text before the image, between image and prompt, and after the prompt."""
        before, rest = self.text.split(IMAGE)
        between, after = rest.split(PROMPT)
        return before, between, after


SMOLLM2 = Template(f"<|im_start|>user\n{IMAGE}\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n")
MISTRAL = Template(f"<s>[INST] {IMAGE}\n{PROMPT} [/INST]")  # of LLaVA-1.6-Mistral-7B, with the <s> its tokenizer adds


def relevant_patches(token: Tensor, patches: Tensor, k: int) -> Tensor:
    """The k of `patches` [P, D] with the highest cosine to `token` [D], in raster order -> indices [k].

    Ties go to the lower index (paper-facts section 12, points 5 to 7).
    """
    scores = F.cosine_similarity(patches, token[None], dim=1)
    order = torch.sort(scores, descending=True, stable=True).indices
    return order[:k].sort().values


class Captioner:
    """A LLaVA model, its tokenizer and its chat format."""

    def __init__(self, llava: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: Template) -> None:
        self.llava = llava.eval()
        self.tokenizer = tokenizer
        self.template = template
        self._tokenizing = threading.Lock()

    def ids(self, prompt: str) -> tuple[list[int], list[int]]:
        """The token ids before and after the image.

        The visitor's prompt is read as plain text: control tokens typed into it stay text.
        """
        before, between, after = self.template.halves()
        end = min((after.find(token) for token in self.tokenizer.added_tokens_encoder if token in after), default=None)
        # In one piece up to the next control token: Mistral's tokenizer puts a space before each piece it is given.
        asked = self._ids(between + prompt + after[:end], split_special_tokens=True)
        return self._ids(before), asked + (self._ids(after[end:]) if end is not None else [])

    def embed(self, visual: Tensor, prompt: str) -> Tensor:
        """Prompt with `visual` [1 + k, D] (the token first, then patches) in the image's place -> [1, T, width]."""
        words = self.llava.get_input_embeddings()
        left, right = (words(torch.tensor(half, device=self.llava.device)) for half in self.ids(prompt))
        seen = self.llava.model.multi_modal_projector(visual.to(self.llava.device, left.dtype))
        return torch.cat([left, seen, right])[None]

    def stream(
        self, visual: Tensor, prompt: str, max_new_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Iterator[str]:
        """Yields the whole caption so far after each new token; nothing is computed between two `next` calls.

        Closing the iterator therefore ends generation: there is no thread that could go on.

        Args:
            temperature: 0 takes the likeliest token; above it, samples with `seed`.
        """
        cache, generator = DynamicCache(), torch.Generator().manual_seed(seed)
        ends = self._ends()
        written: list[int] = []
        with torch.inference_mode():
            step = {"inputs_embeds": self.embed(visual, prompt)}
        for _ in range(max_new_tokens):
            with torch.inference_mode():  # not around the yield: the mode would leak into the caller
                logits = self.llava(**step, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
            token = self._choose(logits.float().cpu(), temperature, generator)
            if token in ends:
                break
            written.append(token)
            step = {"input_ids": torch.tensor([[token]], device=self.llava.device)}
            text = self.tokenizer.decode(written, skip_special_tokens=True)
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):  # half of a multi-byte character
                yield text.strip()

    def _ids(self, text: str, **options: bool) -> list[int]:
        with self._tokenizing:  # `split_special_tokens` is a state of the shared tokenizer, not of the call
            return self.tokenizer(text, add_special_tokens=False, **options).input_ids

    def _ends(self) -> set[int]:
        ends = self.llava.generation_config.eos_token_id
        return set(ends if isinstance(ends, list) else [ends]) | {self.tokenizer.eos_token_id}

    @staticmethod
    def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> int:
        if temperature <= 0:
            return int(logits.argmax())
        return int(torch.multinomial(torch.softmax(logits / temperature, 0), 1, generator=generator))
