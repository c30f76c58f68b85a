"""One analysis or comparison as plain data: what the command line prints and the public API returns."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compare import Row
from .config import WINDOW_SECONDS
from .events import AnswerPart, CaptionPart, Event, Heard, Matches, Missing, Placed, Setting, Timing
from .questions import Exchange, asked

if TYPE_CHECKING:
    from .any_engine import AnyEngine
    from .encoders import EncoderStatus


@dataclass(eq=False)
class Result:
    """What one setting gave, gathered from its events.

    Attributes:
        rehearsed: the caption was written when the demo started.
    """

    setting: Setting
    heard: Heard | None = None
    matches: Matches | None = None
    placed: Placed | None = None
    caption: str | None = None
    rehearsed: bool = False
    ms: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, event: Event) -> None:
        match event:
            case Heard():
                self.heard = event
            case Matches():
                self.matches = event
            case Placed():
                self.placed = event
            case CaptionPart(text=text, rehearsed=rehearsed):
                self.caption, self.rehearsed = text, rehearsed
            case Missing(message=message):
                self.missing.append(message)
            case Timing(ms=ms):
                self.ms |= ms

    def retell(self, setting: Setting) -> None:
        """Another caption is about to be written of what was found; `setting` says how."""
        self.setting, self.caption, self.rehearsed = setting, None, False
        self.missing.clear()

    def plain(self, suite: str) -> dict[str, Any]:
        """`sound`, `suite`, `encoder`, `mode`, `matches`, `caption` (None when not asked for or not possible), `map`,
        `ms`, and `missing`: a sentence for each part that could not run."""
        heard, place = self.heard, self.placed
        hits = self.matches.hits if self.matches else ()
        return {
            "sound": heard
            and {"seconds": round(heard.seconds, 3), "window": [round(t, 3) for t in heard.window]},
            "suite": suite,
            "encoder": self.setting.encoder,
            "mode": self.setting.mode,
            "matches": [
                {"rank": h.rank, "clip": h.clip, "category": h.category, "caption": h.caption,
                 "score": round(h.score, 4)}
                for h in hits
            ],
            "caption": self.caption,
            "map": place and asdict(replace(place, x=round(place.x, 3), y=round(place.y, 3))),
            "ms": dict(self.ms),
            "missing": list(self.missing),
        }


Wanted = Callable[[], bool]  # whether what is under way still is


def gather(
    engine: "AnyEngine", path: str | Path, setting: Setting, start: float | None = None, wanted: Wanted = lambda: True
) -> Result:
    """Runs one sound through the engine.

    Args:
        start: of the 3-second window, in seconds; None takes the loudest.
        wanted: asked after each event; once it says no, the rest is left out.

    Raises:
        UserError: the sound or the setting cannot be used.
    """
    result = Result(setting)
    # The sound is decoded inside the timed part: its time is the visitor's time as well.
    with closing(engine.run_file(path, setting, start)) as events:  # closing is what really ends generation
        for event in takewhile(lambda _: wanted(), events):
            result.add(event)
    return result


def analyze(
    engine: "AnyEngine", path: str | Path, setting: Setting, start: float | None = None, wanted: Wanted = lambda: True
) -> dict[str, Any]:
    """The same as plain data, see `Result.plain`."""
    return gather(engine, path, setting, start, wanted).plain(engine.config.suite)


def answered(
    engine: "AnyEngine", path: str | Path, setting: Setting, question: str, wanted: Wanted = lambda: True
) -> dict[str, Any]:
    """Has a sound captioned, and then a question about it answered, as the page does.

    Returns:
        what `analyze` gives, with `question` and `answer` (None where a part is missing), and their times in `ms`.

    Raises:
        UserError: the sound, the setting or the question cannot be used.
    """
    asked(question)  # before the caption is written
    result = analyze(engine, path, setting, wanted=wanted) | {"question": question, "answer": None}
    history = [Exchange(setting.prompt, result["caption"])] if result["caption"] else []
    with closing(engine.ask(engine.load_sound(path), setting, question, history)) as events:
        for event in takewhile(lambda _: wanted(), events):
            match event:
                case AnswerPart(text=text):
                    result["answer"] = text
                case Missing(message=message) if message not in result["missing"]:
                    result["missing"].append(message)
                case Timing(ms=ms):
                    result["ms"] |= {stage: ms[stage] for stage in ("answer_first_token", "answer")}
    return result


def comparison(engine: "AnyEngine", path: str | Path) -> dict[str, Any]:
    """Runs the loudest window of one sound through every encoder of the suite, raw and projected.

    Returns:
        `sound`, `suite` and `rows` in the registry's order: `encoder`, `title`, `mode`, `match` (the best clip),
        `above_chance`, `ms` (encode, and all of it) and `reason`. Where an encoder cannot run, `reason` says why and
        the rest is None; one that is not ready has one such row, without a mode.

    Raises:
        UserError: the sound cannot be used.
    """
    sound = engine.load_sound(path)
    start = sound.loudest()
    window = [round(start, 3), round(start + min(WINDOW_SECONDS, sound.seconds), 3)]
    return {
        "sound": {"seconds": round(sound.seconds, 3), "window": window},
        "suite": engine.config.suite,
        "rows": [_plain(row) for row in engine.compare(sound, start)],
    }


def _plain(row: Row) -> dict[str, Any]:
    hit = row.hit
    return {
        "encoder": row.encoder,
        "title": row.title,
        "mode": row.mode or None,
        "match": hit and {"clip": hit.clip, "category": hit.category, "caption": hit.caption,
                          "score": round(hit.score, 4)},
        "above_chance": row.above_chance if hit else None,
        "ms": {"encode": row.encode_ms, "all": row.ms} if hit else None,
        "reason": row.reason or None,
    }


def encoder_table(statuses: "Iterable[EncoderStatus]") -> list[dict[str, Any]]:
    """Of each encoder: name, title, suite, ready, reason."""
    return [asdict(status) for status in statuses]
