"""Owns the models and runs a sound through them; knows nothing of web pages.

`run(sound, setting)` yields events in the order matches, map, caption, and the time of each stage; `look` says which
parts of a picture go along with the sound, `ask` has a question answered. Parts load in the background or on first
use; one that is missing costs only what it feeds.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import encoders, weights
from .any_engine import AnyEngine
from .audio import Sound, resample
from .checks import check
from .config import TOP_CLIPS, Config, limit_threads
from .events import (
    AnswerPart,
    CaptionPart,
    Event,
    Matches,
    Missing,
    Placed,
    Relevance,
    Setting,
    Truth,
    WordsFound,
)
from .parts import NotReady, Parts, enough_memory
from .pictures import Picture, Pictures
from .questions import ANSWER_TOKENS, Exchange, asked, conversation
from .recent import Recent
from .stages import Stages
from .suites import SUITES, llava_spec, protocols

if TYPE_CHECKING:
    from torch import Tensor

    from .compare import Row
    from .projection import Projector


RATES = 3  # at which the encoders hear; more than one hears the window of a comparison at each


class Engine(AnyEngine):
    """The models in this process. One per process."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config or Config())
        self.parts = Parts(self.config)
        self._embeddings = Recent[tuple[str, str], "Tensor"](self.config.embedding_cache)
        self._heard = Recent[tuple[str, str], "Tensor"](self.config.embedding_cache)
        self._waveforms = Recent[tuple[str, int], np.ndarray](RATES)
        self._pictures = Pictures(self.config, self.parts.tower, self.load_sound)

    def warm(self) -> None:
        super().warm()
        self.parts.announce()
        threading.Thread(target=self._load_all, name="load", daemon=True).start()

    def status(self) -> list[str]:
        return self.parts.status()

    def encoders(self) -> list[encoders.EncoderStatus]:
        return encoders.statuses(self.config)

    def protocols(self) -> tuple[str, ...]:
        return protocols(self.config)

    def knows_words(self) -> bool:
        return encoders.worded(self.config) is not None

    def has_encoder(self, name: str) -> bool:
        return self.parts.has_encoder(name)

    def specs(self, setting: Setting) -> dict[str, str]:
        specs = {"clip_space": SUITES[self.config.suite].space(self.config).spec}
        try:
            spec = self.parts.encoder(setting.encoder).spec
            specs |= {"encoder": spec.hash, "encoder_checkpoint": spec.checkpoint}
        except NotReady:
            pass  # it was there when the result was made
        projector = encoders.trained(f"{setting.encoder}-projector", self.config)
        if setting.projected_share and projector.exists():
            specs["projector"] = weights.sha256(projector)[:12]
        llava = llava_spec(self.config, setting.protocol or self.protocols()[-1])
        return specs | {"llava": hashlib.sha256(llava.encode()).hexdigest()[:12]}

    def embed_file(self, path: str | Path, setting: Setting) -> tuple["Tensor", "Tensor"]:
        """Embedding [d] and token [D] of a file's loudest window."""
        self._check(setting)
        embedding = self._embed(self.load_sound(path).part(), setting)
        return embedding, self._project(embedding, setting)

    def look_at(self, path: str | Path) -> tuple["Tensor", "Tensor"]:
        """CLIP token [D] and patches [P, D] of a picture or a video's frame; see `Pictures.look`."""
        seen = self._pictures.look(path)
        return seen.token, seen.patches

    def look(self, sound: Sound, setting: Setting, start: float | None = None) -> Relevance:
        from .captioner import relevance

        self._check(setting)
        window = sound.part(start)
        clip, picture = self._beside(window, setting)
        cosines, order = relevance(self._token(window, setting, Stages()), picture.patches)
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
        self._check(setting)
        prompt, turns = conversation(history, asked(question))
        stages, text = Stages(), ""
        try:
            with enough_memory("The caption model"):
                visual = self._visual(sound.part(start), setting)
                captioner = self.parts.captioner(setting.protocol)
                for text in stages.growing(captioner.stream(visual, prompt, ANSWER_TOKENS, turns=turns), "answer"):
                    yield AnswerPart(text)
        except NotReady as missing:
            yield Missing("captioner", str(missing))
            return
        yield AnswerPart(text, done=True)
        yield stages.told()

    def run(
        self, sound: Sound, setting: Setting, start: float | None = None, truth: Truth | None = None
    ) -> Iterator[Event]:
        self._check(setting)
        window, stages = sound.part(start), Stages()
        yield sound.heard(start)
        try:
            with enough_memory("The search"):
                token = self._token(window, setting, stages)
                matches, placed = self._find(token, setting, truth, stages)
        except NotReady as missing:
            yield Missing("search", str(missing))
            yield stages.told()
            return
        yield matches
        yield placed
        if setting.caption:
            yield from self._caption(window, setting, stages)
        yield stages.told()

    def compare(self, sound: Sound, start: float | None = None) -> "Iterator[Row]":
        from . import compare

        return compare.compare(self, sound, start)

    def search_words(self, text: object, top: int = TOP_CLIPS) -> WordsFound:
        from . import words

        return words.search(self, text, top)

    def _token(self, window: Sound, setting: Setting, stages: Stages) -> "Tensor":
        """Token [D]. What is not there yet is loaded first, outside the measured stages."""
        self._projector(setting)
        if (window.digest, setting.encoder) not in self._embeddings:
            self.parts.encoder(setting.encoder)
        with stages("encode"):
            embedding = self._embed(window, setting)
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

    def _caption(self, window: Sound, setting: Setting, stages: Stages) -> Iterator[CaptionPart | Missing]:
        """Streams the caption; what is missing is said and the rest of the analysis stands."""
        text = ""
        try:
            with enough_memory("The caption model"):
                captioner = self.parts.captioner(setting.protocol)
                visual = self._visual(window, setting)
                writing = captioner.stream(visual, setting.prompt, setting.max_new_tokens, setting.temperature)
                for text in stages.growing(writing, "caption"):
                    yield CaptionPart(text)
        except NotReady as missing:
            yield Missing("captioner", str(missing))
            return
        yield CaptionPart(text, done=True)

    def _visual(self, window: Sound, setting: Setting) -> "Tensor":
        """The token, then the k most relevant patches of the picture in use: [1 + k, D]."""
        import torch

        from .captioner import relevant_patches

        token = self._token(window, setting, Stages())
        if setting.k == 0:
            return token[None]
        patches = self._beside(window, setting)[1].patches
        return torch.cat([token[None], patches[relevant_patches(token, patches, setting.k)]])

    def _beside(self, window: Sound, setting: Setting) -> tuple[str | None, Picture]:
        """The picture in use, and the id of its clip where it is one's frame."""
        if setting.picture:
            return None, self._pictures.look(setting.picture)
        try:
            token = self._token(window, replace(setting, mode="projected"), Stages())
        except NotReady:  # where no projector was trained yet, each token looks at its own best match
            token = self._token(window, setting, Stages())
        clip = self.gallery.clips[int(self._index().search(token.numpy(), 1).ids[0])]
        # Where a large gallery keeps its posters only as thumbnails, the same frame is in the video.
        return clip.id, self._pictures.look(clip.poster if clip.poster.is_file() else clip.video)

    def _embed(self, window: Sound, setting: Setting) -> "Tensor":
        """Embedding [d], cached per (window, encoder): switching mode, t, k or prompt encodes nothing. What a network
        heard is cached, too: WhisperCLIP fuses the layers of the pass that Whisper takes the last of."""
        import torch

        def at(rate: int) -> np.ndarray:
            return resample(window.window(0.0, self.config.limits.silence_rms), window.rate, rate)

        def encode() -> "Tensor":
            encoder = self.parts.encoder(setting.encoder)

            def hear() -> "Tensor":
                rate = encoder.sample_rate
                waveform = self._waveforms.get((window.digest, rate), lambda: at(rate))
                return encoder.hear(torch.from_numpy(waveform)[None])

            return encoder.pool(self._heard.get((window.digest, encoders.network(setting.encoder)), hear))[0]

        return self._embeddings.get((window.digest, setting.encoder), encode)

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

    def _check(self, setting: Setting) -> None:
        ready = [setting.encoder]
        if not self.has_encoder(setting.encoder):  # the files of all of them need not be looked for each time
            ready = [status.name for status in self.encoders() if status.suite == self.config.suite and status.ready]
        known = () if setting.protocol is None else self.protocols()  # nor what LLaVA was tuned to
        check(setting, SUITES[self.config.suite], ready, known)

    def _load_all(self) -> None:
        limit_threads()
        self.parts.load_all(self.gallery, self._rehearse)

    def _rehearse(self, encoder: str) -> None:
        """Runs a noise through an encoder: the first pass costs seconds that no visitor should wait for."""
        noise = Sound(np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32), 16_000)
        for _ in self.run(noise, Setting(encoder=encoder, caption=False)):
            pass
