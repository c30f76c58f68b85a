"""Annotators that run on two CPU cores with no hub: the compact LLaVA describes, SmolLM2-135M-Instruct scores.

What this is worth: little, beside showing that the pipeline works. The LLaVA was taught one plain sentence for each of
some hundred kinds of sounds and pictures. A language model of 135 million parameters writes no reliable JSON and judges
poorly, so it is asked one short question at a time and only the probabilities of 0 to 10 are read; its reasons are
written after the score and explain nothing. `python -m tests.bench.annotate` measures whether the scores tell a clip's
own sound from another's. Train on nothing that they select.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, DynamicCache, LlamaForCausalLM

from soundclip_demo import weights
from soundclip_demo.audio import Sound
from soundclip_demo.captioner import relevant_patches
from soundclip_demo.config import DEFAULT_PROMPT, Config
from soundclip_demo.engine import Engine
from soundclip_demo.events import CaptionPart, Missing, Setting
from soundclip_demo.parts import NotReady

from .annotators import Annotators
from .ave2 import HIGHEST, Alignment
from .corpus import categories
from .generation import spaced
from .scoring import QUESTIONS, Question, fields

PATCHES = 8  # as many as the LLaVA saw in training (`batches.PATCHES`)
CAPTION_TOKENS, REASON_TOKENS = 60, 32
ASKED = """<|im_start|>user
Picture: {seen}
Sound: {heard}
{question} Answer with a number from 0 (not at all) to 10 (entirely).<|im_end|>
<|im_start|>assistant
"""
WHY = "{score}<|im_end|>\n<|im_start|>user\nWhy? Answer in one short sentence.<|im_end|>\n<|im_start|>assistant\n"


def annotators(config: Config | None = None) -> Annotators:
    """The compact suite's own models."""
    config = config or Config()
    engine = cache(lambda: Engine(config))  # both describers run in one
    llava = f"compact LLaVA@{_revision(config.checkpoints / 'llava')}"
    source = weights.SOURCES["language"]
    heard = _revision(config.checkpoints, "whisperclip-")
    return Annotators(
        {"video": llava, "sound": f"{llava} on WhisperCLIP@{heard}", "scorer": f"{source.title}@{source.key}"},
        lambda: FrameCaptioner(engine()),
        lambda: TokenDescriber(engine()),
        lambda: NumberScorer(weights.ensure("language", config.cache)),
    )


def _revision(folder: Path, prefix: str = "") -> str:
    """Names the content of the checkpoints of a folder."""
    files = sorted(folder.rglob(f"{prefix}*.safetensors"))
    return sha256("".join(map(weights.sha256, files)).encode()).hexdigest()[:12]


class FrameCaptioner:
    """The compact LLaVA sees one frame, the middle one: its token and its most relevant patches.

    Only its first sentence counts: it was taught on sounds last, and its second one always tells how a thing sounds.
    """

    def __init__(self, engine: Engine) -> None:
        self._tower, self._captioner = engine.parts.tower(), engine.parts.captioner()

    def __call__(self, frames: Sequence[Image.Image]) -> str:
        tokens, patches = self._tower.look([frames[len(frames) // 2]])
        token, patches = tokens[0], patches[0]
        visual = torch.cat([token[None], patches[relevant_patches(token, patches, PATCHES)]])
        *_, text = "", *self._captioner.stream(visual, DEFAULT_PROMPT, CAPTION_TOKENS)
        return _first_sentence(text)


class TokenDescriber:
    """The compact LLaVA hears the window: its projected WhisperCLIP token, as on the page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, window: np.ndarray, rate: int) -> str:
        text = ""
        for event in self._engine.run(Sound(window, rate), Setting(max_new_tokens=CAPTION_TOKENS)):
            if isinstance(event, Missing):
                raise NotReady(event.message)
            if isinstance(event, CaptionPart):
                text = event.text
        return text


class NumberScorer:
    """SmolLM2-135M-Instruct, held to numbers: a score is the rounded expectation over 0 to 10.

    The sources are not its words either: they are the categories of `tables/categories.csv` that the texts name.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).eval()
        ending = [self._tokenizer.eos_token_id]  # without it "1" would take what belongs to "10"
        self._numbers = [self._ids(str(number)) + ending for number in range(HIGHEST + 1)]

    def __call__(self, question: Question) -> str:
        seen, heard = question.seen, question.heard
        scores = {name: round(value) for name, value in self.expectations(seen, heard).items()}
        reasons = {name: self._reason(name, score, seen, heard) for name, score in scores.items()}
        return json.dumps(fields(Alignment(scores, reasons, *sources(seen, heard))), ensure_ascii=False)

    def expectations(self, seen: str, heard: str) -> dict[str, float]:
        """By dimension, the mean of 0 to 10 under the model's probabilities."""
        numbers = torch.arange(HIGHEST + 1, dtype=torch.float32)
        asked = {name: ASKED.format(seen=seen, heard=heard, question=text) for name, text in QUESTIONS.items()}
        return {name: float(self._probabilities(text) @ numbers) for name, text in asked.items()}

    @torch.inference_mode()
    def _probabilities(self, prompt: str) -> torch.Tensor:
        """Of 0 to 10 as the whole answer to `prompt`, [11], summing to one."""
        past = DynamicCache()
        ids = torch.tensor([self._ids(prompt)])
        first = self._model(ids, past_key_values=past, logits_to_keep=1).logits[0, -1].log_softmax(0)
        longest = max(map(len, self._numbers))
        # Padding goes to the right, where nothing that counts looks at it.
        padded = torch.tensor([row + row[-1:] * (longest - len(row)) for row in self._numbers])
        past.batch_repeat_interleave(len(padded))
        later = self._model(padded, past_key_values=past).logits.log_softmax(-1)
        said = torch.stack([
            first[row[0]] + sum(later[i, at, token] for at, token in enumerate(row[1:]))
            for i, row in enumerate(self._numbers)
        ])
        return said.softmax(0)

    @torch.inference_mode()
    def _reason(self, dimension: str, score: int, seen: str, heard: str) -> str:
        prompt = ASKED.format(seen=seen, heard=heard, question=QUESTIONS[dimension]) + WHY.format(score=score)
        ids = torch.tensor([self._ids(prompt)])
        written = self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=REASON_TOKENS,
            do_sample=False,
            eos_token_id=self._tokenizer.eos_token_id,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        text = self._tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True).strip()
        return _first_sentence(text) or "no reason was written"

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False).input_ids


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text)[0]


def sources(seen: str, heard: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Categories named in both texts, in what was heard only, and in what was seen only; by whole words."""
    words = {name: (name, *category.words) for name, category in categories().items()}
    saw, heard_of = (
        [name for name, known in words.items() if any(spaced(word) in spaced(text) for word in known)]
        for text in (seen, heard)
    )
    return (
        tuple(name for name in saw if name in heard_of),
        tuple(name for name in heard_of if name not in saw),
        tuple(name for name in saw if name not in heard_of),
    )
