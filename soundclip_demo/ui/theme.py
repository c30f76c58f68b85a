"""Colours, fonts and what `launch()` needs. System fonts only: nothing is loaded from elsewhere."""

from typing import TYPE_CHECKING, Any

import gradio as gr
from starlette.middleware import Middleware

from . import line, monitor, posters
from .intake import Intake
from .scripted import read

if TYPE_CHECKING:
    from ..any_engine import AnyEngine

SHEETS = (
    "page", "sound", "setting", "matches", "caption", "ask", "look", "map", "compare", "tradeoff", "card", "sharing",
    "talk",
)
STYLES = tuple(f"{name}.css" for name in SHEETS)
THREADS = line.MOST + 40  # those who wait for a caption, and Gradio's usual number for everything else
SESSIONS = 200  # the ones used last; each costs about a megabyte, and Gradio would keep 10,000
HEAD = '<meta name="color-scheme" content="light dark">'


def theme() -> gr.themes.Base:
    """Teal on warm grey; the star on the map is the secondary hue."""
    return gr.themes.Base(
        primary_hue="teal",
        secondary_hue="orange",
        neutral_hue="stone",
        radius_size="md",
        font=["system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_text_color="*body_text_color_subdued",
        block_title_text_color="*body_text_color",
        block_title_text_weight="500",
        block_info_text_color="*body_text_color_subdued",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        color_accent="*primary_700",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_950",
        slider_color="*primary_700",
        slider_color_dark="*primary_500",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        checkbox_label_background_fill="white",
        checkbox_label_background_fill_dark="*neutral_900",
        checkbox_label_border_color="*neutral_200",
        checkbox_label_border_color_dark="*neutral_700",
        checkbox_label_border_width="1px",
        checkbox_label_padding="*spacing_sm *spacing_md",
        checkbox_label_text_size="*text_sm",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_label_background_fill_selected_dark="*primary_950",
        checkbox_label_border_color_selected="*primary_600",
        checkbox_label_border_color_selected_dark="*primary_500",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_border_color_selected="*primary_700",
        checkbox_border_color_selected_dark="*primary_500",
    )


def launch_options(engine: "AnyEngine") -> dict[str, Any]:
    """Keyword arguments for `Blocks.launch`: looks, and limits fit for a public page.

    Only static folders and uploads are served: `allowed_paths` stays empty on purpose.
    """
    return {
        "theme": theme(),
        "css": read(*STYLES),
        "head": HEAD,
        "allowed_paths": [],
        "app_kwargs": {
            "routes": [*monitor.routes(engine), *posters.routes(engine)],
            "middleware": [Middleware(Intake, limits=engine.config.limits)],
        },
        "max_file_size": engine.config.limits.file_bytes,
        "max_threads": THREADS,
        "state_session_capacity": SESSIONS,
        "footer_links": ["api", "gradio", "settings"],
        "run_history": False,  # a visitor's sounds are not written into their browser's history
        "mcp_server": True,
        "ssr_mode": False,
        "enable_monitoring": False,
        "show_error": False,
        "pwa": False,
    }
