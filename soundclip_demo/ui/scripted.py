"""Parts of the page that are a template and a script."""

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent


def read(*names: str) -> str:
    """Files of this folder, one after the other."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def scripted(*scripts: str, **given: Any) -> gr.HTML:
    """A component that scripts of this folder bring to life; nothing but the page's own sheets styles it."""
    return gr.HTML(js_on_load=read(*scripts), apply_default_css=False, **given)
