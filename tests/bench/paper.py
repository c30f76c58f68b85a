"""The paper suite's classes at full size with random weights: `python -m tests.bench.paper`, on a GPU if there is one.

Memory and time do not depend on what the weights are, so nothing is fetched. Milliseconds are for one clip, heard or
seen alone and in a batch; memory is what the weights take and, on a GPU, the most that was in use.
"""

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch
from PIL import Image
from torch import nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionModel,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    MistralConfig,
)

from soundclip_demo import clip, encoders, llava_next
from soundclip_demo.captioner import MISTRAL, Captioner
from soundclip_demo.config import DEFAULT_PROMPT, WINDOW_SECONDS, limit_threads
from soundclip_demo.encoders import whisper, whisperclip
from soundclip_demo.encoders.base import Encoder, TowerEncoder
from soundclip_demo.suites import device
from soundclip_demo.weights import WeightsError

BATCH, ROUNDS, WORDS = 8, 5, 32
SLOW = 3000.0  # milliseconds
LARGE_V2 = {"bands": 80, "positions": 1500, "blocks": 32, "width": 1280, "inner": 5120}


def main() -> None:
    limit_threads()
    where = device()
    print(torch.cuda.get_device_name() if where.type == "cuda" else f"CPU, {torch.get_num_threads()} threads")
    print(f"{'':14} {'million weights':>16} {'MB':>7} {'peak MB':>8} {'ms alone':>9} {f'ms in {BATCH}':>9}")
    for name in ("clap", "imagebind", "wav2clip", "audioclip"):
        kind = encoders.kind(name)
        tower = kind.tower(kind.config()).eval().to(where)
        measure(name, tower, heard(TowerEncoder(tower, kind.spec("random"))))
    whispers(where)
    config = LlavaNextConfig(text_config=MistralConfig(vocab_size=32_064).to_dict())
    look(config, where)
    caption(config, where)


def whispers(where: torch.device) -> None:
    trunk = whisper.Trunk(**LARGE_V2).eval().to(where)
    fusion = whisperclip.Fusion(LARGE_V2["blocks"], LARGE_V2["width"]).to(where)
    measure("whisper", trunk, heard(whisper.Whisper(trunk, whisper.PAPER_SPEC)))
    measure("whisperclip", trunk, heard(whisperclip.WhisperClip(trunk, fusion, whisperclip.PAPER_SPEC)))


def look(config: LlavaNextConfig, where: torch.device) -> None:
    side = config.vision_config.image_size
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    model = CLIPVisionModel(config.vision_config).to(where, llava_next.precision(where))
    tower, frames = clip.ClipTower(model, processor), [Image.new("RGB", (640, 360))] * BATCH
    measure("CLIP tower", model, lambda count: tower.look(frames[:count]))


def heard(encoder: Encoder) -> Callable[[int], object]:
    windows = torch.randn(BATCH, round(WINDOW_SECONDS * encoder.sample_rate)) * 0.1
    return lambda count: encoder.encode(windows[:count])


def measure(name: str, network: nn.Module, run: Callable[[int], object]) -> None:
    """Prints one row; `run` takes a number of clips."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    alone, together = milliseconds(lambda: run(1)), milliseconds(lambda: run(BATCH)) / BATCH
    print(f"{name:14} {sizes(network)} {alone:9.1f} {together:9.1f}", flush=True)


def caption(config: LlavaNextConfig, where: torch.device) -> None:
    """Prints what a caption of `WORDS` tokens takes, the sound alone or with patches seen."""
    with torch.device("meta"):
        shapes = LlavaNextForConditionalGeneration(config)
    try:
        llava_next.require_room(2 * count(shapes), llava_next.free_bytes(where), where, four_bit=False)
    except WeightsError as refused:
        print(f"no captions: {refused}")
        return
    torch.set_default_dtype(llava_next.precision(where))
    with where:
        llava = LlavaNextForConditionalGeneration(config)
    torch.set_default_dtype(torch.float32)
    captioner = Captioner(llava, wordless(), MISTRAL)
    for k in (0, 15, 150, 576):
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seen = torch.randn(1 + k, config.vision_config.hidden_size)
        first = milliseconds(lambda seen=seen: next(captioner.stream(seen, DEFAULT_PROMPT, 1)))
        whole = milliseconds(lambda seen=seen: list(captioner.stream(seen, DEFAULT_PROMPT, WORDS)))
        each = (whole - first) / (WORDS - 1)
        print(f"{f'LLaVA, k={k}':14} {sizes(llava)} {first:9.1f} to the first word, then {each:.1f} each", flush=True)


def wordless() -> SimpleNamespace:
    """Stands for the tokenizer, which would have to be fetched: an id for each three letters, and no end."""

    class Wordless(SimpleNamespace):
        def __call__(self, text: str, **options: bool) -> SimpleNamespace:
            return SimpleNamespace(input_ids=[5] * (1 + len(text) // 3))

    return Wordless(decode=lambda ids, **options: "word " * len(ids), added_tokens_encoder={}, eos_token_id=-1)


def milliseconds(run: Callable[[], object]) -> float:
    """Median of `ROUNDS` after one that is not counted; what takes seconds is run once."""
    taken = []
    while len(taken) <= ROUNDS and not (taken and taken[0] > SLOW):
        began = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[1:] or taken)


def sizes(network: nn.Module) -> str:
    weights = sum(p.numel() * p.element_size() for p in network.parameters()) / 1e6
    peak = f"{torch.cuda.max_memory_allocated() / 1e6:8.0f}" if torch.cuda.is_available() else f"{'':8}"
    return f"{count(network) / 1e6:16.1f} {weights:7.0f} {peak}"


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    main()
