"""The page: components on the left and right, and which event calls which handler."""

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from .. import published, tradeoff
from ..config import DEFAULT_PROMPT
from ..events import Setting
from ..suites import SUITES
from . import caption, texts
from .api import add_api
from .compare import compare_panel
from .comparing import Comparing
from .examples import example_buttons, read_examples
from .handlers import TICK, Page
from .map import atlas_map
from .matches import matches_panel
from .media import plotly_script
from .tradeoff import tradeoff_panel
from .waveform import waveform

if TYPE_CHECKING:
    from ..engine import Engine

# The suffixes are for systems that do not count them as sound or video; decoding decides what a file is.
SOUND_TYPES = ["audio", "video", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm", ".mkv", ".mov"]
QUICK = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A changed gr.State starts its listeners only when the event that changed it went through the queue.
CHANGES_STATE = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
HEAVY = {"api_visibility": "private", "trigger_mode": "always_last"}


def build(engine: "Engine") -> gr.Blocks:
    """The Blocks of the demo with its queue; `launch(**launch_options(engine))` starts it."""
    examples = read_examples(engine.config.examples)
    page = Page(engine, examples)
    # Served straight from disk: the gallery's media, the example sounds and one file of Plotly.
    gr.set_static_paths([engine.gallery.folder, *(row.path for row in examples.values()), plotly_script()])
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    ) as blocks:
        gr.HTML(header(engine), apply_default_css=False, elem_id="header")
        loading = gr.HTML("", apply_default_css=False, elem_id="loading")
        problem = gr.HTML("", apply_default_css=False, elem_id="problem")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="left"):
                sound = sound_inputs(page)
                setting = setting_inputs(page)
                seen = caption_inputs(engine)
            with gr.Column(elem_id="right"):
                found = matches_panel()
                with gr.Row(elem_id="below"):
                    with gr.Column(elem_id="words"):
                        words = gr.HTML(caption.empty(), apply_default_css=False, elem_id="caption")
                        with gr.Row(elem_id="caption-buttons"):
                            # page.css shows the one that is of use. Gradio's own `visible` mounts a button
                            # anew at each change, and a quick change back left one without its label.
                            stop = gr.Button(texts.STOP, size="sm", variant="stop", elem_id="stop")
                            again = gr.Button(texts.AGAIN, size="sm", elem_id="again")
                    atlas = atlas_map(engine.gallery)
                table = compare_panel()
                if measured := tradeoff.read(engine.config.results / f"{engine.config.suite}.json"):
                    tradeoff_panel(measured, published.read(), engine.config.suite)
        gr.HTML(about(engine), apply_default_css=False, elem_id="about")
        ticket = gr.State(None)
        listen_choice(page, sound, problem)
        adopted = listen_compare(Comparing(page), sound["chosen"], setting, seen, table)
        shown = [sound["wave"], found, atlas, problem, ticket, words]
        listen_setting(page, sound["chosen"], setting, adopted, shown)
        listen_caption(page, ticket, seen, words, stop, again)
        listen_state(blocks, page, loading, setting["encoder"])
        add_api(engine)
    return blocks.queue(max_size=20, default_concurrency_limit=2)


def sound_inputs(page: Page) -> dict[str, Any]:
    with gr.Group(elem_classes="panel"):
        with gr.Tabs():
            with gr.Tab(texts.UPLOAD_TAB):
                upload = gr.File(
                    label=texts.UPLOAD,
                    show_label=False,
                    file_types=SOUND_TYPES,
                    height=64,
                    elem_classes="drop",
                    elem_id="upload",
                )
            with gr.Tab(texts.MICROPHONE_TAB):
                microphone = gr.Audio(
                    label=texts.MICROPHONE,
                    sources=["microphone"],
                    type="filepath",
                    format=None,
                    elem_id="microphone",
                )
        chips = example_buttons(page.examples)
        wave = waveform()
    return {
        "upload": upload,
        "microphone": microphone,
        "chips": chips,
        "wave": wave,
        "chosen": gr.State(None),
    }


