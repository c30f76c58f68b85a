"""CLIP's own joint space, for B2: captions against frames (paper-facts section 12, 29 asks for ViT-L/14)."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from soundclip_demo.encoders.joint import JointSpace
from soundclip_demo.suites import device

MODEL = "openai/clip-vit-large-patch14"


def load(model: str = MODEL) -> JointSpace:
    """A CLIP of transformers: a folder, or a name on the hub. Texts are cut at the 77 tokens that it reads."""
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

    clip = CLIPModel.from_pretrained(model, dtype=torch.float32, use_safetensors=True).eval().to(device())
    words, pixels = CLIPTokenizerFast.from_pretrained(model), CLIPImageProcessor.from_pretrained(model)
    longest = clip.config.text_config.max_position_embeddings

    @torch.inference_mode()
    def pictures(images: list[Image.Image]) -> Tensor:
        given = pixels(images=[image.convert("RGB") for image in images], return_tensors="pt").to(clip.device)
        return clip.visual_projection(clip.vision_model(**given).pooler_output).cpu()

    @torch.inference_mode()
    def texts(given: Sequence[str]) -> Tensor:
        tokens = words(list(given), return_tensors="pt", padding=True, truncation=True, max_length=longest)
        return clip.text_projection(clip.text_model(**tokens.to(clip.device)).pooler_output).cpu()

    return JointSpace(pictures, texts)
