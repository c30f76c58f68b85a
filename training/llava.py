"""Trains the compact LLaVA: first the multimodal projector on pictures, then a small adapter on sound tokens.

The adapter sees the tokens of all encoders and modes together, so that switching the mode on the page changes the
token and nothing else. Each stage starts by moving visual tokens next to the embeddings of the words that name
them, which needs no pass through the language model and saves most of the hours on two cores.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import LlavaForConditionalGeneration

from soundclip_demo import tensors
from soundclip_demo.captioner import SMOLLM2, Captioner
from soundclip_demo.config import DEFAULT_PROMPT

from .course import Course

PROMPTS = (DEFAULT_PROMPT, "Describe this sound.", "What is this?", "What makes this sound?")
PROMPT_SHARES = (0.5, 0.2, 0.15, 0.15)
Batch = tuple[Tensor, list[str]]  # visual [N, n, D] and a caption for each


@dataclass(frozen=True)
class Config:
    """`*_match` steps see only words' embeddings, `*_steps` the language model's loss."""

    batch: int
    picture_match: int
    picture_steps: int
    sound_match: int
    sound_steps: int
    match_rate: float
    rate: float
    rank: int  # of the adapter in the language model's attention
    projector_rank: int  # and in the multimodal projector, where the sound tokens enter
    seed: int


@dataclass(frozen=True)
class Saved:
    """Where a stage's two loops leave their states.

    Attributes:
        folder: None saves nothing.
        randoms: generators that the stage's batches are drawn with.
    """

    folder: Path | None = None
    randoms: tuple[np.random.Generator, ...] = ()

    def course(
        self,
        loop: str,
        parameters: list[nn.Parameter],
        optimiser: Optimizer,
        schedule: LRScheduler | None = None,
        *randoms: np.random.Generator,
    ) -> Course:
        """Of the loop of that name, with generators of its own."""
        file = self.folder and self.folder / f"{loop}.safetensors"
        weights = {str(number): weight.detach() for number, weight in enumerate(parameters)}
        return Course(file, weights, optimiser, schedule, (*self.randoms, *randoms))


def match_words(
    captioner: Captioner,
    parameters: list[nn.Parameter],
    draw: Callable[[int], Batch],
    steps: int,
    config: Config,
    about: str = "words",
    saved: Saved = Saved(),
) -> float:
    """Moves projected visual tokens towards the mean embedding of the words that name them.

    Args:
        draw: gives a batch whose texts are those words.

    Returns:
        The mean loss of the last tenth of the steps.
    """
    words = captioner.llava.get_input_embeddings()
    projector = captioner.llava.model.multi_modal_projector
    anchors: dict[str, Tensor] = {}
    optimiser = torch.optim.AdamW(parameters, lr=config.match_rate, weight_decay=0.0)
    course = saved.course(about, parameters, optimiser)
    for bar in course.turns(steps, about, "step"):
        visual, texts = draw(4 * config.batch)
        for text in set(texts) - anchors.keys():
            ids = captioner.tokenizer(f" {text}", add_special_tokens=False).input_ids
            anchors[text] = words(torch.tensor(ids)).mean(0).detach()
        names = sorted(set(texts))
        goals = torch.stack([anchors[name] for name in names])
        target = torch.tensor([names.index(text) for text in texts])
        seen = projector(visual)[:, 0]
        scale = goals.norm(dim=1).mean()
        nearer = F.cross_entropy(-torch.cdist(seen, goals).square() / scale, target)
        loss = nearer + F.mse_loss(seen, goals[target]) / goals.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        course.add(loss=loss.item())
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
    return _last(course)


def write_captions(
    captioner: Captioner,
    parameters: list[nn.Parameter],
    draw: Callable[[int], Batch],
    steps: int,
    config: Config,
    about: str,
    saved: Saved = Saved(),
) -> float:
    """Trains on the language model's loss of the captions -> mean loss of the last tenth of the steps."""
    random = np.random.default_rng(config.seed)
    optimiser = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, max(20, steps), pct_start=0.1)
    course = saved.course(about, parameters, optimiser, schedule, random)
    for bar in course.turns(steps, about, "step"):
        visual, texts = draw(config.batch)
        loss = caption_loss(captioner, visual, str(random.choice(PROMPTS, p=PROMPT_SHARES)), texts)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        course.add(loss=loss.item())
        bar.set_postfix(loss=f"{loss.item():.2f}", refresh=False)
    return _last(course)


