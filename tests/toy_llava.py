"""A tiny random LLaVA-1.6-Mistral with the published one's classes and hub folder, 576 patches and all."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers
from torch import Tensor
from transformers import CLIPVisionConfig, LlavaNextConfig, LlavaNextForConditionalGeneration, MistralConfig

from soundclip_demo import clip
from soundclip_demo.captioner import Captioner
from soundclip_demo.config import DEFAULT_PROMPT

WIDTH = 32  # of the CLIP tower
IMAGE = "<image>"
GRID = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
# the published chat format, for content that has its picture first; its "<\\s>" is mended, as it was on the hub later
CHAT = (
    "{% for turn in messages %}{% if turn.role == 'user' %}[INST] {% for part in turn.content %}"
    "{{ '<image>\n' if part.type == 'image' else part.text }}{% endfor %} [/INST]"
    "{% else %} {{ turn.content[0].text }}</s> {% endif %}{% endfor %}"
)
# the settings of the published preprocessor_config.json
PREPROCESSOR = {
    "aspect_ratio_setting": "anyres",
    "crop_size": {"height": 336, "width": 336},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_resize": True,
    "image_grid_pinpoints": GRID,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "LlavaNextImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "processor_class": "LlavaNextProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"shortest_edge": 336},
}
HUB_NAMES = {  # transformers 5's -> those of the files on the hub
    "model.vision_tower.": "vision_tower.vision_model.",
    "model.language_model.": "language_model.model.",
    "lm_head.": "language_model.lm_head.",
    "model.": "",
}


def write_tokenizer(folder: Path) -> int:
    """Mistral's kind: BPE over bytes, a space before every piece of text, `<s>` in front. Returns the image's id."""
    control = ["<unk>", "<s>", "</s>"]
    core = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    every_byte = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=control + every_byte, show_progress=False)
    core.train_from_iterator([f"[INST] {DEFAULT_PROMPT} [/INST] A dog barks."], trainer)
    state = json.loads(core.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in control]
    core = Tokenizer.from_str(json.dumps(state))
    core.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in (IMAGE, "<pad>")])
    core.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_bos_token": True, "add_eos_token": False}
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about | names))
    return core.token_to_id(IMAGE)


def config(image: int) -> LlavaNextConfig:
    return LlavaNextConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=WIDTH,
            intermediate_size=64,
            num_hidden_layers=4,
            num_attention_heads=2,
            image_size=336,
            patch_size=14,
            projection_dim=16,
        ),
        text_config=MistralConfig(
            vocab_size=448,
            hidden_size=48,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,
            sliding_window=None,
            bos_token_id=1,
            eos_token_id=2,
        ),
        image_token_index=image,
        image_grid_pinpoints=GRID,
        tie_word_embeddings=False,
    )


def state(image: int) -> dict[str, Tensor]:
    """Random weights in float16, lively enough that what is seen changes what is said."""
    torch.manual_seed(0)
    model = LlavaNextForConditionalGeneration(config(image))
    for name, weight in model.named_parameters():
        scale = 0.3 if weight.ndim > 1 else 0.1
        weight.data = torch.randn(weight.shape) * scale + ("norm" in name and name.endswith("weight"))
    return {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}


def hub_name(name: str) -> str:
    ours = next((prefix for prefix in HUB_NAMES if name.startswith(prefix)), "")
    return HUB_NAMES.get(ours, "") + name.removeprefix(ours)


def write_weights(folder: Path, tensors: dict[str, Tensor], shards: int = 3) -> None:
    """As the hub has them: several files and an index, or one file. The tower begins in the first."""
    names = sorted(tensors, key=lambda name: ("vision_tower" not in name, name))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    index, size = {}, -(-len(names) // shards)
    for i in range(shards):
        part, file = names[i * size : (i + 1) * size], f"model-{i + 1:05}-of-{shards:05}.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file, {"format": "pt"})
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def checkpoint(folder: Path, hub: bool = True, shards: int = 3, **changes: Tensor | None) -> Path:
    """A whole checkpoint folder.

    Args:
        hub: the hub's names, else those of transformers 5.
        changes: by the hub's names: tensors that replace or are added; None removes.
    """
    folder.mkdir(parents=True)
    image = write_tokenizer(folder)
    config(image).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 1, "eos_token_id": 2}))
    tensors = {hub_name(name) if hub else name: tensor for name, tensor in state(image).items()} | changes
    write_weights(folder, {name: tensor for name, tensor in tensors.items() if tensor is not None}, shards)
    return folder


def tower(captioner: Captioner, folder: Path) -> clip.ClipTower:
    """The CLIP tower inside a loaded captioner."""
    return clip.ClipTower(captioner.llava.model.vision_tower, clip.processor(folder))
