"""Toy checkpoints of the product's own classes, and the sounds, pictures and folders that tests run on."""

import csv
import json
import shutil
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import soundfile
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizerFast,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
    WhisperConfig,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from soundclip_demo import clips, gallery, llava, vision, weights
from soundclip_demo.captioner import SMOLLM2, Captioner
from soundclip_demo.config import DEFAULT_PROMPT, Config
from soundclip_demo.encoders import checkpoint, whisper, whisperclip
from soundclip_demo.encoders.base import TowerEncoder
from soundclip_demo.encoders.joint import Side, Sides, load_words
from soundclip_demo.gallery_build import save as save_gallery
from soundclip_demo.suites import SUITES, Space
from training import projector, settings
from training.families import FAMILIES

RATE = 16_000
WIDTH, LAYERS = 64, 2  # of the toy Whisper
CLASSES = ("dog", "cat", "cow")
CLIPS = 12
PITCH = {"dog": 300, "cat": 1500, "cow": 5000}  # of the sounds of a toy corpus
RECORDINGS, PICTURES = 12, 4  # of each category


# Sounds


def noise(seconds: float, rate: int = RATE, level: float = 0.2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(seconds * rate)).clip(-1, 1).astype(np.float32)


def tone(hertz: float, seconds: float, rate: int = RATE, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_sound(path: Path, samples: np.ndarray, rate: int = RATE, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def windows(count: int = 3, rate: int = RATE) -> torch.Tensor:
    """Different 3-second windows [count, 3 * rate]: noise, tones, a click."""
    kinds = [
        noise(3.0, rate),
        tone(440, 3.0, rate),
        tone(3000, 3.0, rate, level=0.05) + noise(3.0, rate, level=0.01),
        noise(3.0, rate, level=1e-4),
    ]
    kinds[3][100:200] = 0.8
    return torch.from_numpy(np.stack(kinds[:count]))


def noises(count: int, rate: int) -> torch.Tensor:
    """Noises of different loudness and colour [count, 3 * rate]."""
    made = [np.convolve(noise(3.0, rate, seed=i), np.ones(1 + 4 * i) / (1 + 2 * i), "same") for i in range(count)]
    return torch.from_numpy(np.stack(made).astype(np.float32))


# Pictures and videos


def picture(seed: int = 0, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Large coloured squares, different for each seed."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(squares).resize(size, Image.Resampling.NEAREST)


def shades(seconds: float, size: tuple[int, int] = (64, 48), rate: int = clips.FPS) -> Iterable[av.VideoFrame]:
    """Frames that brighten from black to white over the whole length."""
    count = round(seconds * rate)
    for i in range(count):
        level = np.full((size[1], size[0], 3), round(255 * i / max(1, count - 1)), np.uint8)
        yield av.VideoFrame.from_ndarray(level, format="rgb24")


def write_video(path: Path, seconds: float = 3.0, sound: np.ndarray | None = None, rate: int = clips.FPS) -> Path:
    """A video of `shades`; `sound` at 48 kHz, None leaves it without a sound track."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if sound is not None:
        clips.write(path, shades(seconds), sound, (64, 48), 30)
        return path
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in shades(seconds, rate=rate):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


# Checkpoints


def trunk(positions: int = 1500, seed: int = 0) -> WhisperEncoder:
    """A Whisper encoder with random weights and the full 30-second context of a published one."""
    torch.manual_seed(seed)
    config = WhisperConfig(
        d_model=WIDTH,
        encoder_layers=LAYERS,
        encoder_attention_heads=WIDTH // 64,
        encoder_ffn_dim=2 * WIDTH,
        num_mel_bins=80,
        max_source_positions=positions,
    )
    encoder = WhisperEncoder(config).eval()
    with torch.no_grad():
        for name, weight in encoder.named_parameters():
            weight.copy_(torch.randn(weight.shape) * (0.3 if weight.ndim > 1 else 0.1) + ("norm.weight" in name))
    return encoder


def whisper_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in trunk().state_dict().items()}, folder / "model.safetensors")
    return folder


def ctranslate2(file: Path, variables: dict[str, np.ndarray], version: int = 6) -> Path:
    """Writes variables in the layout that `convert.read_ctranslate2` describes."""
    kinds = {np.dtype(kind): code for code, kind in enumerate((np.float32, np.int8, np.int16, np.int32, np.float16))}

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value.encode()) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, array in variables.items():
        content += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        content += struct.pack("<BI", kinds[array.dtype], array.nbytes) + array.tobytes()
    file.write_bytes(content)
    return file


def tower(width: float = 0.1, hidden: int = 64, seed: int = 0) -> vision.EfficientNetLite:
    """A small tower whose random weights keep the signal alive through all blocks."""
    torch.manual_seed(seed)
    model = vision.EfficientNetLite(vision.EfficientNetLiteConfig(width=width, hidden_size=hidden))
    for weight in model.parameters():
        if weight.ndim == 4:
            torch.nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
    return model.eval()


def vision_folder(folder: Path) -> Path:
    """Full size, since `vision.load` opens nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: value.contiguous()
        for name, value in tower(1.0, 1280).state_dict().items()
        if name not in ("mean", "std") and not name.endswith("num_batches_tracked")
    }
    save_file(state, folder / "model.safetensors")
    return folder


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with SmolLM2's control tokens."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", llava.IMAGE_TOKEN]
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=control,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(
        [DEFAULT_PROMPT, "user\nassistant\n", *(f" A {name} makes a sound." for name in CLASSES)], trainer
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        additional_special_tokens=[llava.IMAGE_TOKEN],
    )


def language_folder(folder: Path) -> Path:
    words = tokenizer()
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.3,
        tie_word_embeddings=True,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    words.save_pretrained(folder)
    LlamaForCausalLM(config).half().save_pretrained(folder)
    return folder


def assemble(
    language: Path, eye: vision.EfficientNetLite | None = None
) -> tuple[LlavaForConditionalGeneration, object]:
    torch.manual_seed(2)
    return llava.assemble(eye or tower(), language)


def captioner(language: Path) -> Captioner:
    model, words = assemble(language)
    return Captioner(model, words, SMOLLM2)


def clip_folder(folder: Path) -> Path:
    """A tiny random CLIP in the hub's form, which reads letters."""
    letters = "abcdefghijklmnopqrstuvwxyz."
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizerFast(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[]).save_pretrained(folder)
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"bos_token_id": len(pieces) - 2, "eos_token_id": len(pieces) - 1}
    words = CLIPTextConfig(vocab_size=len(pieces), max_position_embeddings=12, **size, **ends)
    pixels = CLIPVisionConfig(image_size=32, patch_size=8, **size)
    torch.manual_seed(0)
    config = CLIPConfig(text_config=words.to_dict(), vision_config=pixels.to_dict(), projection_dim=16)
    CLIPModel(config).save_pretrained(folder)
    side = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side).save_pretrained(folder)
    return folder


