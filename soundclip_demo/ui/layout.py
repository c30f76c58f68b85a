"""The page: the sound, the setting, then both columns with what was measured and the map beside them."""

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from .. import published, tradeoff
from ..config import DEFAULT_PROMPT
from ..events import Setting
from ..suites import SUITES
from ..talk import Talk
from . import caption, texts
from .api import add_api
from .ask import ask_row
from .card import clip_card
from .compare import compare_panel
from .examples import example_buttons, read_examples
from .finding import beside
from .handlers import Page
from .intake import tidy_uploads
from .keep import keep_buttons
from .link import link_button
from .look import look_panel
from .map import atlas_map
from .matches import matches_panel
from .media import fetch_nothing, plotly_script
from .microphone import recorder
from .talk import read_order, rehearse, talk_mode
from .tools import take_files
from .tradeoff import tradeoff_panel
from .turns import SIDES
from .waveform import waveform
from .wiring import QUICK, wire

if TYPE_CHECKING:
    from ..any_engine import AnyEngine

MOST_WAITING = 60  # events of all visitors; most take a tenth of a second, and captions have a line of their own
USUAL_K = 8  # as many patches as the compact LLaVA saw in training
# The suffixes are for systems that do not count them as sound or video; decoding decides what a file is.
SOUND_TYPES = ["audio", "video", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".webm", ".mkv", ".mov"]


def build(engine: "AnyEngine", order: Path | None = None) -> gr.Blocks:
    """The Blocks of the demo with its queue; `launch(**launch_options(engine))` starts it.

    Args:
        order: the running order of a talk, whose captions begin to be written now.

    Raises:
        UserError: the running order cannot be used.
    """
    page = Page(engine, read_examples(engine.config.examples))
    talk = read_order(page, order)
    # Served straight from disk: the gallery's media, sounds to choose from and one file of Plotly.
    sounds = [*(row.path for row in page.examples.values()), *(step.path for step in talk.steps)]
    fetch_nothing()
    tidy_uploads()
    take_files()
    # Else Gradio sums up the last 10,000 events after each one, for a dashboard that is off.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    gr.set_static_paths([engine.gallery.folder, *sounds, plotly_script()])
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(600, 3600), fill_width=True
    ) as blocks:
        gr.HTML(header(), apply_default_css=False, elem_id="header")
        parts = {
            "loading": gr.HTML("", apply_default_css=False, elem_id="loading"),
            "problem": gr.HTML("", apply_default_css=False, elem_id="problem"),
            "sound": sound_inputs(page),
            "setting": setting_inputs(page),
        }
        with gr.Row(elem_id="stage"):
            with gr.Column(elem_id="seen"):
                parts["sides"], parts["captions"] = columns(), caption_row() | look_inputs(engine)
                parts["ask"] = ask_row(engine.config.suite)
                parts["table"] = compare_panel()
            with gr.Column(elem_id="aside"):
                parts["atlas"] = atlas_map(engine.gallery, engine.search_words if engine.knows_words() else None)
                if measured := tradeoff.read(engine.config.results / f"{engine.config.suite}.json"):
                    parts["measured"] = tradeoff_panel(measured, published.read(), engine.config.suite)
        parts["keep"] = keep_row(page, talk)
        parts["card"] = clip_card(engine.gallery)
        gr.HTML(about(engine), apply_default_css=False, elem_id="about")
        add_api(page)  # first, so that no event of the page takes one of its names
        wire(blocks, page, parts, talk)
    if talk.steps:
        rehearse(page, talk)
    return blocks.queue(max_size=MOST_WAITING, default_concurrency_limit=2)


def sound_inputs(page: Page) -> dict[str, Any]:
    with gr.Row(elem_id="sound", elem_classes="sheet"):
        with gr.Column(elem_id="give"), gr.Tabs():
            with gr.Tab(texts.UPLOAD_TAB):
                upload = gr.File(
                    label=texts.UPLOAD,
                    show_label=False,
                    file_types=SOUND_TYPES,
                    height=44,
                    elem_classes="drop",
                    elem_id="upload",
                )
            with gr.Tab(texts.MICROPHONE_TAB):
                microphone = recorder()
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
    """The encoder of both columns, and how far the right one's token is projected."""
    with gr.Row(elem_id="setting", elem_classes="sheet"):
        encoder = gr.Radio(label=texts.ENCODER, elem_id="encoder", **page.encoder_choices())
        share = gr.Slider(0, 1, 1, step=0.05, label=texts.SHARE, buttons=[], elem_id="share")
        status = gr.HTML("", html_template='<p role="status">${value}</p>', apply_default_css=False, elem_id="status")
    return {"encoder": encoder, "share": share, "status": status}


