"""The paper suite's CLIP tower: a frame becomes one token and 576 patches in the space that LLaVA reads.

CLIP ViT-L/14 at 336 px, as it stands inside LLaVA-1.6-Mistral-7B: LLaVA trained it further, so it is read out of
LLaVA's checkpoint and not out of CLIP's. Token and patches are its second-to-last hidden state with the class
position kept (paper-facts section 2.1 and section 12, point 3). One 336 x 336 view, no any-resolution tiles.
"""

import json
import re
from pathlib import Path

import torch
import transformers.modeling_utils  # noqa: F401 - before all else of it: see parts.py
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from transformers import AutoConfig, CLIPImageProcessorPil, CLIPVisionModel

from .encoders.checkpoint import load_strict

LAYER = -2
COUNTED = "embeddings.position_ids"  # 0, 1, 2, ...: older files store it, the network makes it
# as on the hub, `vision_tower.vision_model.*`, and as transformers 5 names it, `model.vision_tower.*`
_KEY = re.compile(r"(?:model\.)?vision_tower\.(?:vision_model\.)?(.+)")


class ClipTower:
    """A CLIP vision model, alone or the one inside a LLaVA (`llava.model.vision_tower`), and its preprocessing."""

    def __init__(self, model: CLIPVisionModel, processor: CLIPImageProcessorPil) -> None:
        self.model = model.eval()
        self.processor = processor

    @torch.inference_mode()
    def look(self, images: list[Image.Image]) -> tuple[Tensor, Tensor]:
        """Pictures -> tokens `[N, 1024]` and patches `[N, 576, 1024]` in raster order, float32 on the CPU."""
        pixels = self.processor(images, return_tensors="pt").pixel_values
        states = self.model(pixels.to(self.model.device, self.model.dtype), output_hidden_states=True).hidden_states
        hidden = states[LAYER].float().cpu()
        return hidden[:, 0], hidden[:, 1:]

    def view(self, image: Image.Image) -> Image.Image:
        """The part of a picture that `look` sees, as large as it sees it."""
        plain = self.processor([image], return_tensors="np", do_rescale=False, do_normalize=False).pixel_values[0]
        return Image.fromarray(plain.transpose(1, 2, 0).clip(0, 255).astype("uint8"))


def load(folder: Path, device: torch.device, dtype: torch.dtype) -> ClipTower:
    """The tower out of a LLaVA checkpoint; nothing else of its 15 GB is read.

    Raises:
        CheckpointError: a key of the tower is missing, extra or of another shape.
    """
    model = CLIPVisionModel(AutoConfig.from_pretrained(folder).vision_config)
    load_strict(model, _tensors(folder), "The CLIP tower")
    return ClipTower(model.to(device, dtype), processor(folder))


def processor(folder: Path) -> CLIPImageProcessorPil:
    """Short edge to 336, centre crop, CLIP's mean and deviation, as the checkpoint's preprocessor config says."""
    return CLIPImageProcessorPil.from_pretrained(folder)


def shards(folder: Path) -> list[Path]:
    """The weight files of a checkpoint in the hub's layout."""
    return sorted({folder / name for name in _weight_map(folder).values()}) or [folder / "model.safetensors"]


def _weight_map(folder: Path) -> dict[str, str]:
    """Key -> file of a checkpoint in several files; empty where it is one file."""
    index = folder / "model.safetensors.index.json"
    return json.loads(index.read_text())["weight_map"] if index.exists() else {}


def _tensors(folder: Path) -> dict[str, Tensor]:
    """The tower's tensors under `CLIPVisionModel`'s own names, from those files that hold any."""
    files = {folder / name for key, name in _weight_map(folder).items() if _KEY.fullmatch(key)} or shards(folder)
    found = {}
    for file in files:
        with safe_open(file, "pt") as checkpoint:
            for key in checkpoint.keys():
                if (ours := _KEY.fullmatch(key)) and ours[1] != COUNTED:
                    found[ours[1]] = checkpoint.get_tensor(key)
    return found
