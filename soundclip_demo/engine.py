"""Owns the models and runs a sound through them; knows nothing of web pages.

`run(sound, setting)` yields events in the order matches, map, caption, and the time of each stage; `look` says which
parts of a picture go along with the sound, `ask` has a question answered. Parts load in the background or on first
use; one that is missing costs only what it feeds.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import encoders, gallery, sandbox
from .audio import Sound, resample
from .checks import check
from .config import TOP_CLIPS, WINDOW_SECONDS, Config, limit_threads
from .errors import UserError
from .events import (
    AnswerPart,
    CaptionPart,
    Event,
    Heard,
    Matches,
    Missing,
    Placed,
    Relevance,
    Setting,
    Truth,
    WordsFound,
)
from .parts import NotReady, Parts
from .pictures import Picture, Pictures
from .questions import ANSWER_TOKENS, Exchange, asked, conversation
from .recent import Recent
from .stages import Stages
from .suites import SUITES, protocols

if TYPE_CHECKING:
    from torch import Tensor

    from .projection import Projector


class Engine:
    """One per process. Safe to call from several threads."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config = config or Config()
        self.parts = Parts(config)
        self.gallery = gallery.read(config.gallery, SUITES[config.suite].space(config))
        self._embeddings = Recent[tuple[str, float, str], "Tensor"](config.embedding_cache)
        self._sounds = Recent[tuple[str, float], Sound](config.sound_cache)
        self._pictures = Pictures(config, self.parts.tower, self.load_sound)

    def warm(self) -> None:
        """Starts loading everything in the background and returns at once; `status` says so from then on."""
        self.parts.announce()
        for work in (sandbox.start, self._load_all):
            threading.Thread(target=work, name="warm", daemon=True).start()

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
        return self._sounds.get(key, lambda: sandbox.decode(path, self.config.limits))

    def embed_file(self, path: str | Path, setting: Setting) -> tuple["Tensor", "Tensor"]:
        """Embedding [d] and token [D] of a file's loudest window."""
        self._check(setting)
        sound = self.load_sound(path)
        embedding = self._embed(sound, setting, sound.loudest())
        return embedding, self._project(embedding, setting)

    def look_at(self, path: str | Path) -> tuple["Tensor", "Tensor"]:
        """CLIP token [D] and patches [P, D] of a picture or a video's frame; see `Pictures.look`."""
        seen = self._pictures.look(path)
        return seen.token, seen.patches

    def look(self, sound: Sound, setting: Setting, start: float | None = None) -> Relevance:
        """Which parts of the picture in use (`Setting.picture`) lie nearest to the sound's token.

        Args:
            start: of the window, in seconds; None takes the loudest.

        Raises:
            UserError: the setting, the sound or the picture cannot be used.
            NotReady: a part is missing.
        """
        from .captioner import relevance

        self._check(setting)
        start = self._start(sound, start)
        clip, picture = self._beside(sound, setting, start)
        token = self._token(sound, setting, start, Stages())
        cosines, order = relevance(token, picture.patches)
        grid = SUITES[self.config.suite].grid
        return Relevance(clip, picture.view, grid, tuple(cosines.tolist()), tuple(order.tolist()))

    def ask(
        self,
        sound: Sound,
        setting: Setting,
        question: str,
        history: Sequence[Exchange] = (),
        start: float | None = None,
    ) -> Iterator[Event]:
        """Yields the growing answer to a question, then the times. Closing the iterator ends it.

        Args:
            history: what was said so far, beginning with the prompt and its caption; the oldest is left out of what
                is too long.
            start: of the window, in seconds; None takes the loudest.

        Raises:
            UserError: the question, the setting or the sound cannot be used.
        """
        self._check(setting)
        prompt, turns = conversation(history, asked(question))
        stages = Stages()
        try:
            visual = self._visual(sound, setting, self._start(sound, start))
            captioner = self.parts.captioner(setting.protocol)
        except NotReady as missing:
            yield Missing("captioner", str(missing))
            return
        text = ""
        for text in stages.growing(captioner.stream(visual, prompt, ANSWER_TOKENS, turns=turns), "answer"):
            yield AnswerPart(text)
        yield AnswerPart(text, done=True)
        yield stages.told()

    def run_file(self, path: str | Path, setting: Setting, start: float | None = None) -> Iterator[Event]:
        """Decodes a file and runs one analysis; see `run`."""
        stages = Stages()
        with stages("decode"):
            sound = self.load_sound(path)
        yield from self.run(sound, setting, start, stages)

    def run(
        self,
        sound: Sound,
        setting: Setting,
        start: float | None = None,
        stages: Stages | None = None,
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
        stages = stages or Stages()
        start = self._start(sound, start)
        yield self._heard(sound, start)
        try:
            token = self._token(sound, setting, start, stages)
            matches, placed = self._find(token, setting, truth, stages)
        except NotReady as missing:
            yield Missing("search", str(missing))
            yield stages.told()
            return
        yield matches
        yield placed
        if setting.caption:
            yield from self._caption(sound, setting, start, stages)
        yield stages.told()

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

    def _start(self, sound: Sound, start: float | None) -> float:
        """Start of the window in seconds, within the sound; None is its loudest.

        Raises:
            UserError: not a number.
        """
        if start is None:
            return sound.loudest()
        if not np.isfinite(start):
            raise UserError("The window must start at a number of seconds.")
        return float(np.clip(start, 0.0, max(0.0, sound.seconds - WINDOW_SECONDS)))

    def _token(self, sound: Sound, setting: Setting, start: float, stages: Stages) -> "Tensor":
        """Token [D] of the window. What is not there yet is loaded first, outside the measured stages."""
        self._projector(setting)
        if self._key(sound, setting, start) not in self._embeddings:
            self.parts.encoder(setting.encoder)
        with stages("encode"):
            embedding = self._embed(sound, setting, start)
        with stages("project"):
            return self._project(embedding, setting)

    def _find(
        self, token: "Tensor", setting: Setting, truth: Truth | None, stages: Stages
    ) -> tuple[Matches, Placed]:
        from . import atlas, matching

        with stages("search"):
            wanted = self._index().depth if truth else max(setting.top, atlas.NEIGHBOURS)
            found = self._index().search(token.numpy(), wanted)
            matches = matching.matches(self.gallery, found, setting.top, truth)
        with stages("place"):
            placed = matching.placed(self.gallery, found, matches)
        return matches, placed

    def _caption(
        self, sound: Sound, setting: Setting, start: float, stages: Stages
    ) -> Iterator[CaptionPart | Missing]:
        """Streams the caption; what is missing is said and the rest of the analysis stands."""
        try:
            captioner = self.parts.captioner(setting.protocol)
            visual = self._visual(sound, setting, start)
        except NotReady as missing:
            yield Missing("captioner", str(missing))
            return
        text = ""
        writing = captioner.stream(visual, setting.prompt, setting.max_new_tokens, setting.temperature)
        for text in stages.growing(writing, "caption"):
            yield CaptionPart(text)
        yield CaptionPart(text, done=True)

    def _visual(self, sound: Sound, setting: Setting, start: float) -> "Tensor":
        """The token, then the k most relevant patches of the picture in use: [1 + k, D]."""
        import torch

        from .captioner import relevant_patches

        token = self._token(sound, setting, start, Stages())
        if setting.k == 0:
            return token[None]
        patches = self._beside(sound, setting, start)[1].patches
        return torch.cat([token[None], patches[relevant_patches(token, patches, setting.k)]])

    def _beside(self, sound: Sound, setting: Setting, start: float) -> tuple[str | None, Picture]:
        """The picture in use, and the id of its clip where it is one's frame."""
        if setting.picture:
            return None, self._pictures.look(setting.picture)
        try:
            token = self._token(sound, replace(setting, mode="projected"), start, Stages())
        except NotReady:  # where no projector was trained yet, each token looks at its own best match
            token = self._token(sound, setting, start, Stages())
        clip = self.gallery.clips[int(self._index().search(token.numpy(), 1).ids[0])]
        # Where a large gallery keeps its posters only as thumbnails, the same frame is in the video.
        return clip.id, self._pictures.look(clip.poster if clip.poster.is_file() else clip.video)

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
        return self.parts.index(self.gallery)

    def _heard(self, sound: Sound, start: float) -> Heard:
        if sound.seconds <= WINDOW_SECONDS:
            return Heard(sound.seconds, (0.0, sound.seconds), "whole", sound.truncated)
        chosen = "loudest" if abs(start - sound.loudest()) < 0.02 else "visitor"
        return Heard(sound.seconds, (start, start + WINDOW_SECONDS), chosen, sound.truncated)

    def _check(self, setting: Setting) -> None:
        ready = [status.name for status in self.encoders() if status.suite == self.config.suite and status.ready]
        check(setting, SUITES[self.config.suite], ready, self.protocols())

    def _load_all(self) -> None:
        limit_threads()
        self.parts.load_all(self.gallery, self._rehearse)

    def _rehearse(self, encoder: str) -> None:
        """Runs a noise through an encoder: the first pass costs seconds that no visitor should wait for."""
        noise = Sound(np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32), 16_000)
        for _ in self.run(noise, Setting(encoder=encoder, caption=False)):
            pass
