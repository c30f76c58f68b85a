"""LLaVA writes while it "sees" only the sound: the audio token stands where CLIP's class token stood.

The token (and the k most sound-relevant patches, if any) pass LLaVA's own multimodal projector and enter the
language model between the two halves of the prompt, as embeddings. Stock LLaVA drops the class position before
its projector, so swapping it inside the tower would change nothing (encoders.md section 5; route A of section 6).
"""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from .drafts import Drafts

IMAGE = "<image>"
PROMPT = "{prompt}"
_FIELD = re.compile(r"\{(?:prompt|answer)\}")


@dataclass(frozen=True)
class Template:
    """A chat format.

    Attributes:
        text: the first turn, with one `<image>` and one `{prompt}` in it.
        later: what follows for each further question: the `{answer}` to the one before, then the `{prompt}`.
    """

    text: str
    later: str

    def halves(self) -> tuple[str, str, str]:
        """The text before the image, between image and prompt, and after the prompt."""
        before, rest = self.text.split(IMAGE)
        between, after = rest.split(PROMPT)
        return before, between, after


SMOLLM2 = Template(
    f"<|im_start|>user\n{IMAGE}\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n",
    f"{{answer}}<|im_end|>\n<|im_start|>user\n{PROMPT}<|im_end|>\n<|im_start|>assistant\n",
)
MISTRAL = Template(  # of LLaVA-1.6-Mistral-7B, with the <s> its tokenizer adds
    f"<s>[INST] {IMAGE}\n{PROMPT} [/INST]",
    f" {{answer}}</s> [INST] {PROMPT} [/INST]",
)


def relevance(token: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine of each of `patches` [P, D] to `token` [D], and the patches from the nearest to the farthest: [P], [P].

    Ties go to the lower index (paper-facts section 12, points 5 to 7).
    """
    cosines = F.cosine_similarity(patches, token[None], dim=1)
    return cosines, torch.sort(cosines, descending=True, stable=True).indices


def relevant_patches(token: Tensor, patches: Tensor, k: int) -> Tensor:
    """The k of `patches` [P, D] nearest to `token` [D], in raster order -> indices [k]."""
    return relevance(token, patches)[1][:k].sort().values


class Captioner:
    """A LLaVA model, its tokenizer and its chat format."""

    def __init__(self, llava: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, template: Template) -> None:
        self.llava = llava.eval()
        self.tokenizer = tokenizer
        self.template = template
        self._tokenizing = threading.Lock()
        self._controls = re.compile(f"({'|'.join(map(re.escape, tokenizer.added_tokens_encoder))})")
        self._drafts = Drafts()

    def guessing(self, captions: Iterable[str]) -> "Captioner":
        """Itself, quicker from now on: it guesses its next words from captions of earlier, and checks them."""
        self._drafts = Drafts([*self._ids(text), self.tokenizer.eos_token_id] for text in captions)
        return self

    def ids(self, prompt: str, turns: Sequence[tuple[str, str]] = ()) -> tuple[list[int], list[int]]:
        """The token ids before and after the image.

        What visitors and models wrote is read as plain text: control tokens in it stay text.

        Args:
            turns: what was answered so far and asked next; the first answer is the one to `prompt`.
        """
        before, between, after = self.template.halves()
        asked = between + PROMPT + after + self.template.later * len(turns)
        said = iter([prompt, *(text for turn in turns for text in turn)])
        right: list[int] = []
        # In one piece from control token to control token: Mistral's tokenizer puts a space before each piece.
        for piece in self._controls.split(asked):
            if piece in self.tokenizer.added_tokens_encoder:
                right.append(self.tokenizer.added_tokens_encoder[piece])
            elif piece:
                right += self._ids(_FIELD.sub(lambda _: next(said), piece), split_special_tokens=True)
        return self._ids(before), right

    def embed(self, visual: Tensor, prompt: str, turns: Sequence[tuple[str, str]] = ()) -> Tensor:
        """Prompt with `visual` [1 + k, D] (the token first, then patches) in the image's place -> [1, T, width]."""
        words = self.llava.get_input_embeddings()
        left, right = (words(torch.tensor(half, device=self.llava.device)) for half in self.ids(prompt, turns))
        seen = self.llava.model.multi_modal_projector(visual.to(self.llava.device, left.dtype))
        return torch.cat([left, seen, right])[None]

    def stream(
        self,
        visual: Tensor,
        prompt: str,
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        turns: Sequence[tuple[str, str]] = (),
    ) -> Iterator[str]:
        """Yields the whole text so far after each new token; nothing is computed between two `next` calls.

        Closing the iterator therefore ends generation: there is no thread that could go on. One pass of the model may
        give several tokens; they are those that it would have given one by one.

        Args:
            temperature: 0 takes the likeliest token; above it, samples with `seed`.
            turns: goes on with a conversation, as in `ids`.
        """
        cache, generator = DynamicCache(), torch.Generator().manual_seed(seed)
        ends = self._ends()
        written: list[int] = []
        draft: list[int] = []
        with torch.inference_mode():
            step = {"inputs_embeds": self.embed(visual, prompt, turns)}
        while len(written) < max_new_tokens:
            with torch.inference_mode():  # not around the yield: the mode would leak into the caller
                given = step | {"past_key_values": cache, "use_cache": True, "logits_to_keep": 1 + len(draft)}
                logits = self.llava(**given).logits[0].float().cpu()
            tokens = [self._choose(each, temperature, generator) for each in logits]
            right = next((i for i, guess in enumerate(draft) if guess != tokens[i]), len(draft))
            if right < len(draft):
                cache.crop(right - len(draft))
            for token in tokens[: min(right + 1, max_new_tokens - len(written))]:
                if token in ends:
                    return
                written.append(token)
                text = self.tokenizer.decode(written, skip_special_tokens=True)
                if not text.endswith("\N{REPLACEMENT CHARACTER}"):  # half of a multi-byte character
                    yield text.strip()
            if temperature <= 0:  # a sampled text goes its own ways
                draft = self._drafts.propose(written)
            step = {"input_ids": torch.tensor([[token, *draft]], device=self.llava.device)}

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
