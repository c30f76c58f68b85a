"""Captions written before anybody asks, so that the steps of a talk answer at once.

Whatever is quick is still computed when it is asked for: matches and map come from the engine every time. Only a
caption of a rehearsed sound and setting is taken from here, and says of itself that it was written earlier.
"""

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .audio import Sound
from .errors import UserError, note
from .events import CaptionPart, Event, Matches, Missing, Setting, Timing

if TYPE_CHECKING:
    from .any_engine import AnyEngine

CAPTION_STAGES = ("caption_first_token", "caption")
Scene = tuple[Path, Setting]
Key = tuple[str, float, Setting]
log = logging.getLogger(__name__)


class Rehearsal:
    """Runs scenes in the background. Safe to call from several threads."""

    def __init__(self, engine: "AnyEngine") -> None:
        self.engine = engine
        self.done = self.wanted = 0  # captions
        self.clips: dict[str, None] = {}  # ids of those that the scenes with a caption found, in their order
        self._said: dict[Key, tuple[str, dict[str, float]]] = {}

    def start(self, scenes: Iterable[Scene]) -> threading.Thread:
        """Begins at once and returns at once; `done` of `wanted` captions are there. A scene without a caption has its
        sound's embedding kept by the engine."""
        scenes = list(scenes)
        self.wanted = sum(setting.caption for _, setting in scenes)
        thread = threading.Thread(target=self._play, args=[scenes], name="rehearsal", daemon=True)
        thread.start()
        return thread

    def run(self, sound: Sound, setting: Setting, start: float | None = None) -> Iterator[Event]:
        """What the engine's `run` yields. A rehearsed caption comes whole and marked, with the times that it took."""
        said = self._said.get(self._key(sound, setting, start)) if setting.caption else None
        if said is None:
            yield from self.engine.run(sound, setting, start)
            return
        text, ms = said
        for event in self.engine.run(sound, replace(setting, caption=False), start):
            if isinstance(event, Timing):
                yield CaptionPart(text, done=True, rehearsed=True)
                event = Timing(event.ms | ms)
            yield event

    def _play(self, scenes: list[Scene]) -> None:
        for path, setting in scenes:
            try:
                self._rehearse(self.engine.load_sound(path), setting)
            except UserError as problem:
                log.warning("a step could not be rehearsed: %s", problem)
            except Exception as error:  # one broken scene must not leave the others unrehearsed
                note(log, "rehearsing a step", error)
            self.done += setting.caption

    def _rehearse(self, sound: Sound, setting: Setting) -> None:
        text, ms = None, {}
        for event in self.engine.run(sound, setting):
            match event:
                case Matches() if setting.caption:
                    self.clips |= dict.fromkeys(hit.clip for hit in event.hits)
                case CaptionPart(done=True):
                    text = event.text
                case Missing(message=message):
                    log.warning("a step could not be rehearsed: %s", message)
                case Timing():
                    ms = {stage: event.ms[stage] for stage in CAPTION_STAGES if stage in event.ms}
        if text is not None:
            self._said[self._key(sound, setting, None)] = text, ms

    def _key(self, sound: Sound, setting: Setting, start: float | None) -> Key:
        protocol = setting.protocol or self.engine.protocols()[-1]
        one = replace(setting, mode="blend", t=setting.projected_share, protocol=protocol)  # of several ways to say it
        return sound.digest, round(sound.loudest() if start is None else start, 3), one