def _last(course: Course) -> float:
    """Mean loss of the last tenth of the steps."""
    return float(np.mean([row["loss"] for row in course.rows[-max(1, len(course.rows) // 10) :]]))


def caption_loss(captioner: Captioner, visual: Tensor, prompt: str, texts: list[str]) -> Tensor:
    """Cross-entropy of the captions' tokens, end included; the language model runs once over the batch."""
    llava, tokenizer = captioner.llava, captioner.tokenizer
    ids = [tokenizer(text, add_special_tokens=False).input_ids + [tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, ids))
    # Padding goes to the right of a causal model, where nothing that counts looks at it.
    padded = torch.tensor([row + [tokenizer.eos_token_id] * (longest - len(row)) for row in ids])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for row in ids])
    asked = torch.cat([captioner.embed(one, prompt) for one in visual])
    said = llava.get_input_embeddings()(padded)
    hidden = llava.model.language_model(inputs_embeds=torch.cat([asked, said], dim=1)).last_hidden_state
    logits = llava.lm_head(hidden[:, asked.shape[1] - 1 : -1])
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)


def train_projector(
    llava: LlavaForConditionalGeneration, tokenizer, words: Callable[[int], Batch], captions: Callable[[int], Batch],
    config: Config, saved: Saved = Saved(),
) -> dict[str, float]:
    """Stage 1: only the multimodal projector learns, on pictures. Returns the final losses."""
    torch.manual_seed(config.seed)
    captioner = Captioner(llava, tokenizer, SMOLLM2)
    llava.requires_grad_(False)
    parameters = list(llava.model.multi_modal_projector.requires_grad_(True).parameters())
    matching = match_words(captioner, parameters, words, config.picture_match, config, "words of pictures", saved)
    writing = write_captions(captioner, parameters, captions, config.picture_steps, config, "pictures", saved)
    return {"words": matching, "captions": writing}


def train_adapter(
    llava: LlavaForConditionalGeneration, tokenizer, words: Callable[[int], Batch], captions: Callable[[int], Batch],
    config: Config, saved: Saved = Saved(),
) -> tuple[PeftModel, dict[str, float]]:
    """Stage 2: a LoRA adapter learns on sound tokens; everything under it stays as it is."""
    torch.manual_seed(config.seed)
    adapted = get_peft_model(llava, form(config))
    captioner = Captioner(llava, tokenizer, SMOLLM2)  # peft has put the adapter into the model itself
    trained = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    entering = [p for name, p in trained.items() if "multi_modal_projector" in name]
    matching = match_words(captioner, entering, words, config.sound_match, config, "words of sounds", saved)
    everything = list(trained.values())
    writing = write_captions(captioner, everything, captions, config.sound_steps, config, "sounds", saved)
    return adapted, {"words": matching, "captions": writing}


def form(config: Any) -> LoraConfig:
    """Where an adapter sits: in the language model's attention, and in the multimodal projector."""
    entrance = ["linear_1", "linear_2"]
    return LoraConfig(
        r=config.rank,
        lora_alpha=2 * config.rank,
        target_modules=r".*(language_model.*\.(q|k|v|o)_proj|multi_modal_projector\.linear_[12])",
        rank_pattern=dict.fromkeys(entrance, config.projector_rank),
        alpha_pattern=dict.fromkeys(entrance, 2 * config.projector_rank),
    )


def save_projector(llava: LlavaForConditionalGeneration, file: Path, card: dict) -> None:
    """Writes the multimodal projector in float16, with its card in the header."""
    file.parent.mkdir(parents=True, exist_ok=True)
    state = llava.model.multi_modal_projector.state_dict()
    tensors.save(file, {k: v.half().contiguous() for k, v in state.items()}, {"card": json.dumps(card)})