def columns() -> dict[str, dict[str, gr.HTML]]:
    """Raw on the left, the other on the right: clips and caption of each."""
    sides = {}
    with gr.Row(elem_id="columns"):
        for side, setting in zip(SIDES, beside(Setting.encoder, 1), strict=True):
            with gr.Column(elem_id=side, elem_classes="side sheet"):
                found = matches_panel(side, setting)
                words = gr.HTML(
                    caption.empty(), apply_default_css=False, elem_id=f"caption-{side}", elem_classes="caption"
                )
            sides[side] = {"found": found, "words": words}
    return sides


def caption_row() -> dict[str, Any]:
    """What concerns both captions: stop, again, who writes them, and what the writer is asked."""
    with gr.Row(elem_id="captions"):
        # caption.css shows the one that is of use. Gradio's own `visible` mounts a button anew at each change, and a
        # quick change back left one without its label.
        stop = gr.Button(texts.STOP, size="sm", variant="stop", elem_id="stop")
        again = gr.Button(texts.AGAIN, size="sm", elem_id="again")
        told = gr.HTML("", apply_default_css=False, elem_id="told")
        with gr.Accordion(texts.CAPTION_SETTINGS, open=False, elem_classes="sheet", elem_id="caption-settings"):
            prompt = gr.Textbox(DEFAULT_PROMPT, label=texts.PROMPT, lines=2, max_length=500, elem_id="prompt")
            reset = gr.Button(texts.PAPER_PROMPT, size="sm")
    return {"stop": stop, "again": again, "told": told, "prompt": prompt, "reset": reset}


def keep_row(page: Page, talk: Talk) -> dict[str, gr.HTML]:
    """The link to what is seen, files of it, and talk mode, which the link leads to."""
    with gr.Row(elem_id="sharing"):
        return {"talk": talk_mode(page, talk), "files": keep_buttons(), "link": link_button()}


def look_inputs(engine: "AnyEngine") -> dict[str, Any]:
    """Which LLaVA writes, what it sees beside the sound, and how near that lies to the tokens."""
    there, most = engine.protocols(), SUITES[engine.config.suite].patches
    with gr.Accordion(texts.LOOK, open=False, elem_classes="sheet", elem_id="looking"), gr.Row(elem_id="look-row"):
        look = look_panel(most)
        with gr.Column(elem_id="look-choices"):
            protocol = gr.Radio(
                [(texts.PROTOCOLS[name], name) for name in there],
                value=there[-1],
                label=texts.PROTOCOL,
                info=texts.PROTOCOL_NOTE,
                elem_id="protocol",
            )
            choices = [texts.SEES_SOUND, texts.SEES_MATCH, texts.SEES_PICTURE]
            sees = gr.Radio(choices, value=texts.SEES_SOUND, label=texts.SEES, elem_id="sees")
            own = gr.File(
                label=texts.PICTURE,
                show_label=False,
                file_types=["image", "video"],
                height=64,
                visible=False,
                elem_classes="drop",
                elem_id="own-picture",
            )
            # The visitor moves the panel's slider, which shows what k does while it moves; this one keeps the value.
            k = gr.Slider(1, most, USUAL_K, step=1, visible="hidden", elem_id="k")
    sees.change(lambda sees: gr.File(visible=sees == texts.SEES_PICTURE), sees, own, **QUICK)
    return {"protocol": protocol, "sees": sees, "k": k, "own": own, "look": look}


def header() -> str:
    return f"<header><h1>{escape(texts.TITLE)}</h1><p>{escape(texts.SUBTITLE)}</p></header>"


def about(engine: "AnyEngine") -> str:
    """The suite, the gallery's nature and what cannot run here, at the foot of the page."""
    rows = "".join(
        f"<li>{escape(row.title)} ({escape(row.suite)} suite): {escape(row.reason)}</li>"
        for row in engine.encoders()
        if not row.ready
    )
    absent = (
        f"<details><summary>{escape(texts.UNAVAILABLE)}</summary><ul>{rows}</ul></details>" if rows else ""
    )
    suite = texts.SUITES.get(engine.config.suite, engine.config.suite)
    gallery = f"{engine.gallery.title}: {len(engine.gallery.clips)} clips. {engine.gallery.note}"
    return f"<footer><p>{escape(suite)}</p><p>{escape(gallery)}</p>{absent}</footer>"
