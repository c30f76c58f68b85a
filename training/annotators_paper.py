"""Published annotators, through transformers: LLaVA-NeXT-Video, Qwen2-Audio and Mistral-7B-Instruct.

AVE-2's sounds were described by LTU-AS (paper-facts section 6.2), which transformers does not have; Qwen2-Audio is an
audio language model of the same kind that it has. Each is about 15 GB and they are loaded one after the other. Only
safetensors are read. The commit that a branch stood at when a run began is part of the model's name from then on.
"""

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    AutoModelForCausalLM,
    AutoProcessor,
    AutoTokenizer,
    CLIPImageProcessorPil,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedModel,
    Qwen2AudioForConditionalGeneration,
)

from soundclip_demo.audio import resample
from soundclip_demo.llava_next import precision
from soundclip_demo.suites import device

from .annotators import Annotators
from .scoring import Question, by_texts

REPOSITORIES = {
    "video": "llava-hf/LLaVA-NeXT-Video-7B-hf",
    "sound": "Qwen/Qwen2-Audio-7B-Instruct",
    "scorer": "mistralai/Mistral-7B-Instruct-v0.3",
}
WANTED = ("*.json", "model*.safetensors", "*.txt", "tokenizer.model")  # Mistral's consolidated copy is left out
SEE = "Describe what can be seen in this video: the place, the people and things, and what they do."
HEAR = "Describe every sound that can be heard in this recording, what makes it, and how it sounds."
CAPTION_TOKENS, REPLY_TOKENS = 256, 1024
VICUNA = "USER: {video}\n{prompt} ASSISTANT:"  # the chat format of LLaVA-NeXT-Video's language model


def annotators(earlier: dict[str, str] | None = None) -> Annotators:
    """The three, at the commits that `earlier` names, else at those of today.

    Raises:
        OSError: the hub cannot be reached and the model is not in its cache either.
    """
    names = earlier or {part: f"{name}@{_commit(name)}" for part, name in REPOSITORIES.items()}
    return Annotators(
        "paper",
        names,
        lambda: LlavaVideo(_fetch(names["video"])),
        lambda: QwenAudio(_fetch(names["sound"])),
        lambda: by_texts(Mistral(_fetch(names["scorer"]))),
    )


def _commit(repository: str) -> str:
    """The commit that the repository's main branch stands at; offline, the one that was fetched last."""
    from huggingface_hub import HfApi, snapshot_download

    try:
        return HfApi().model_info(repository).sha
    except Exception as error:  # gated, offline or down: the hub's client raises several families of errors
        try:
            return Path(snapshot_download(repository, local_files_only=True)).name
        except OSError:
            raise OSError(f"{repository} can neither be reached nor is it in the cache ({error})") from error


def _fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download

    repository, commit = name.split("@")
    return Path(snapshot_download(repository, revision=commit, allow_patterns=WANTED))


class LlavaVideo:
    """LLaVA-NeXT-Video.

    Frames go through CLIP's preprocessing as in `soundclip_demo.clip`, since transformers' own video processor needs
    torchvision; the placeholder is repeated as often as the model has tokens for them.
    """

    def __init__(self, folder: Path) -> None:
        self._model = _load(LlavaNextVideoForConditionalGeneration, folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._processor = CLIPImageProcessorPil.from_pretrained(folder)

    def __call__(self, frames: Sequence[Image.Image]) -> str:
        config = self._model.config
        pixels = self._processor(list(frames), return_tensors="pt").pixel_values[None]  # [1, F, 3, 336, 336]
        side = pixels.shape[-1] // config.vision_config.patch_size // config.spatial_pool_stride
        video = self._tokenizer.convert_ids_to_tokens(config.video_token_index) * (len(frames) * side**2)
        inputs = self._tokenizer(VICUNA.format(video=video, prompt=SEE), return_tensors="pt")
        ids = _generate(self._model, dict(inputs) | {"pixel_values_videos": pixels}, CAPTION_TOKENS)
        return self._tokenizer.decode(ids, skip_special_tokens=True).strip()


class QwenAudio:
    """Qwen2-Audio-Instruct."""

    def __init__(self, folder: Path) -> None:
        self._model = _load(Qwen2AudioForConditionalGeneration, folder)
        self._processor = AutoProcessor.from_pretrained(folder)

    def __call__(self, window: np.ndarray, rate: int) -> str:
        wanted = self._processor.feature_extractor.sampling_rate
        turn = [{"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": HEAR}]}]
        text = self._processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        heard = [resample(window, rate, wanted)]
        inputs = self._processor(text=text, audio=heard, sampling_rate=wanted, return_tensors="pt")
        ids = _generate(self._model, dict(inputs), CAPTION_TOKENS)
        return self._processor.tokenizer.decode(ids, skip_special_tokens=True).strip()


class Mistral:
    """Mistral-7B-Instruct, or any chat model of transformers."""

    def __init__(self, folder: Path) -> None:
        self._model = _load(AutoModelForCausalLM, folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder)

    def __call__(self, question: Question) -> str:
        turn = [{"role": "user", "content": question.text}]
        inputs = self._tokenizer.apply_chat_template(
            turn, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        ids = _generate(self._model, dict(inputs), REPLY_TOKENS)
        return self._tokenizer.decode(ids, skip_special_tokens=True)


def _load(kind: Any, folder: Path) -> PreTrainedModel:
    gc.collect()  # the stage before has let its model go, which must be out of memory before the next one is in
    to = device()
    return kind.from_pretrained(folder, dtype=precision(to), device_map={"": to}, use_safetensors=True).eval()


@torch.inference_mode()
def _generate(model: PreTrainedModel, inputs: dict[str, torch.Tensor], most: int) -> torch.Tensor:
    """Greedy: the ids that were written after the prompt."""
    given = {
        name: value.to(model.device, model.dtype if value.is_floating_point() else None)
        for name, value in inputs.items()
    }
    written = model.generate(**given, max_new_tokens=most, do_sample=False)
    return written[0, inputs["input_ids"].shape[1] :]
