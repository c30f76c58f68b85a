"""The clip card alone, for tests: three clips, a button for each, and a line that says which sound was asked for."""

import argparse
import sys
from dataclasses import replace
from html import escape
from pathlib import Path
from types import SimpleNamespace

import gradio as gr

sys.path.insert(0, str(Path(__file__).parents[2]))

from soundclip_demo.alignment import DIMENSIONS, Alignment, Annotation
from soundclip_demo.config import Config
from soundclip_demo.gallery import read
from soundclip_demo.suites import SUITES
from soundclip_demo.ui import theme
from soundclip_demo.ui.card import clip_card

EVIL = '<img src=x onerror="window.hacked=1">'
FULL = Annotation(
    "A dog on a lawn.",
    "A dog barks.",
    Alignment(
        dict(zip(DIMENSIONS, (9, 10, 8, 10, 7), strict=True)),
        {name: f"This is why, for {name.replace('_', ' ')}." for name in DIMENSIONS},
        ("dog",),
        ("wind",),
        ("lawn", "fence"),
    ),
    "paper",
    (("video", "eye@1"), ("sound", "ear@2"), ("scorer", "mind@3")),
)
PART = replace(FULL, alignment=replace(FULL.alignment, scores=dict.fromkeys(DIMENSIONS[2:], 9), visible_silent=()))
BAD = Annotation(EVIL, EVIL, Alignment(FULL.alignment.scores, dict.fromkeys(DIMENSIONS, EVIL), (EVIL,)), EVIL)


def build(config: Config) -> gr.Blocks:
    gallery = read(config.gallery, SUITES[config.suite].space(config))
    first, *_ = gallery.clips
    made_up = {
        "full": replace(first, annotation=FULL),
        "part": replace(first, annotation=PART),
        "none": replace(first, annotation=None),
        "evil": replace(first, category=EVIL, caption=EVIL, licence=EVIL, attribution=EVIL, annotation=BAD),
    }
    clips = {clip.id: clip for clip in gallery.clips} | {name: replace(c, id=name) for name, c in made_up.items()}
    gr.set_static_paths([gallery.folder])
    opens = (
        f'<button type="button" data-open="{escape(name)}">open {escape(name)}</button>'
        for name in (*made_up, first.id, "nobody")
    )
    script = """element.addEventListener('click', ({ target: { dataset: { open: detail } } }) => {
      if (detail) document.dispatchEvent(new CustomEvent('soundclip:card-open', { detail }));
    });"""
    with gr.Blocks(title="Card", analytics_enabled=False) as blocks:
        gr.HTML(" ".join(opens), js_on_load=script, apply_default_css=False)
        card = clip_card(SimpleNamespace(find=clips.get))
        asked = gr.HTML("", html_template='<p role="status">${value}</p>', apply_default_css=False)

        def say(event: gr.EventData) -> str:
            return escape(f"asked for {event.clip}")

        card.query(say, None, asked, queue=False)
    return blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    config = Config()
    options = theme.launch_options(SimpleNamespace(config=config))
    build(config).launch(server_port=parser.parse_args().port, **options)


if __name__ == "__main__":
    main()
