"""Addresses of files the page may show: gallery, example sounds, Plotly's script, uploads."""

import importlib.util
from pathlib import Path
from urllib.parse import quote


def address(path: Path | str) -> str:
    """Where the browser finds a file that Gradio serves; relative, so it also holds behind a path prefix."""
    return "gradio_api/file=" + quote(Path(path).resolve().as_posix())


def plotly_script() -> Path:
    """Plotly's own bundle, shipped in its wheel. Found without importing plotly, which is slow."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("plotly")
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
