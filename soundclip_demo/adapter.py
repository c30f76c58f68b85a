"""The adapter that makes a `frozen` LLaVA, which never saw a sound, a `tuned` one. Saved by peft in its own form.

Frozen is the protocol of the paper (paper-facts section 2); tuned is this project's, to show what sound tokens are
worth to a model that was allowed to learn them.
"""

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .captioner import Captioner


def trained(checkpoint: Path) -> bool:
    """Whether the folder of a LLaVA holds an adapter."""
    return (checkpoint / "adapter" / "adapter_model.safetensors").exists()


def tuned(captioner: "Captioner", checkpoint: Path) -> "Captioner":
    """A second captioner with the adapter in it, which shares every layer that the adapter leaves alone with the first.

    In float32 the adapter is merged into copies of the layers it changes: unmerged, a word takes half as long again. A
    16-bit or 4-bit model keeps it apart: it is a large one, and its weights would be rounded once more. Packed layers
    are unpacked for it, and packed again.
    """
    import torch
    from peft import PeftConfig, PeftModel

    from .packed import Packed, pack

    llava, folder = captioner.llava, checkpoint / "adapter"
    merged = llava.dtype == torch.float32
    targets = PeftConfig.from_pretrained(folder).target_modules
    layers = {name: module for name, module in llava.named_modules() if not list(module.children())}
    changed = {name for name in layers if merged and _targeted(name, targets)}
    copies = {id(module): module for name, module in layers.items() if name not in changed}
    unpacked = [module for name, module in layers.items() if name in changed and isinstance(module, Packed)]
    copies |= {id(module): module.linear() for module in unpacked}
    adapted = PeftModel.from_pretrained(copy.deepcopy(llava, copies), folder)
    model = adapted.merge_and_unload() if merged else adapted.get_base_model()
    if unpacked:
        pack(model, unpacked[0].rows)
    return type(captioner)(model, captioner.tokenizer, captioner.template)


def merge(llava: "PreTrainedModel", checkpoint: Path) -> "PreTrainedModel":
    """The adapter goes into the model's own weights, for good."""
    from peft import PeftModel

    from .packed import unpack

    return PeftModel.from_pretrained(unpack(llava), checkpoint / "adapter").merge_and_unload()


def _targeted(layer: str, targets: str | set[str]) -> bool:
    """Whether the adapter changes a layer: peft takes a pattern of whole names, or a set of their endings."""
    if isinstance(targets, str):
        return re.fullmatch(targets, layer) is not None
    return any(layer == target or layer.endswith(f".{target}") for target in targets)
