"""What the page, the API and the command line ask of an engine, wherever its models are: in this process
(`engine.Engine`) or in another one (`remote.RemoteEngine`). Sounds are decoded and the gallery is open on this side.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from . import gallery, sandbox
from .audio import Sound
from .config import TOP_CLIPS, Config
from .errors import UserError
from .events import Event, Relevance, Setting, Timing, Truth, WordsFound
from .questions import Exchange
from .recent import Recent
from .stages import Stages
from .suites import SUITES

if TYPE_CHECKING:
    from .compare import Row
    from .encoders import EncoderStatus


class AnyEngine(ABC):
    """Safe to call from several threads. `start` is always that of the window, in seconds; None takes the loudest."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.gallery = gallery.read(config.gallery, SUITES[config.suite].space(config))
        self._sounds = Recent[tuple[str, float], Sound](config.sound_cache)

    def warm(self) -> None:
        """Starts in the background what a first sound needs, and returns at once; `status` says so from then on."""
        threading.Thread(target=sandbox.start, name="warm", daemon=True).start()

    @abstractmethod
    def status(self) -> list[str]:
        """What is still loading or missing, a sentence each; empty when all is ready."""

    @abstractmethod
    def encoders(self) -> "list[EncoderStatus]":
        """Every encoder of both suites: ready or why not."""

    @abstractmethod
    def protocols(self) -> tuple[str, ...]:
        """Those of `PROTOCOLS` that captions can be written by, the default last."""

    @abstractmethod
    def knows_words(self) -> bool:
        """Whether `search_words` is of use."""

    @abstractmethod
    def has_encoder(self, name: str) -> bool:
        """Whether an encoder is loaded now."""

    @abstractmethod
    def specs(self, setting: Setting) -> dict[str, str]:
        """For each part that a setting runs through, what changes with its weights."""

    @abstractmethod
    def run(
        self, sound: Sound, setting: Setting, start: float | None = None, truth: Truth | None = None
    ) -> Iterator[Event]:
        """Runs one analysis. Closing the iterator ends it, caption included.

        Args:
            truth: what is heard, where that is known; its rank is told with the matches.

        Raises:
            UserError: the setting or the sound cannot be used.
        """

    @abstractmethod
    def look(self, sound: Sound, setting: Setting, start: float | None = None) -> Relevance:
        """Which parts of the picture in use (`Setting.picture`) lie nearest to the sound's token.

        Raises:
            UserError: the setting, the sound or the picture cannot be used.
            NotReady: a part is missing.
        """

    @abstractmethod
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

        Raises:
            UserError: the question, the setting or the sound cannot be used.
        """

    @abstractmethod
    def compare(self, sound: Sound, start: float | None = None) -> "Iterator[Row]":
        """One window under every encoder of the suite, raw and projected; see `compare.compare`."""

    @abstractmethod
    def search_words(self, text: object, top: int = TOP_CLIPS) -> WordsFound:
        """Where typed words lie among the clips.

        Raises:
            UserError: the text cannot be searched for, or no encoder's words can be used now.
        """

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

    def run_file(self, path: str | Path, setting: Setting, start: float | None = None) -> Iterator[Event]:
        """Decodes a file and runs one analysis, whose times begin with the decoding's; see `run`."""
        stages = Stages()
        with stages("decode"):
            sound = self.load_sound(path)
        decoding = stages.told().ms
        with closing(self.run(sound, setting, start)) as events:
            for event in events:
                yield Timing(decoding | event.ms) if isinstance(event, Timing) else event

    def run_each(
        self, sound: Sound, settings: Iterable[Setting], start: float | None = None, truth: Truth | None = None
    ) -> Iterator[tuple[Setting, Event]]:
        """Several settings on one window, one after the other; those of one encoder share its embedding."""
        for setting in settings:
            with closing(self.run(sound, setting, start, truth)) as events:
                for event in events:
                    yield setting, event
