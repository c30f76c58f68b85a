"""How quickly captions are written: `python -m tests.bench.caption [--sounds 8]` prints a table.

The page's way, whose guesses come from captions that the results keep, beside plain `generate` of transformers in
float32, turn by turn on the same tokens: the bundled clips' sounds, of recordings that no kept caption is of. The bound
is reading every weight once for each token, at the bandwidth that two threads reach in the same run.
"""

import argparse
import copy
import statistics
import time

import torch
from transformers import PreTrainedModel

from soundclip_demo.captioner import Captioner
from soundclip_demo.config import DEFAULT_PROMPT, MAX_NEW_TOKENS, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import MODES, Setting
from soundclip_demo.packed import Packed, unpack

from .machine import bandwidth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=int, default=8)
    count = parser.parse_args().sounds
    limit_threads()
    engine = Engine(Config())
    videos = [clip.video for clip in engine.gallery.clips[:: len(engine.gallery.clips) // count]][:count]
    speed = bandwidth()
    print(f"two threads read {speed / 1e9:.1f} GB/s")
    heads = ("plain tok/s", "ours tok/s", "ratio", "bound tok/s", "same text")
    print(f"{'LLaVA':8} {'n':>4} {'tokens':>7} " + " ".join(f"{head:>11}" for head in heads))
    for protocol in engine.protocols():
        captioner = engine.parts.captioner(protocol)
        stock = as_published(captioner.llava)
        visuals = [engine.embed_file(video, Setting(mode=mode))[1][None] for video in videos for mode in MODES[:2]]
        plainly(captioner, stock, visuals[0]), ours(captioner, visuals[0])  # the first passes of all
        rows = [(*plainly(captioner, stock, visual), *ours(captioner, visual)) for visual in visuals]
        tokens = [length for _, length, _, _, _ in rows]
        plain = sum(tokens) / sum(row[2] for row in rows)
        quick = sum(tokens) / sum(row[4] for row in rows)
        same = sum(text == other for text, _, _, other, _ in rows)
        bound = speed / sum(each.numel() * each.element_size() for each in written_with(stock))
        figures = " ".join(f"{figure:11.2f}" for figure in (plain, quick, quick / plain, bound))
        print(f"{protocol:8} {len(rows):4} {statistics.mean(tokens):7.1f} {figures} {f'{same}/{len(rows)}':>11}")


def as_published(llava: PreTrainedModel) -> PreTrainedModel:
    """A copy with transformers' own layers."""
    packed = {id(part): part for part in llava.modules() if isinstance(part, Packed)}
    return unpack(copy.deepcopy(llava, packed))


@torch.inference_mode()
def plainly(captioner: Captioner, stock: PreTrainedModel, visual: torch.Tensor) -> tuple[str, int, float]:
    """Text, tokens and seconds of transformers' own greedy decoding by its own layers, the end token counted."""
    began = time.perf_counter()
    asked = captioner.embed(visual, DEFAULT_PROMPT)
    mask = torch.ones(asked.shape[:2], dtype=torch.long)
    ids = stock.generate(
        inputs_embeds=asked, attention_mask=mask, max_new_tokens=MAX_NEW_TOKENS, do_sample=False
    )[0]
    text = captioner.tokenizer.decode(ids, skip_special_tokens=True).strip()
    return text, len(ids), time.perf_counter() - began


def ours(captioner: Captioner, visual: torch.Tensor) -> tuple[str, float]:
    began = time.perf_counter()
    *_, text = captioner.stream(visual, DEFAULT_PROMPT, MAX_NEW_TOKENS)
    return text, time.perf_counter() - began


def written_with(stock: PreTrainedModel) -> list[torch.Tensor]:
    """The weights that every token needs; those of the words are the output layer's as well, and counted once."""
    return list({id(each): each for each in stock.model.language_model.parameters()}.values())


if __name__ == "__main__":
    main()
