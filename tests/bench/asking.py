"""Whether answers depend on the sound: `python -m tests.bench.asking [--words 24]` prints a table.

Every question is put about every sound, by each LLaVA: of the token alone, after the caption, and after the caption
with the token of another sound in its place, which tells what the token adds to the words that are there already. An
answer counts if it names the sound's category; the same answers held against the categories of the other sounds say
how often that happens by chance.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from soundclip_demo.config import Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import AnswerPart, CaptionPart, Setting
from soundclip_demo.questions import Exchange
from soundclip_demo.ui.examples import read_examples

QUESTIONS = (
    "What is making this sound?",
    "Is it an animal, a machine or music?",
    "Where could this have been recorded?",
    "Is the sound high or low?",
    "What would I see there?",
)
MORE = 4  # clips of the gallery beside the example sounds; nothing was trained on their recordings either
SWAPPED = "caption, another token"
WAYS = ("token", "caption and token", SWAPPED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=24, help="tokens after which an answer is cut")
    parser.add_argument("--protocols", nargs="+")
    given = parser.parse_args()
    limit_threads()
    engine = Engine(Config())
    sounds = dict(_sounds(engine))
    named: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    for protocol in given.protocols or engine.protocols()[::-1]:
        setting = Setting(protocol=protocol, max_new_tokens=2 * given.words)
        captions = {category: _last(engine.run_file(path, setting), CaptionPart) for category, path in sounds.items()}
        for way, category, question, answer in _answers(engine, sounds, captions, setting, given.words):
            told = {other: bool(engine.gallery.places_named(answer, other)) for other in sounds}
            own = told.pop(category)
            named[protocol, way].append((own, sum(told.values()) / len(told)))
            row = {"protocol": protocol, "way": way, "sound": category, "question": question, "answer": answer}
            print(json.dumps(row | {"named": own}), file=sys.stderr, flush=True)
    print(f"{'LLaVA':8} {'asked of':24} {'answers':>8} {'names it':>9} {'names another':>14}")
    for (protocol, way), rows in named.items():
        own, others = (sum(column) / len(rows) for column in zip(*rows, strict=True))
        print(f"{protocol:8} {way:24} {len(rows):8} {own:9.1%} {others:14.1%}")


def _sounds(engine: Engine) -> Iterator[tuple[str, Path]]:
    """Category and file of each sound."""
    examples = {row.category: row.path for row in read_examples(engine.config.examples).values()}
    yield from examples.items()
    others = {clip.category: clip.video for clip in engine.gallery.clips if clip.category not in examples}
    step = len(others) // MORE
    yield from list(others.items())[::step][:MORE]


def _answers(
    engine: Engine, sounds: dict[str, Path], captions: dict[str, str], setting: Setting, words: int
) -> Iterator[tuple[str, str, str, str]]:
    """Way, category, question, answer. The other token is that of the next sound in the list."""
    categories = list(sounds)
    following = dict(zip(categories, categories[1:] + categories[:1], strict=True))
    for way in WAYS:
        for category in categories:
            history = () if way == "token" else (Exchange(setting.prompt, captions[category]),)
            heard = engine.load_sound(sounds[following[category] if way == SWAPPED else category])
            for question in QUESTIONS:
                events = engine.ask(heard, setting, question, history)
                yield way, category, question, _last(events, AnswerPart, words)


def _last(events: Iterator, kind: type, words: int | None = None) -> str:
    """The text as far as it came after so many tokens."""
    text = ""
    with closing(events):
        for count, part in enumerate(event for event in events if isinstance(event, kind)):
            text = part.text
            if words is not None and count >= words:
                break
    return text


if __name__ == "__main__":
    main()
