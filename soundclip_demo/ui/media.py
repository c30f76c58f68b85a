"""Addresses of files the page may show: gallery, example sounds, Plotly's script, uploads. No others."""

import importlib.util
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import gradio as gr
import safehttpx

from . import texts


def address(path: Path | str) -> str:
    """Where the browser finds a file that Gradio serves; relative, so it also holds behind a path prefix."""
    return "gradio_api/file=" + quote(Path(path).resolve().as_posix())


def plotly_script() -> Path:
    """Plotly's own bundle, shipped in its wheel. Found without importing plotly, which is slow."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"


def fetch_nothing() -> None:
    """Has Gradio refuse every address of another server.

    It would download what a caller names instead of an upload, and pass on what is asked for behind `file=`. Private
    addresses it refuses by itself, through this library; but the rest of the web is no business of this server either,
    and nothing bounds the size of what comes.
    """

    async def refuse(*_: Any, **__: Any) -> NoReturn:
        raise gr.Error(texts.NO_ADDRESSES, print_exception=False)

    safehttpx.get = safehttpx.async_validate_url = refuse
