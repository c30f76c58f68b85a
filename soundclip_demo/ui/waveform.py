"""The chosen sound: waveform, window and playback in one component."""

import gradio as gr

from ..config import WINDOW_SECONDS
from . import texts
from .scripted import scripted

TEMPLATE = """
<section class="wave" aria-label="Chosen sound">
  <div class="wave-head"><button type="button" class="round wave-play"></button>
    <strong class="wave-name"></strong></div>
  <div class="wave-box"><svg class="wave-svg" preserveAspectRatio="none" aria-hidden="true"></svg>
    <div class="wave-window" hidden></div><div class="wave-head-line" hidden></div></div>
  <label class="wave-slide" hidden><span></span><input type="range" min="0" step="0.1"></label>
  <p class="wave-text" role="status"></p>
  <details class="licence" hidden><summary></summary><span></span></details>
  <audio preload="metadata" hidden></audio>
</section>
"""


def waveform() -> gr.HTML:
    """`value` is what `handlers.picture` gives, or None; `release` carries `start` of the moved window."""
    return scripted(
        "waveform.js",
        value=None,
        html_template=TEMPLATE,
        elem_id="wave",
        window=WINDOW_SECONDS,
        words={
            "none": texts.NO_SOUND,
            "slide": texts.WINDOW,
            "play": texts.PLAY,
            "cannot": texts.CANNOT_PLAY,
        },
    )
