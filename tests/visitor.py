"""A visitor of the page without a browser: speaks what the page itself speaks with the server."""

import html
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

SIDES = ("raw", "projected")
DESCRIBES = {"raw": "describe", "projected": "describe_1"}  # Gradio's names for the same handler of two columns
Message = dict[str, Any]


class Refused(Exception):
    """The server did not take a request; the message is what it said."""


@dataclass
class Seen:
    """What stands on a visitor's page after one sound.

    Attributes:
        clips: ids and scores of each column's matches, as they are shown.
        captions: of each column; what else stands there instead of one.
    """

    problem: str = ""
    clips: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)


class Visitor:
    """One open tab."""

    def __init__(self, address: str, encoder: str = "whisper", prompt: str = "What is it?") -> None:
        self.http = httpx.Client(base_url=f"{address}gradio_api/", timeout=300)
        self.session = secrets.token_hex(8)
        self.encoder, self.prompt = encoder, prompt
        config = httpx.get(f"{address}config", timeout=300).json()
        self.names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self.events = {event["api_name"]: event for event in config["dependencies"] if event["api_name"]}

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def upload(self, path: Path) -> str:
        """The path on the server."""
        with path.open("rb") as file:
            reply = self.http.post("upload", files={"files": (path.name, file)})
        if reply.status_code != 200:
            raise Refused(reply.text)
        return reply.json()[0]

    def start(self, name: str, data: list[Any], about: Any = None) -> str:
        """Fires an event by its handler's name -> its id; what it says is to be read from `messages`."""
        event = self.events[name]
        body = {"data": data, "fn_index": event["id"], "session_hash": self.session, "event_data": about}
        reply = self.http.post("queue/join", json=body | {"trigger_id": event["targets"][0][0]})
        if reply.status_code != 200:
            raise Refused(reply.text)
        return reply.json()["event_id"]

    @contextmanager
    def messages(self) -> Iterator[Iterator[Message]]:
        """What the server says of this visitor's events, until all of them are done."""
        with self.http.stream("GET", "queue/data", params={"session_hash": self.session}) as reply:
            lines = (line for line in reply.iter_lines() if line.startswith("data:"))
            yield (json.loads(line.removeprefix("data:")) for line in lines)

    def result(self, name: str, data: list[Any], about: Any = None) -> dict[str, Any]:
        """What an event's last message gives, by the names of the components that have one."""
        return self.results({name: (data, about)})[name]

    def results(
        self, wanted: dict[str, tuple[list[Any], Any]], said: Callable[[Message], None] = lambda _: None
    ) -> dict[str, dict[str, Any]]:
        """The same of several events at once; `said` hears every message."""
        ids = {self.start(name, *given): name for name, given in wanted.items()}
        found: dict[str, dict[str, Any]] = {}
        with self.messages() as messages:
            for message in messages:
                said(message)
                if message["msg"] == "process_completed" and message.get("event_id") in ids:
                    name = ids[message["event_id"]]
                    if not message["success"]:
                        raise Refused(json.dumps(message["output"]))
                    found[name] = self._named(name, message["output"]["data"])
        if lost := wanted.keys() - found.keys():
            raise ConnectionError(f"no answer to {sorted(lost)}")
        return found

    def quick(self, name: str, data: list[Any], about: Any = None) -> dict[str, Any]:
        """The same of an event that does not wait in a queue."""
        body = {"data": data, "fn_index": self.events[name]["id"], "session_hash": self.session, "event_data": about}
        reply = self.http.post("run/predict", json=body)
        if reply.status_code != 200:
            raise Refused(reply.text)
        return self._named(name, reply.json()["data"])

    def _named(self, name: str, data: list[Any]) -> dict[str, Any]:
        return dict(zip((self.names[number] for number in self.events[name]["outputs"]), data, strict=True))

    def choose(self, path: Path) -> str:
        """Gives a sound -> what the page says of it where it cannot be read."""
        given = {"path": self.upload(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
        return plain(self.result("file", [given])["problem"])

    def find(self, share: float = 1) -> dict[str, Any]:
        """Matches and map of the chosen sound."""
        return self.result("find", [None, self.encoder, share, None, None])

    def asks_captions(self) -> dict[str, tuple[list[Any], Any]]:
        """What the page sends for the captions of both columns."""
        choices = [None, "tuned", "the sound only", 8, None, self.prompt]
        return dict.fromkeys(("describe", "describe_1"), (choices, None))

    def see(
        self, path: Path, share: float = 1, captions: bool = True, said: Callable[[Message], None] = lambda _: None
    ) -> Seen:
        """Everything that comes of one sound; `said` hears every message about captions."""
        if problem := self.choose(path):
            return Seen(problem)
        shown = self.find(share)
        seen = Seen(plain(shown["problem"]))
        for side in SIDES:
            seen.clips[side] = [(card["clip"], card["score"]) for card in shown[f"matches-{side}"]["cards"]]
        if captions:
            told = self.results(self.asks_captions(), said)
            seen.captions = {side: caption_of(told[DESCRIBES[side]][f"caption-{side}"]) for side in SIDES}
        return seen


def plain(shown: Any) -> str:
    """The words of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", shown)).strip() if isinstance(shown, str) else ""


def caption_of(panel: str) -> str:
    """The words of a caption, without the panel's heading."""
    return plain(panel.partition("caption-text")[2].partition(">")[2])


def served(engine: Any) -> SimpleNamespace:
    """The page of an engine, served by this process: `url` and `close()`."""
    from soundclip_demo.ui import build, launch_options

    blocks = build(engine)
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, server_port=None, **launch_options(engine))
    return SimpleNamespace(url=url, close=blocks.close, blocks=blocks)
