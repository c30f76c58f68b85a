"""Visitors at once, each with a sound of their own, and whether each gets what the engine says of it alone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import toy
from visitor import SIDES, Visitor

from soundclip_demo.captioner import Captioner
from soundclip_demo.engine import Engine
from soundclip_demo.results import gather
from soundclip_demo.ui.finding import beside

PROMPT = "What is it?"
WORDS = 6  # tokens of a caption: what is looked at is whose it is


@dataclass(frozen=True)
class Right:
    """What a visitor must see of a sound, by column."""

    clips: dict[str, list[tuple[str, str]]]
    captions: dict[str, str]


def sounds(folder: Path, count: int) -> list[Path]:
    """Distinct ones, all of the same name: what is told apart by the name would be mixed up."""
    made = []
    for number in range(count):
        samples = toy.tone(150 * 1.4**number, 3.5) * 0.5 + toy.noise(3.5, level=0.02, seed=number)
        made.append(toy.write_sound(folder / str(number) / "sound.wav", samples))
    return made


@contextmanager
def short_captions(words: int = WORDS) -> Iterator[None]:
    """Captions end after a few tokens."""
    stream = Captioner.stream

    def short(self, visual, prompt, most, *rest, **more):
        return stream(self, visual, prompt, min(most, words), *rest, **more)

    Captioner.stream = short
    try:
        yield
    finally:
        Captioner.stream = stream


def right(engine: Engine, sound: Path, encoder: str = "whisper", prompt: str = PROMPT) -> Right:
    """What the engine says of one sound while nobody else is there."""
    settings = [replace(setting, caption=True, prompt=prompt) for setting in beside(encoder, 1)]
    found = dict(zip(SIDES, (gather(engine, sound, setting) for setting in settings), strict=True))
    clips = {side: [(hit.clip, f"{hit.score:.2f}") for hit in result.matches.hits] for side, result in found.items()}
    return Right(clips, {side: result.caption or "" for side, result in found.items()})


def rounds(address: str, wanted: dict[Path, Right], count: int, captions_every: int = 1) -> list[str]:
    """Everybody gives their sound `count` times, all at once -> what was wrong, a line each."""

    def visit(one: tuple[Path, Right], number: int) -> list[str]:
        sound, due = one
        with_captions = number % captions_every == 0
        with Visitor(address, prompt=PROMPT) as visitor:
            seen = visitor.see(sound, captions=with_captions)
        who = f"round {number}, sound {sound.parent.name}"
        wrong = [f"{who}: {seen.problem}"] if seen.problem else []
        if seen.clips != due.clips:
            wrong.append(f"{who}: the clips are those of {owner(wanted, 'clips', seen.clips)}")
        if with_captions and seen.captions != due.captions:
            wrong.append(f"{who}: the captions are those of {owner(wanted, 'captions', seen.captions)}")
        return wrong

    with ThreadPoolExecutor(len(wanted)) as pool:
        everything = []
        for number in range(count):
            everything += sum(pool.map(lambda one, number=number: visit(one, number), wanted.items()), [])
    return everything


def owner(wanted: dict[Path, Right], part: str, seen: object) -> str:
    """Whose result it is."""
    whose = [f"sound {sound.parent.name}" for sound, due in wanted.items() if getattr(due, part) == seen]
    return " and ".join(whose) or f"nobody: {seen}"


