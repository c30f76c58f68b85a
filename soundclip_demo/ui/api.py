"""The public API: four endpoints. Every other event of the page is private."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import gradio as gr

from ..audio import glance
from ..errors import UserError
from ..events import MODES, TOP_CLIPS, Setting
from ..questions import asked
from .handlers import Page, failed, gone

MOST_MATCHES = 50


def verdict(check: Callable[..., Any], *values: Any) -> dict[str, Any]:
    """What Gradio wants to hear of a value before the queue."""
    try:
        check(*values)
    except UserError as problem:
        return gr.validate(False, str(problem))
    return gr.validate(True, "")


@contextmanager
def told() -> Iterator[None]:
    """A caller reads one sentence, whatever happens."""
    try:
        yield
    except UserError as problem:
        raise gr.Error(str(problem), print_exception=False) from None
    except Exception as error:
        raise gr.Error(str(failed("the API", error)), print_exception=False) from None


def add_api(page: Page) -> None:
    """Adds the endpoints to the Blocks being built.

    Hidden components type the arguments. `gr.api` would hand over the caller's file path unchecked; a File
    component only takes files that were uploaded.
    """
    engine = page.engine

    @contextmanager
    def turn() -> Iterator[None]:
        """Waits in the line of all captions, or until the caller has gone."""
        with page.line.join() as place:
            for _ in place.waits(lambda: not gone()):
                pass
            yield

    def check_sound(sound: str | None) -> None:
        """Refuses what need not be decoded to be refused."""
        if not sound:
            raise UserError("No sound was given.", "Upload a sound file.")
        glance(Path(sound), engine.config.limits)

    def check(sound: str | None, encoder: str, mode: str, blend: float) -> None:
        """Refuses what no setting can be made of; the engine looks at the rest."""
        check_sound(sound)
        if encoder not in {row.name for row in engine.encoders()}:
            raise UserError("This encoder does not exist.", "Ask /encoders for the list.")
        if mode not in MODES:
            raise UserError("This mode does not exist.", f"Choose one of {', '.join(MODES)}.")
        if blend is None or not 0 <= blend <= 1:
            raise UserError("blend lies in [0, 1].")

    def check_top(top: float) -> None:
        if top is None or not 1 <= top <= MOST_MATCHES:
            raise UserError(f"top lies in [1, {MOST_MATCHES}].")

    # Gradio calls these before a request may wait in the queue, and for all callers at once: nothing is decoded.

    def may_analyze(
        sound: str | None, encoder: str, mode: str, blend: float, top: float, caption: bool
    ) -> list[dict[str, Any]]:
        return [
            verdict(check, sound, encoder, mode, blend),
            *[gr.validate(True, "")] * 3,
            verdict(check_top, top),
            gr.validate(True, ""),
        ]

    def may_ask(
        sound: str | None, question: str, encoder: str, mode: str, blend: float, protocol: str
    ) -> list[dict[str, Any]]:
        setting = verdict(check, sound, encoder, mode, blend)
        return [setting, verdict(asked, question or ""), *[gr.validate(True, "")] * 4]

    def may_compare(sound: str | None) -> dict[str, Any]:
        return verdict(check_sound, sound)

    def analyze(
        sound: str | None,
        encoder: str = Setting.encoder,
        mode: str = Setting.mode,
        blend: float = Setting.t,
        top: float = TOP_CLIPS,
        caption: bool = True,
    ) -> dict[str, Any]:
        """Finds the clips that match a sound, its place on the map, and a caption written from its token. The
        loudest 3 seconds of the file are used; a video with sound will do. encoder: one of those that
        /encoders calls ready. mode: projected, raw or blend. blend: t in [0, 1], read in mode blend, for
        (1 - t) raw + t projected. top: number of matches, 1 to 50. caption: false leaves the caption
        out, which is much quicker. The result holds sound (seconds, window), suite, encoder, mode,
        matches (rank, clip, category, caption, score), caption, map (x, y, off_map) and ms, the
        milliseconds of each stage.

        Args:
            sound: a sound file or a video with sound; for a tool the address of its upload, or data: up to 700 KB.
            encoder: audio encoder, one of those that /encoders calls ready.
            mode: how the embedding becomes a token: projected, raw or blend.
            blend: t in [0, 1], read in mode blend.
            top: number of matches, 1 to 50.
            caption: False leaves the caption out.
        """
        from ..results import analyze as run

        with told():
            check(sound, encoder, mode, blend)
            check_top(top)
            setting = Setting(encoder=encoder, mode=mode, t=float(blend), top=int(top), caption=bool(caption))
            with turn() if caption else nullcontext():
                return run(engine, sound, setting, wanted=lambda: not gone())

    def ask(
        sound: str | None,
        question: str,
        encoder: str = Setting.encoder,
        mode: str = Setting.mode,
        blend: float = Setting.t,
        protocol: str = "",
    ) -> dict[str, Any]:
        """Has the loudest 3 seconds of a sound captioned by a LLaVA that sees only its token, then puts a question
        to it as the next turn of that conversation. A small model answers in the compact suite, and it is often
        wrong. question: up to 300 characters. encoder, mode and blend: as in /analyze. protocol: frozen for a LLaVA
        that never saw a sound, tuned for the one with an adapter; empty takes the tuned one where there is one. The
        result is that of /analyze with question, answer, and answer_first_token and answer in ms.

        Args:
            sound: a sound file or a video with sound; for a tool the address of its upload, or data: up to 700 KB.
            question: what to ask, up to 300 characters.
            encoder: audio encoder, one of those that /encoders calls ready.
            mode: how the embedding becomes a token: projected, raw or blend.
            blend: t in [0, 1], read in mode blend.
            protocol: frozen, tuned, or empty for the default.
        """
        from ..results import answered

        with told():
            check(sound, encoder, mode, blend)
            setting = Setting(encoder, mode, float(blend), protocol=protocol or None)
            with turn():
                return answered(engine, sound, setting, question, wanted=lambda: not gone())

    def compare(sound: str | None) -> dict[str, Any]:
        """Lets every encoder of this suite hear the loudest 3 seconds of a sound, raw and projected, without
        captions. The result holds sound (seconds, window), suite and rows in a fixed order: encoder, title,
        mode, match (clip, category, caption, score), above_chance, ms (encode, and all of the path), reason.
        Where an encoder cannot run, reason says why and the rest is null; one that is not ready has one row.

        Args:
            sound: a sound file or a video with sound; for a tool the address of its upload, or data: up to 700 KB.
        """
        from ..results import comparison

        with told():
            check_sound(sound)
            return comparison(engine, sound)

    def encoders() -> list[dict[str, Any]]:
        """Lists every encoder of both suites: name, title, suite, ready, and the reason why not."""
        from ..results import encoder_table

        return encoder_table(engine.encoders())

    with gr.Row(visible=False):
        inputs = [
            gr.File(label="sound"),
            gr.Textbox(Setting.encoder, label="encoder"),
            gr.Radio(list(MODES), value=Setting.mode, label="mode"),
            gr.Number(Setting.t, label="blend"),
            gr.Number(TOP_CLIPS, label="top", precision=0),
            gr.Checkbox(True, label="caption"),
        ]
        result = gr.JSON(label="result")
        button = gr.Button("analyze")
        put = [
            gr.File(label="sound"),
            gr.Textbox(label="question"),
            gr.Textbox(Setting.encoder, label="encoder"),
            gr.Radio(list(MODES), value=Setting.mode, label="mode"),
            gr.Number(Setting.t, label="blend"),
            gr.Textbox("", label="protocol"),
        ]
        answer = gr.JSON(label="answer")
        asking = gr.Button("ask")
        heard = gr.File(label="sound")
        rows = gr.JSON(label="rows")
        all_at_once = gr.Button("compare")
        table = gr.JSON(label="encoders")
        listing = gr.Button("encoders")
    # Two, so that whoever wants no caption need not wait for one. Gradio tells callers their place before that.
    few = {"concurrency_id": "analyze", "concurrency_limit": 2}
    button.click(analyze, inputs, result, api_name="analyze", validator=may_analyze, **few)
    asking.click(ask, put, answer, api_name="ask", validator=may_ask, **few)
    all_at_once.click(
        compare, heard, rows, api_name="compare", validator=may_compare, concurrency_id="compare", concurrency_limit=1
    )
    listing.click(encoders, None, table, api_name="encoders", queue=False)