def setting_inputs(page: Page) -> dict[str, Any]:
    with gr.Group(elem_classes="panel"):
        encoder = gr.Radio(label=texts.ENCODER, elem_id="encoder", **page.encoder_choices())
        mode = gr.Radio(
            [(title, name) for name, title in texts.MODES.items()],
            value=Setting.mode,
            label=texts.MODE,
            info=texts.MODE_NOTE,
            elem_id="mode",
        )
        t = gr.Slider(
            0, 1, Setting.t, step=0.05, label=texts.BLEND, visible=False, buttons=[], elem_id="blend"
        )
    mode.change(lambda mode: gr.Slider(visible=mode == "blend"), mode, t, **QUICK)
    return {"encoder": encoder, "mode": mode, "t": t}


def caption_inputs(engine: "Engine") -> dict[str, Any]:
    most = SUITES[engine.config.suite].patches
    with gr.Accordion(texts.CAPTION_SETTINGS, open=False, elem_classes="panel", elem_id="caption-settings"):
        there = engine.protocols()
        protocol = gr.Radio(
            [(texts.PROTOCOLS[name], name) for name in there],
            value=there[-1],
            label=texts.PROTOCOL,
            info=texts.PROTOCOL_NOTE,
            elem_id="protocol",
        )
        choices = [texts.SEES_SOUND, texts.SEES_MATCH, texts.SEES_PICTURE]
        sees = gr.Radio(choices, value=texts.SEES_SOUND, label=texts.SEES, elem_id="sees")
        k = gr.Slider(
            1, most, 8, step=1, label=texts.PATCHES, info=texts.PATCHES_NOTE, visible=False, buttons=[]
        )
        own = gr.File(
            label=texts.PICTURE,
            show_label=False,
            file_types=["image", "video"],
            height=64,
            visible=False,
            elem_classes="drop",
        )
        prompt = gr.Textbox(DEFAULT_PROMPT, label=texts.PROMPT, lines=2, max_length=500, elem_id="prompt")
        reset = gr.Button(texts.PAPER_PROMPT, size="sm")
    sees.change(
        lambda sees: [
            gr.Slider(visible=sees != texts.SEES_SOUND),
            gr.File(visible=sees == texts.SEES_PICTURE),
        ],
        sees,
        [k, own],
        **QUICK,
    )
    return {"protocol": protocol, "sees": sees, "k": k, "own": own, "prompt": prompt, "reset": reset}


def listen_choice(page: Page, sound: dict[str, Any], problem: gr.HTML) -> None:
    """Each way of giving a sound ends in `chosen`."""
    chosen, given = sound["chosen"], [sound["chosen"], problem]
    picked = sound["upload"].upload(page.choose_file, sound["upload"], given, **CHANGES_STATE)
    picked.then(lambda: None, None, sound["upload"], **QUICK)  # ready for the next file
    sound["microphone"].input(page.choose_recording, sound["microphone"], given, **CHANGES_STATE)
    sound["chips"].select(page.choose_example, None, given, **CHANGES_STATE)
    sound["wave"].release(page.move_window, chosen, chosen, **CHANGES_STATE)


def listen_setting(
    page: Page, chosen: gr.State, setting: dict[str, Any], adopted: gr.State, outputs: list[Any]
) -> None:
    """Every new sound, window or setting ends in one `find`; while one runs, only the last change waits."""
    by_hand = [setting["encoder"].input, setting["mode"].input, setting["t"].release]
    gr.on(
        [chosen.change, adopted.change, *by_hand],
        page.find,
        [chosen, setting["encoder"], setting["mode"], setting["t"]],
        outputs,
        concurrency_id="find",
        concurrency_limit=2,
        show_progress="minimal",
        show_progress_on=outputs[1],
        **HEAVY,
    )


