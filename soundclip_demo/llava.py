"""The compact LLaVA: transformers' LLaVA classes around EfficientNet-Lite0 and SmolLM2-135M-Instruct.

The multimodal projector and the adapter are trained by `training/llava.py`; everything else is as published.
"""


from pathlib import Path

import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration

from .captioner import SMOLLM2, Captioner
from .packed import pack
from .vision import EfficientNetLite

# SmolLM2 has no image token. Features enter as embeddings, so this id only has to be one that no text contains.
IMAGE_TOKEN = "<reponame>"
ROWS = 8  # tokens that a pass mostly looks at, see drafts.py


def assemble(tower: EfficientNetLite, language: Path) -> tuple[LlavaForConditionalGeneration, AutoTokenizer]:
    """A float32 LLaVA with a fresh multimodal projector, and the language model's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(language)
    words = LlamaForCausalLM.from_pretrained(language, dtype=torch.float32)
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=words.config,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",  # keep the class position: it is the one a sound replaces
        image_seq_length=1 + 49,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        llava = LlavaForConditionalGeneration(config)
    llava.model.vision_tower = tower
    llava.model.language_model = words.model
    llava.lm_head = words.lm_head
    llava.model.multi_modal_projector = type(llava.model.multi_modal_projector)(config)
    llava.generation_config.eos_token_id = tokenizer.eos_token_id
    llava.generation_config.pad_token_id = tokenizer.pad_token_id
    return llava, tokenizer


def load(tower: EfficientNetLite, language: Path, checkpoint: Path) -> Captioner:
    """The captioner that was taught pictures; `adapter.tuned` makes the one that was taught sounds.

    Args:
        checkpoint: folder with `multi_modal_projector.safetensors`.
    """
    llava, tokenizer = assemble(tower, language)
    llava.model.multi_modal_projector.load_state_dict(
        {k: v.float() for k, v in load_file(checkpoint / "multi_modal_projector.safetensors").items()}
    )
    return Captioner(pack(llava, ROWS), tokenizer, SMOLLM2)
