"""Whether answers depend on the sound: `python -m tests.bench.asking [--words 24]` prints a table.

Every question is put about every sound, by each LLaVA: of the token alone; after the caption, as on the page; after
the caption with the token of another sound in its place, which tells what the token adds to the words that are there
already. An answer counts if it names the sound's category; the same answers held against the categories of all other
sounds say how often that happens by chance. Answers are decoded greedily, as the page's are, all sounds at once.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from soundclip_demo.captioner import Captioner
from soundclip_demo.config import DEFAULT_PROMPT, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.questions import Exchange, conversation
from soundclip_demo.ui.examples import read_examples

QUESTIONS = (
    "What is making this sound?",
    "Is it an animal, a machine or music?",
    "Where could this have been recorded?",
    "Is the sound high or low?",
    "What would I see there?",
)
MORE = 4  # clips of the gallery beside the example sounds; nothing was trained on their recordings either
CAPTION_WORDS = 40  # tokens
WAYS = ("token alone", "caption and token", "caption, another's token")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=24, help="tokens after which an answer is cut")
    given = parser.parse_args()
    limit_threads()
    engine = Engine(Config())
    sounds = dict(_sounds(engine))
    tokens = torch.stack([engine.embed_file(path, Setting())[1] for path in sounds.values()])
    print(f"{'LLaVA':8} {'asked of':25} {'answers':>8} {'names it':>9} {'names another':>14}")
    for protocol in engine.protocols():
        captioner = engine.parts.captioner(protocol)
        captions = _written(captioner, tokens, [(DEFAULT_PROMPT, [])] * len(tokens), CAPTION_WORDS)
        for way in WAYS:
            own, other = [], []
            for category, row in _answers(captioner, tokens, captions, way, list(sounds), given.words):
                told = {name: bool(engine.gallery.places_named(row["answer"], name)) for name in sounds}
                own.append(told.pop(category))
                other.append(sum(told.values()) / len(told))
                about = {"protocol": protocol, "way": way, "sound": category, "names": own[-1]}
                print(json.dumps(about | row), file=sys.stderr, flush=True)
            shares = f"{sum(own) / len(own):9.1%} {sum(other) / len(other):14.1%}"
            print(f"{protocol:8} {way:25} {len(own):8} {shares}", flush=True)


def _sounds(engine: Engine) -> Iterator[tuple[str, Path]]:
    """Category and file of each sound."""
    examples = {row.category: row.path for row in read_examples(engine.config.examples).values()}
    yield from examples.items()
    others = {clip.category: clip.video for clip in engine.gallery.clips if clip.category not in examples}
    yield from list(others.items())[:: len(others) // MORE][:MORE]


def _answers(
    captioner: Captioner, tokens: Tensor, captions: Sequence[str], way: str, categories: Sequence[str], words: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each sound's category with question, caption and answer. The other token is that of the next sound."""
    heard = tokens.roll(-1, 0) if way == WAYS[2] else tokens
    for question in QUESTIONS:
        told = [[] if way == WAYS[0] else [Exchange(DEFAULT_PROMPT, caption)] for caption in captions]
        answers = _written(captioner, heard, [conversation(history, question) for history in told], words)
        for category, caption, answer in zip(categories, captions, answers, strict=True):
            yield category, {"question": question, "caption": caption, "answer": answer}


@torch.inference_mode()
def _written(
    captioner: Captioner, tokens: Tensor, asked: Sequence[tuple[str, list[tuple[str, str]]]], most: int
) -> list[str]:
    """What is written of each of `tokens` [N, D] in its conversation, padded on the left to the longest of them."""
    rows = [captioner.embed(token[None], *said)[0] for token, said in zip(tokens, asked, strict=True)]
    longest = max(map(len, rows))
    padded = torch.stack([torch.cat([row.new_zeros(longest - len(row), row.shape[1]), row]) for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    ids = captioner.llava.generate(inputs_embeds=padded, attention_mask=mask, max_new_tokens=most, do_sample=False)
    return [text.strip() for text in captioner.tokenizer.batch_decode(ids, skip_special_tokens=True)]


if __name__ == "__main__":
    main()
