"""Helpers of tests that run an engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from soundclip_demo.events import Event, Setting

SHORT = Setting(max_new_tokens=8)
SILENT = replace(SHORT, caption=False)
STAGES = ["decode", "encode", "project", "search", "place", "caption_first_token", "caption"]


def of(kind: type, events: list[Event]) -> Event:
    """The only event of its kind."""
    (found,) = (event for event in events if isinstance(event, kind))
    return found


@contextmanager
def calls_of(owner: object, method: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple]]:
    """Arguments of every call of a method, which goes on to do its work."""
    calls: list[tuple] = []
    original: Callable = getattr(owner, method)

    def noted(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, noted)
        yield calls
