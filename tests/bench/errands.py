"""What visitors and callers come for, and whether what they get is the engine's own answer."""

import json
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import crowd
from gradio_client import Client, handle_file
from visitor import Refused, Visitor

from soundclip_demo.config import DEFAULT_PROMPT, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.events import Setting
from soundclip_demo.results import answered, comparison
from soundclip_demo.ui import texts

QUESTION = "What is making this sound?"
FULL = re.compile(f"Queue is full|{texts.LINE_FULL}|{texts.MANY_FILES}|{texts.DISK_FULL}|currently busy")
NUMBER = re.compile(r"number (\d+) in line")


@dataclass(frozen=True)
class Answers:
    """What the engine says of one sound while nobody else is there."""

    page: crowd.Right
    rows: list[tuple[str, str | None, str | None]]
    answer: str


def answers(sounds: list[Path], questions: bool) -> dict[Path, Answers]:
    """Of each sound, by an engine of this process, which is gone afterwards."""
    limit_threads()
    engine, known = Engine(Config()), {}
    for sound in sounds:
        page = crowd.right(engine, sound, Setting.encoder, DEFAULT_PROMPT)
        said = answered(engine, sound, Setting(), QUESTION)["answer"] if questions else ""
        known[sound] = Answers(page, _rows(comparison(engine, sound)), said)
    return known


def _rows(compared: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(row["encoder"], row["mode"], row["match"] and row["match"]["clip"]) for row in compared["rows"]]


def _clips(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["clip"], f"{row['score']:.2f}") for row in result["matches"]]


@dataclass
class Book:
    """What happened, written by several threads.

    Attributes:
        seconds: of each kind of errand.
        ms: of each stage, as callers were told.
        wrong, lost, refused: sentences.
        longest: number in line that anybody stood at.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    longest: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, message: dict[str, Any]) -> None:
        """Reads where somebody stands from what the server says of their event."""
        numbers = [int(number) for number in NUMBER.findall(json.dumps(message.get("output")))]
        with self.lock:
            self.longest = max(self.longest, *numbers, (message.get("rank") or -1) + 1, 0)

    def run(self, kind: str, sound: Path, known: Answers, address: str) -> None:
        """One errand; whatever becomes of it is noted."""
        began = time.monotonic()
        try:
            right = KINDS[kind](address, sound, known, self)
        except Exception as error:  # a server that fails in any way has lost an answer
            with self.lock:
                said = f"{kind} of {sound.stem}: {type(error).__name__}: {error}"
                (self.refused if FULL.search(str(error)) else self.lost).append(said)
            return
        with self.lock:
            self.seconds[kind].append(time.monotonic() - began)
            if not right:
                self.wrong.append(f"{kind} of {sound.stem}")


def page(address: str, sound: Path, known: Answers, book: Book, captions: bool = True) -> bool:
    """Uploads a sound, sees both columns and waits for both captions."""
    with Visitor(address, Setting.encoder, DEFAULT_PROMPT) as visitor:
        seen = visitor.see(sound, captions=captions, said=book.heard)
    if full := [said for said in seen.captions.values() if FULL.search(said)]:
        raise Refused(full[0])
    return seen.clips == known.page.clips and seen.captions == (known.page.captions if captions else {})


def clips(address: str, sound: Path, known: Answers, book: Book) -> bool:
    """The same without captions."""
    return page(address, sound, known, book, captions=False)


def analyze(address: str, sound: Path, known: Answers, book: Book) -> bool:
    """A script asks for matches and a caption."""
    result = _call(address, book, handle_file(sound), api_name="/analyze")
    told = known.page.captions["projected"]
    return _clips(result) == known.page.clips["projected"] and result["caption"] == told


def matches(address: str, sound: Path, known: Answers, book: Book) -> bool:
    """A script asks for matches alone."""
    result = _call(address, book, handle_file(sound), caption=False, api_name="/analyze")
    return _clips(result) == known.page.clips["projected"]


def compare(address: str, sound: Path, known: Answers, book: Book) -> bool:
    return _rows(_call(address, book, handle_file(sound), api_name="/compare")) == known.rows


def ask(address: str, sound: Path, known: Answers, book: Book) -> bool:
    return _call(address, book, handle_file(sound), QUESTION, api_name="/ask")["answer"] == known.answer


def broken(address: str, sound: Path, known: Answers, book: Book) -> bool:
    """A file that is no sound is refused in words."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as fake, Visitor(address) as visitor:
        fake.write(b"no sound at all, not even of " + sound.name.encode() * 50)
        fake.flush()
        return "could not be read" in visitor.choose(Path(fake.name))


def _call(address: str, book: Book, *given: Any, **settings: Any) -> dict[str, Any]:
    client = Client(address, verbose=False)
    try:
        result = client.predict(*given, **settings)
    finally:
        client.close()
    with book.lock:
        for stage, ms in (result.get("ms") or {}).items():
            book.ms[stage].append(ms)
    return result


KINDS: dict[str, Callable[[str, Path, Answers, Book], bool]] = {
    kind.__name__: kind for kind in (page, clips, analyze, matches, compare, ask, broken)
}
