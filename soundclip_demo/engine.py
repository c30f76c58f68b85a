"""Owns the models and runs a sound through them; knows nothing of web pages.

`run(sound, setting)` yields events in the order matches, map, caption, and the time of each stage. Parts load in
the background or on first use; one that is missing costs only what it feeds.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import encoders, gallery
from .audio import Sound, decode, resample
from .config import MAX_NEW_TOKENS, TOP_CLIPS, WINDOW_SECONDS, Config, limit_threads
from .errors import UserError
from .events import (
    MODES,
    CaptionPart,
    Event,
    Heard,
    Matches,
    Missing,
    Placed,
    Setting,
    Timing,
    Truth,
    WordsFound,
)
from .parts import NotReady, Parts
from .recent import Recent
from .suites import SUITES, protocols

if TYPE_CHECKING:
    from torch import Tensor

    from .projection import Projector

PROMPT_LENGTH = 2000  # characters


class Engine:
    """One per process. Safe to call from several threads."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config = config or Config()
        self.parts = Parts(config)
        self.gallery = gallery.read(config.gallery, SUITES[config.suite].space(config))
        self._embeddings = Recent[tuple[str, float, str], "Tensor"](config.embedding_cache)
        self._sounds = Recent[tuple[str, float], Sound](config.sound_cache)

    def warm(self) -> None:
        """Starts loading everything in the background and returns at once; `status` says so from then on."""
        self.parts.announce()
        threading.Thread(target=self._load_all, name="warm", daemon=True).start()

    def status(self) -> list[str]:
        """What is still loading or missing, a sentence each; empty when all is ready."""
        return self.parts.status()

    def encoders(self) -> list[encoders.EncoderStatus]:
        """Every encoder of both suites: ready or why not."""
        return encoders.statuses(self.config)

    def protocols(self) -> tuple[str, ...]:
        """Those of `PROTOCOLS` that captions can be written by, the default last."""
        return protocols(self.config)

    def knows_words(self) -> bool:
        """Whether `search_words` is of use."""
        return encoders.worded(self.config) is not None

    def load_sound(self, path: str | Path) -> Sound:
        """Decodes a file under the configured limits; the last few are kept.

        Raises:
            UserError: the file cannot be used.
        """
        path = Path(path)
        try:
            key = (str(path), path.stat().st_mtime)
        except OSError as error:
            raise UserError("This sound is no longer here.", "Please give it again.") from error
        return self._sounds.get(key, lambda: decode(path, self.config.limits))

    def embed_file(self, path: str | Path, setting: Setting) -> tuple["Tensor", "Tensor"]:
        """Embedding [d] and token [D] of a file's loudest window."""
        self._check(setting)
        sound = self.load_sound(path)
        embedding = self._embed(sound, setting, sound.loudest())
        return embedding, self._project(embedding, setting)

    def look_at(self, path: str | Path) -> tuple["Tensor", "Tensor"]:
        """CLIP token [D] and patches [P, D] of a picture, or of a video's frame in the middle of the window that
        would be heard of it (a video without sound: in its own middle)."""
        from .frames import middle_frame

        try:
            sound = self.load_sound(path)
        except UserError:
            window = None
        else:
            start = sound.loudest()
            window = (start, start + min(WINDOW_SECONDS, sound.seconds))
        token, patches = self.parts.tower().look([middle_frame(Path(path), self.config.limits, window)])
        return token[0], patches[0]

    def run_file(self, path: str | Path, setting: Setting, start: float | None = None) -> Iterator[Event]:
        """Decodes a file and runs one analysis; see `run`."""
        stages = _Stages()
        with stages("decode"):
            sound = self.load_sound(path)
        yield from self.run(sound, setting, start, stages)

    def run(
        self,
        sound: Sound,
        setting: Setting,
        start: float | None = None,
        stages: "_Stages | None" = None,
        truth: Truth | None = None,
    ) -> Iterator[Event]:
        """Runs one analysis. Closing the iterator ends it, caption included.

        Args:
            start: of the window, in seconds; None takes the loudest.
            stages: times measured so far, where the sound was decoded for this analysis.
            truth: what is heard, where that is known; its rank is told with the matches.

        Raises:
            UserError: the setting or the sound cannot be used.
        """
        self._check(setting)
        stages = stages or _Stages()
        if start is not None and not np.isfinite(start):
            raise UserError("The window must start at a number of seconds.")
        start = sound.loudest() if start is None else _clamp_start(start, sound)
        yield self._heard(sound, start)
        try:  # loads what is not there yet, outside the measured stages
            self._projector(setting)
            if self._key(sound, setting, start) not in self._embeddings:
                self.parts.encoder(setting.encoder)
        except NotReady as missing:
            yield Missing("encoder", str(missing))
            yield Timing(stages.ms)
            return
        with stages("encode"):
            embedding = self._embed(sound, setting, start)
        with stages("project"):
            token = self._project(embedding, setting)
        matches, placed = self._find(token, setting, truth, stages)
        yield matches
        yield placed
        if setting.caption:
            yield from self._caption(token, matches, setting, stages)
        yield Timing(stages.ms)

    def run_each(
        self, sound: Sound, settings: Iterable[Setting], start: float | None = None, truth: Truth | None = None
    ) -> Iterator[tuple[Setting, Event]]:
        """Several settings on one window, one after the other; those of one encoder share its embedding."""
        for setting in settings:
            for event in self.run(sound, setting, start, truth=truth):
                yield setting, event

    def search_words(self, text: object, top: int = TOP_CLIPS) -> WordsFound:
        """Where typed words lie among the clips.

        Raises:
            UserError: the text cannot be searched for, or no encoder's words can be used now.
        """
        from . import words

        return words.search(self, text, top)

    def _find(
        self, token: "Tensor", setting: Setting, truth: Truth | None, stages: "_Stages"
    ) -> tuple[Matches, Placed]:
        from . import atlas, matching

        with stages("search"):
            wanted = self._index().size if truth else max(setting.top, atlas.NEIGHBOURS)
            found = self._index().search(token.numpy(), wanted)
            matches = matching.matches(self.gallery, found, setting.top, truth)
        with stages("place"):
            placed = matching.placed(self.gallery, found, matches)
        return matches, placed

    def _caption(
        self, token: "Tensor", matches: Matches, setting: Setting, stages: "_Stages"
    ) -> Iterator[CaptionPart | Missing]:
        """Streams the caption; what is missing is said and the rest of the analysis stands."""
        try:
            captioner = self.parts.captioner(setting.protocol)
            visual = self._visual(token, matches, setting)
        except NotReady as missing:
            yield Missing("captioner", str(missing))
            return
        began, text = time.perf_counter(), ""
        for text in captioner.stream(visual, setting.prompt, setting.max_new_tokens, setting.temperature):
            stages.ms.setdefault("caption_first_token", _ms(began))
            yield CaptionPart(text)
        stages.ms["caption"] = _ms(began)
        yield CaptionPart(text, done=True)

    def _visual(self, token: "Tensor", matches: Matches, setting: Setting) -> "Tensor":
        """The token, then the k most relevant patches of the picture in use: [1 + k, D]."""
        import torch

        if setting.k == 0:
            return token[None]
        from .captioner import relevant_patches

        _, patches = self.look_at(setting.picture or self.gallery.clip(matches.hits[0].clip).poster)
        return torch.cat([token[None], patches[relevant_patches(token, patches, setting.k)]])

    def _embed(self, sound: Sound, setting: Setting, start: float) -> "Tensor":
        """Embedding [d], cached per (sound, window, encoder): switching mode, t, k or prompt encodes nothing."""
        import torch

        def encode() -> "Tensor":
            encoder = self.parts.encoder(setting.encoder)
            window = sound.window(start, self.config.limits.silence_rms)
            waveform = resample(window, sound.rate, encoder.sample_rate)
            return encoder.encode(torch.from_numpy(waveform)[None])[0]

        return self._embeddings.get(self._key(sound, setting, start), encode)

    def _key(self, sound: Sound, setting: Setting, start: float) -> tuple[str, float, str]:
        return sound.digest, round(start, 3), setting.encoder

    def _project(self, embedding: "Tensor", setting: Setting) -> "Tensor":
        import torch

        from .projection import blend

        projector = self._projector(setting)
        with torch.inference_mode():
            return blend(embedding[None], projector, self.gallery.tokens.shape[1], setting.projected_share)[0]

    def _projector(self, setting: Setting) -> "Projector | None":
        """None in raw mode, which works where no projector was trained yet."""
        return self.parts.projector(setting.encoder) if setting.projected_share else None

    def _index(self):
        return self.parts.index(self.gallery.tokens)

    def _heard(self, sound: Sound, start: float) -> Heard:
        if sound.seconds <= WINDOW_SECONDS:
            return Heard(sound.seconds, (0.0, sound.seconds), "whole", sound.truncated)
        chosen = "loudest" if abs(start - sound.loudest()) < 0.02 else "visitor"
        return Heard(sound.seconds, (start, start + WINDOW_SECONDS), chosen, sound.truncated)

    def _check(self, setting: Setting) -> None:
        """Values come from a browser and can be anything."""
        known = [status.name for status in self.encoders() if status.suite == self.config.suite and status.ready]
        if setting.encoder not in known:
            choice = f"Choose one of {', '.join(known)}." if known else "None is ready yet."
            raise UserError(f"There is no encoder “{setting.encoder}” here.", choice)
        if setting.mode not in MODES:
            raise UserError(f"There is no mode “{setting.mode}”.", f"Choose one of {', '.join(MODES)}.")
        if not 0.0 <= setting.t <= 1.0:
            raise UserError("The blend must lie between 0 (raw) and 1 (projected).")
        if setting.protocol is not None and setting.protocol not in self.protocols():
            choice = f"Choose one of {', '.join(self.protocols())}."
            raise UserError(f"There is no protocol “{setting.protocol}” here.", choice)
        most = SUITES[self.config.suite].patches
        if not 0 <= setting.k <= most:
            raise UserError(f"k must lie between 0 and {most} patches.")
        if not 1 <= setting.top <= 50:
            raise UserError("Between 1 and 50 matches can be asked for.")
        if not 0.0 <= setting.temperature <= 10.0:
            raise UserError("The temperature must lie between 0 and 10.")
        if not 1 <= setting.max_new_tokens <= MAX_NEW_TOKENS or len(setting.prompt) > PROMPT_LENGTH:
            raise UserError("The prompt or the wanted caption is too long.", "Please ask in fewer words.")

    def _load_all(self) -> None:
        limit_threads()
        self.parts.load_all(self.gallery.tokens, self._rehearse)

    def _rehearse(self, encoder: str) -> None:
        """Runs a noise through an encoder: the first pass costs seconds that no visitor should wait for."""
        noise = Sound(np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32), 16_000)
        for _ in self.run(noise, Setting(encoder=encoder, caption=False)):
            pass


class _Stages:
    """Collects milliseconds by stage name."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.ms[name] = _ms(began)


def _clamp_start(start: float, sound: Sound) -> float:
    return float(np.clip(start, 0.0, max(0.0, sound.seconds - WINDOW_SECONDS)))


def _ms(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
