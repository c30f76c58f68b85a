"""Talk mode: the page on a big screen, driven by the keyboard, with a running order and notes for the presenter.

`?talk=1` shows the stage alone, `?talk=notes` the notes in a window of their own. Which view is shown is `link.js`'s to
say; the keys are `talk.js`'s; the looks are in `talk.css`.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from .. import talk as running_order
from ..talk import Named, Talk
from . import texts
from .choosing import Choosing
from .given import number
from .handlers import Page
from .media import address
from .scripted import read, scripted

NO_ORDER = Talk("", ())


def read_order(page: Page, file: Path | None) -> Talk:
    """The running order in a file, whose sounds may be examples and clips by their ids; none without a file.

    Raises:
        UserError: see `talk.read`.
    """
    if file is None:
        return NO_ORDER
    sounds = {clip.id: Named(clip.video, clip.category) for clip in page.engine.gallery.clips}
    sounds |= {row.id: Named(row.path, row.title) for row in page.examples.values()}
    return running_order.read(file, sounds, [row.name for row in page.ready_encoders()])


def rehearse(page: Page, talk: Talk) -> None:
    """Starts to write the captions of a talk in the background."""
    examples = [row.path for row in page.examples.values()]
    page.rehearsal.start(running_order.scenes(talk, examples, [row.name for row in page.ready_encoders()]))


def talk_mode(page: Page, talk: Talk) -> gr.HTML:
    """Triggers `go` with `step`, or with one or more of `encoder`, `share` and `sound`."""

    def prepared(_: Any) -> list[Any]:
        """[done, wanted, videos]: how many captions of the running order are written, and where the videos of the
        matches found for them lie."""
        found = list(page.rehearsal.clips)
        return [
            page.rehearsal.done,
            page.rehearsal.wanted,
            [address(page.engine.gallery.clip(clip).video) for clip in found],
        ]

    return scripted(
        "talk.js",
        value=None,
        html_template=read("talk.html"),
        elem_id="talk",
        title=talk.title,
        order=[{"title": step.title, "notes": step.notes} for step in talk.steps],
        examples=list(page.examples),
        encoders=[{"name": row.name, "title": row.title.partition(" (")[0]} for row in page.ready_encoders()],
        words=texts.TALK,
        server_functions=[prepared],
    )


class Presenting:
    """Handlers beside those of a `Page`."""

    def __init__(self, page: Page, choosing: Choosing, talk: Talk) -> None:
        self.page, self.choosing, self.talk = page, choosing, talk

    def go(self, event: gr.EventData) -> list[Any]:
        """[encoder, share, chosen, problem, serial]: what is not asked for stays, and what makes no sense is not done.

        The serial starts `find` where no new sound does.
        """
        index = getattr(event, "step", None)
        if isinstance(index, int) and 0 <= index < len(self.talk.steps):
            step = self.talk.steps[index]
            sound = self.choosing.known(step.sound) or self.choosing.file(str(step.path), step.title)
            return [step.encoder, step.share, *sound, gr.skip()]
        ready = [row.name for row in self.page.ready_encoders()]
        encoder, share = getattr(event, "encoder", None), number(getattr(event, "share", None), 0.0, 1.0)
        sound = self.choosing.known(str(getattr(event, "sound", "")))
        return [
            encoder if encoder in ready else gr.skip(),
            gr.skip() if share is None else share,
            *(sound or [gr.skip(), gr.skip()]),
            gr.skip() if sound else self.page.serial(),
        ]
