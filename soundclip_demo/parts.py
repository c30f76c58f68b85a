"""The models, each loaded once, on first use or in the background; what fails costs only the part it feeds.

Encoders are loaded one at a time, and only the last few used are kept. Other parts may load beside them, in threads
that import transformers at once: whatever does so begins with the same module, `transformers.modeling_utils`, so that
the second thread waits for the first. Otherwise each could come to wait for what the other has half imported, where
Python gives one of them the half.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from . import adapter, encoders, tradeoff, weights
from .config import Config
from .errors import UserError, lacks
from .suites import SUITES, llava_folder, protocols

if TYPE_CHECKING:
    from .captioner import Captioner
    from .encoders.base import Encoder
    from .gallery import Gallery
    from .projection import Projector
    from .search import Index
    from .suites import VisionTower
    from .words import WordSpace

RETRY_SECONDS = 30.0  # how long a failure is remembered before the next request tries again
T = TypeVar("T")
log = logging.getLogger(__name__)


class NotReady(Exception):
    """A part cannot run now; the message is one sentence for the visitor."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@contextmanager
def enough_memory(title: str) -> Iterator[None]:
    """Where memory runs out while a part works, that is one sentence; the next request may do better.

    Raises:
        NotReady: instead of what was raised for want of memory.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, NotReady) or lacks(error) != "memory":
            raise
        log.warning("%s ran out of memory", title)
        raise NotReady(f"{title} ran out of memory. Please try again in a moment.") from None


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Any = None
    failure: str = ""
    failed_at: float = 0.0
    state: str = ""


class Parts:
    """Lazily loaded models of one suite."""

    def __init__(self, config: Config) -> None:
        self._config, self._suite = config, SUITES[config.suite]
        self._slots: dict[str, _Slot] = {}
        self._used: OrderedDict[str, None] = OrderedDict()  # encoders, the last used at the end
        self._guard, self._loading = threading.Lock(), threading.Lock()
        self._announced = ""

    def tower(self) -> "VisionTower":
        return self._once("vision", "The CLIP tower", lambda: self._suite.tower(self._fetch, self._config))

    def encoder(self, name: str) -> "Encoder":
        def load() -> "Encoder":
            with self._loading:
                loaded = encoders.load(name, self._config, self._fetch)
            self._forget_encoders(keep=name)
            return loaded

        with self._guard:
            self._used[name] = None
            self._used.move_to_end(name)
        return self._once(f"encoder {name}", encoders.title(name, self._config.suite), load)

    def has_encoder(self, name: str) -> bool:
        """Whether it is loaded now."""
        slot = self._slots.get(f"encoder {name}")
        return slot is not None and slot.value is not None

    def projector(self, name: str) -> "Projector":
        def load() -> "Projector":
            from .packed import pack
            from .projection import Projector

            file = encoders.trained(f"{name}-projector", self._config)
            return pack(Projector.load(file, self.encoder(name).spec.hash), rows=1)

        return self._once(f"projector {name}", f"The projector of {encoders.ENCODERS[name].title}", load)

    def captioner(self, protocol: str | None = None) -> "Captioner":
        """The one of a protocol; None takes the tuned one where there is one."""
        results = self._config.results / f"{self._config.suite}.json"

        def load() -> "Captioner":
            loaded = self._suite.captioner(self._fetch, self._config, self.tower())
            return loaded.guessing(tradeoff.captions(results, "frozen"))

        frozen = self._once("captioner", "The caption model", load)
        if (protocol or protocols(self._config)[-1]) == "frozen":
            return frozen

        def tune() -> "Captioner":
            return adapter.tuned(frozen, llava_folder(self._config)).guessing(tradeoff.captions(results, "tuned"))

        return self._once("adapter", "The caption model's adapter", tune)

    def word_space(self, name: str, meets: str, gallery: "Gallery") -> "WordSpace":
        """The space of an encoder in which typed words meet the clips' "pictures" or "sounds"."""

        def load() -> "WordSpace":
            from . import words

            return words.open_space(self.encoder(name), meets, gallery, self._config.limits)

        return self._once("words", "The search by words", load)

    def index(self, gallery: "Gallery") -> "Index":
        def load() -> "Index":
            from .indexes import index_of

            return index_of(gallery.folder, gallery.tokens)

        return self._once("index", "The search index", load)

    def load_all(self, gallery: "Gallery", rehearse: Callable[[str], None]) -> None:
        """Loads everything the page uses, the quick parts first; failures are kept for `status`.

        Args:
            rehearse: called with each encoder's name once it can be loaded.
        """
        ready = [s.name for s in encoders.statuses(self._config) if s.suite == self._config.suite and s.ready]
        last_first = ready[::-1][: self._config.encoders_kept]  # the default encoder is the registry's last
        loaders: list[Callable[[], Any]] = [lambda: self.index(gallery)]
        loaders += [lambda name=name: rehearse(name) for name in last_first]
        for load in [*loaders, self.tower, self.captioner]:
            try:
                load()
            except NotReady as missing:
                log.warning("%s", missing)
        self._announced = ""

    def announce(self) -> None:
        """Says that loading begins, before the first part has said so itself."""
        self._announced = "The models are loading."

    def status(self) -> list[str]:
        """What is loading or missing, a sentence each."""
        said = [slot.state for slot in list(self._slots.values()) if slot.state]
        return said or ([self._announced] if self._announced else [])

    def _forget_encoders(self, keep: str) -> None:
        """Lets go of the encoders used longest ago; a request that runs one of them keeps it until it is done."""
        with self._guard:
            there = [name for name in self._used if name != keep and f"encoder {name}" in self._slots]
            for name in there[: max(0, len(there) + 1 - self._config.encoders_kept)]:
                del self._slots[f"encoder {name}"], self._used[name]

    def _once(self, key: str, title: str, load: Callable[[], T]) -> T:
        with self._guard:
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if slot.value is not None:
                return slot.value
            if slot.failure and time.monotonic() - slot.failed_at < RETRY_SECONDS:
                raise NotReady(slot.failure)
            slot.state = f"{title} is loading."
            try:
                slot.value = load()
            except Exception as error:  # one broken part must not take the page down
                log.debug("loading %s failed", key, exc_info=True)
                reason = _reason(error)
                slot.failure = slot.state = f"{title} is not available: {reason.rstrip('.')}."
                slot.failed_at = time.monotonic()
                raise NotReady(slot.failure) from error
            slot.failure = slot.state = ""
            return slot.value

    def _fetch(self, source: str):
        """The checkpoint's folder; while it is being fetched, `status` says how far it is."""
        title = weights.SOURCES[source].title
        with self._guard:
            slot = self._slots.setdefault(f"fetch {source}", _Slot())

        def progress(_: str, done: int, size: int) -> None:
            slot.state = f"Fetching {title}: {done / size:.0%} of {size / 1e6:.0f} MB."

        try:
            return weights.ensure(source, self._config.cache, progress)
        finally:
            slot.state = ""


def _reason(error: Exception) -> str:
    """Why a part did not load, in words that show no path of the server."""
    if isinstance(error, (weights.WeightsError, NotReady, UserError)):
        return str(error)
    if lack := lacks(error):
        return {"memory": "there is not enough memory for it", "disk": "the disk is full"}[lack]
    if isinstance(error, FileNotFoundError):
        return "one of its files is missing"
    return f"its files are damaged or do not fit ({type(error).__name__})"
