"""Recording a sound, and a sentence where the browser gives no microphone."""

import gradio as gr

from . import texts
from .scripted import scripted


def recorder() -> gr.Audio:
    """The component that records; what it cannot say itself is said below it."""
    microphone = gr.Audio(
        label=texts.MICROPHONE, sources=["microphone"], type="filepath", format=None, elem_id="microphone"
    )
    template = '<p class="microphone-said" role="alert" hidden></p>'
    scripted("microphone.js", value=None, html_template=template, words=texts.NO_MICROPHONE)
    return microphone