def settings_of(kind: type, verb: str, suite: str = "compact", **changes: object):
    """A suite's settings of a verb, with changes."""
    return replace(settings.read(kind, verb, suite), **changes)


# Folders


def install(part: str, cache: Path, make) -> Path:
    """Puts a converted checkpoint where `weights.ensure` finds it intact."""
    folder = make(weights.folder(part, cache))
    hashes = {file.name: weights.sha256(file) for file in sorted(folder.iterdir()) if file.name != "manifest.json"}
    (folder / "manifest.json").write_text(json.dumps(hashes))
    return folder


def corpus_folder(folder: Path) -> Path:
    """Three categories told apart by pitch; one recording in two files, and one that is silent."""
    sounds, pictures = ["file,category,recording,source"], ["file,category,kind"]
    for name, hertz in PITCH.items():
        for i in range(RECORDINGS):
            for part in range(1 + (i == 0)):
                file = f"sounds/{name}-{i}-{part}.wav"
                write_sound(folder / file, tone(hertz + 10 * i, 1.0) + noise(1.0, level=0.02, seed=i))
                sounds.append(f"{file},{name},{name}/{i},toy")
        for i in range(PICTURES):
            (folder / "pictures").mkdir(exist_ok=True)
            picture(100 + i + 10 * hertz).save(folder / f"pictures/{name}-{i}.png")
            pictures.append(f"pictures/{name}-{i}.png,{name},photo")
    write_sound(folder / "sounds" / "silent.wav", np.zeros(RATE, np.float32))
    sounds.append("sounds/silent.wav,dog,dog/silent,toy")
    (folder / "sounds.csv").write_text("\n".join(sounds) + "\n")
    (folder / "pictures.csv").write_text("\n".join(pictures) + "\n")
    return folder