def listen_caption(
    page: Page, ticket: gr.State, seen: dict[str, Any], words: gr.HTML, stop: gr.Button, again: gr.Button
) -> None:
    """A new ticket starts a caption; asking again or changing what the model sees makes a new ticket."""
    ticket.change(
        page.describe,
        [ticket, *caption_choices(seen)],
        words,
        concurrency_id="describe",
        concurrency_limit=1,
        show_progress="hidden",
        **HEAVY,
    )
    reset = seen["reset"].click(lambda: DEFAULT_PROMPT, None, seen["prompt"], **QUICK)
    reset.then(page.renew, ticket, ticket, **CHANGES_STATE)
    asked = [
        again.click,
        seen["prompt"].submit,
        seen["protocol"].input,
        seen["sees"].input,
        seen["k"].release,
        seen["own"].upload,
    ]
    gr.on(asked, page.renew, ticket, ticket, **CHANGES_STATE)
    stop.click(page.stop, words, words, **QUICK)


def listen_compare(
    comparing: Comparing, chosen: gr.State, setting: dict[str, Any], seen: dict[str, Any], table: gr.HTML
) -> gr.State:
    """The comparison and its rows' captions; gives the state that changes when a row's setting is adopted."""
    comparison, asked, adopted = gr.State(None), gr.State(None), gr.State(None)
    chosen.change(comparing.reset, [chosen, comparison], [comparison, table], **QUICK)
    table.compare(
        comparing.fill,
        chosen,
        [comparison, table],
        concurrency_id="compare",
        concurrency_limit=1,
        show_progress="hidden",
        **HEAVY,
    )
    table.halt(comparing.halt, comparison, table, **QUICK)
    table.adopt(comparing.adopt, comparison, [setting["encoder"], setting["mode"], adopted], **CHANGES_STATE)
    table.describe(comparing.ask, comparison, [asked, table], **CHANGES_STATE)
    table.hush(comparing.hush, comparison, table, **QUICK)
    asked.change(
        comparing.write,
        [asked, *caption_choices(seen)],
        table,
        concurrency_id="describe",
        concurrency_limit=1,
        show_progress="hidden",
        **HEAVY,
    )
    return adopted


def caption_choices(seen: dict[str, Any]) -> list[Any]:
    """What every caption is asked with."""
    return [seen[name] for name in ("protocol", "sees", "k", "own", "prompt")]


def listen_state(blocks: gr.Blocks, page: Page, loading: gr.HTML, encoder: gr.Radio) -> None:
    """The loading line asks the engine until there is nothing left to say, and again when an encoder is loaded anew."""
    known = gr.State([row.name for row in page.ready_encoders()])
    ticks = gr.State(0)
    timer = gr.Timer(TICK)
    gr.on(
        [blocks.load, timer.tick],
        page.state,
        [encoder, known, ticks],
        [loading, encoder, known, ticks, timer],
        **QUICK,
    )
    encoder.input(page.wake, encoder, [ticks, timer], **QUICK)
    blocks.unload(page.leave)


def header(engine: "Engine") -> str:
    suite = texts.SUITES.get(engine.config.suite, engine.config.suite)
    return (
        f"<header><h1>{escape(texts.TITLE)}</h1><p>{escape(texts.SUBTITLE)}</p>"
        f'<p class="suite">{escape(suite)}</p></header>'
    )


def about(engine: "Engine") -> str:
    """The gallery's nature and what cannot run here, at the foot of the page."""
    rows = "".join(
        f"<li>{escape(row.title)} ({escape(row.suite)} suite): {escape(row.reason)}</li>"
        for row in engine.encoders()
        if not row.ready
    )
    absent = (
        f"<details><summary>{escape(texts.UNAVAILABLE)}</summary><ul>{rows}</ul></details>" if rows else ""
    )
    gallery = f"{engine.gallery.title}: {len(engine.gallery.clips)} clips. {engine.gallery.note}"
    return f"<footer><p>{escape(gallery)}</p>{absent}</footer>"
