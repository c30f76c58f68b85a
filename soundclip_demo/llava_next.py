"""The paper suite's captioner: LLaVA-1.6-Mistral-7B as it lies on the hub (`llava-hf/llava-v1.6-mistral-7b-hf`).

Tokens enter as embeddings, which goes past LLaVA-NeXT's tiles and newline vectors. On a GPU the weights are 16-bit,
or 4-bit where bitsandbytes is installed and either asked for or needed; on a CPU they are float32.
"""

from pathlib import Path

import psutil
import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from transformers import AutoTokenizer, BitsAndBytesConfig, LlavaNextForConditionalGeneration
from transformers.utils import is_bitsandbytes_available

from . import clip
from .captioner import MISTRAL, Captioner
from .weights import CheckpointError, WeightsError

TITLE = "LLaVA-1.6-Mistral-7B"
HEADROOM = 1.1  # attention keys and values (131 kB a token) and working memory
FOUR_BIT_SHARE = 0.35  # of 15.1 GB: 7.0 billion weights at 4.1 bits, 0.6 billion (with embeddings) left at 16
# Left at 16 bits: the gallery's tokens, and those of a sound, live in the space of the unrounded tower.
WHOLE = ("model.vision_tower", "model.multi_modal_projector", "lm_head")


def load(folder: Path, device: torch.device, four_bit: bool) -> Captioner:
    """The captioner from a checkpoint folder of the hub.

    Raises:
        WeightsError: it does not fit into memory, or bitsandbytes is asked for and not there.
        CheckpointError: a key is missing, extra or of another shape.
    """
    weights = sum(file.stat().st_size for file in clip.shards(folder))
    four_bit = require_room(weights, free_bytes(device), device, four_bit)
    llava, found = LlavaNextForConditionalGeneration.from_pretrained(
        folder,
        dtype=precision(device),
        device_map={"": device},
        quantization_config=_four_bits(precision(device)) if four_bit else None,
        use_safetensors=True,  # never unpickle
        ignore_mismatched_sizes=True,  # they are refused by name
        output_loading_info=True,
    )
    _require_fit(found)
    return Captioner(llava, AutoTokenizer.from_pretrained(folder), MISTRAL)


def require_room(weights: int, free: int, device: torch.device, four_bit: bool) -> bool:
    """Whether to load in 4 bits: where it is asked for, or where a GPU holds no more.

    Args:
        weights: bytes of the checkpoint's files, whose numbers are 16-bit.
        free: bytes of the device's memory.

    Raises:
        WeightsError: one sentence with a way out.
    """
    gpu, quantiser = device.type == "cuda", is_bitsandbytes_available()
    if four_bit and not quantiser:
        raise WeightsError("4 bits need the package bitsandbytes, which is not here; install it or do without 4 bits")
    whole = HEADROOM * weights * (1 if gpu else 2)
    small = HEADROOM * weights * FOUR_BIT_SHARE
    four_bit = four_bit or (gpu and quantiser and whole > free)
    needed = small if four_bit else whole
    if needed > free:
        ways = ["use a larger GPU" if gpu else "use a GPU", "the compact suite"]
        if gpu and small <= free:
            ways.insert(0, "install bitsandbytes to load it in 4 bits")
        raise WeightsError(
            f"{TITLE} needs {needed / 1e9:.1f} GB of free {'GPU' if gpu else 'main'} memory and {free / 1e9:.1f} GB "
            f"are free; {', '.join(ways[:-1])} or {ways[-1]}"
        )
    return four_bit


def free_bytes(device: torch.device) -> int:
    """Memory that can be had now."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available


def precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the GPU has it: a raw token far off scale can overflow float16."""
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def _require_fit(found: dict[str, set]) -> None:
    """Refuses what transformers would fill with random numbers or leave out."""
    problems = {
        "missing": found["missing_keys"],
        "not known": {name for name in found["unexpected_keys"] if not name.endswith(clip.COUNTED)},
        "of another shape": {name for name, *_ in found["mismatched_keys"]},
    }
    if said := [f"{len(names)} {kind}, as {min(names)}" for kind, names in problems.items() if names]:
        raise CheckpointError(f"{TITLE} does not fit ({'; '.join(said)})")


def _four_bits(compute: torch.dtype) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
        llm_int8_skip_modules=list(WHOLE),  # also read for 4 bits, despite its name
    )