def gallery_folder(folder: Path, eye: vision.EfficientNetLite, space: Space, count: int = CLIPS) -> Path:
    """Clips of three categories in turn; each has its own poster."""
    rows = []
    for name in ("videos", "posters", "attribution"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        names = {"video": f"videos/c{i}.mp4", "poster": f"posters/c{i}.png", "attribution": f"attribution/c{i}.txt"}
        write_video(folder / names["video"], 0.4, tone(200 + 50 * i, 0.4, clips.RATE))
        picture(i).save(folder / names["poster"])
        (folder / names["attribution"]).write_text(f"by the author of {i}")
        category = CLASSES[i % len(CLASSES)]
        about = {"id": f"c{i}", "category": category, "caption": f"A {category}, number {i}."}
        rows.append(about | names | {"still": "1", "picture_kind": "photo", "licence": "CC0-1.0"})
    save_gallery_without_umap(folder, rows, eye.look([picture(i) for i in range(count)])[0].numpy(), space)
    return folder


def save_gallery_without_umap(folder: Path, rows: list[dict[str, str]], tokens: np.ndarray, space: Space) -> None:
    """A gallery whose map needs no umap, whose first use takes many seconds."""
    save_gallery(folder, rows[:3], tokens[:3], "Toy gallery", "made up", space)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, gallery.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    np.save(folder / "tokens.npy", tokens.astype(np.float16))
    np.save(folder / "atlas.npy", np.random.default_rng(0).normal(0, 5, (len(rows), 2)).astype(np.float32))


@dataclass(frozen=True)
class Workspace:
    """A cache, a gallery and checkpoints that a whole engine runs on."""

    cache: Path
    gallery: Path
    checkpoints: Path

    def config(self, **changes: object) -> Config:
        own = {"cache": self.cache, "gallery": self.gallery, "checkpoints": self.checkpoints}
        return replace(Config(), **own | changes)


def workspace(root: Path) -> Workspace:
    made = Workspace(root / "cache", root / "gallery", root / "checkpoints")
    install("vision", made.cache, vision_folder)
    install("whisper", made.cache, whisper_folder)
    install("language", made.cache, language_folder)
    made.checkpoints.mkdir()
    eye = _standardised(made)
    gallery_folder(made.gallery, eye, SUITES["compact"].space(made.config()))
    _projectors(made)
    _llava(made, eye)
    return made


def worded(made: Workspace, folder: Path) -> Config:
    """The workspace with spaces for CLAP (words) and AudioCLIP (pictures and words); its checkpoints go to `folder`."""
    shutil.copytree(made.checkpoints, folder, dirs_exist_ok=True)
    torch.manual_seed(0)
    inputs = {"picture": 1280, "text": load_words(weights.folder("language", made.cache))(["dog"]).shape[1]}
    for name, sides in {"clap": ("text",), "audioclip": ("picture", "text")}.items():
        space = Sides({side: Side(inputs[side], 256) for side in sides})
        save_file(space.state_dict(), folder / f"{name}-joint.safetensors")
    return made.config(checkpoints=folder)


def _standardised(made: Workspace) -> vision.EfficientNetLite:
    plain = vision.load(weights.folder("vision", made.cache), None)
    pooled, _ = plain.look([picture(i) for i in range(CLIPS)])
    statistics = made.checkpoints / "vision-statistics.safetensors"
    save_file({"mean": pooled.mean(0), "std": pooled.std(0).clamp(min=1e-4)}, statistics)
    return vision.load(weights.folder("vision", made.cache), statistics)


def retrained(folder: Path, name: str) -> TowerEncoder:
    """The compact network of a family with random weights, saved and opened."""
    torch.manual_seed(4)
    family = FAMILIES[name]
    tower = family.build().train()
    with torch.no_grad():
        for _ in range(4):  # batch norms that have seen something
            tower.embed(tower.features(noises(4, tower.sample_rate)))
    checkpoint.save(folder / f"{name}.safetensors", tower, family.config, {})
    return checkpoint.retrained(family.kind, folder / f"{name}.safetensors")


def _projectors(made: Workspace) -> None:
    trunk = whisper.load_trunk(weights.folder("whisper", made.cache))
    with torch.inference_mode():
        summary = trunk.statistics(windows(4)).clone()
    heard = {"whisper": (whisper.SPEC, summary), "whisperclip": (whisperclip.SPEC, summary)}
    for name in FAMILIES:
        encoder = retrained(made.checkpoints, name)
        heard[name] = encoder.spec, encoder.encode(noises(4, encoder.sample_rate)).clone()
    for name, (spec, given) in heard.items():
        torch.manual_seed(3)
        fusion, fresh = projector.build(name, given, 1280, settings_of(projector.Config, "projector"))
        fresh.norm.fill_(30.0)
        if isinstance(fusion, whisperclip.Fusion):
            fusion.std.clamp_(min=0.1)  # what hardly differs between four windows would blow up rounding errors
        projector.save(made.checkpoints, name, fusion, fresh, {"encoder_spec": spec.hash})


def _llava(made: Workspace, eye: vision.EfficientNetLite) -> None:
    model, words = assemble(weights.folder("language", made.cache), eye)
    entering = model.model.multi_modal_projector.state_dict()
    out = made.checkpoints / "llava"
    out.mkdir()
    save_file({k: v.half().contiguous() for k, v in entering.items()}, out / "multi_modal_projector.safetensors")

    entrance = ["linear_1", "linear_2"]
    form = LoraConfig(
        r=2,
        rank_pattern=dict.fromkeys(entrance, 4),
        init_lora_weights=False,  # random: the adapter changes something
        target_modules=r".*(language_model.*\.(q|k|v|o)_proj|multi_modal_projector\.linear_[12])",
    )
    get_peft_model(model, form).half().save_pretrained(out / "adapter")
