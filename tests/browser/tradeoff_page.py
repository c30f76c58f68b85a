"""The trade-off panel and the buttons that keep it, on made-up results: `--port N`.

It says where a point led to, and marks it.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.extend(str(Path(__file__).parents[i]) for i in (1, 2))

import gradio as gr
import measured_results

from soundclip_demo import published, tradeoff
from soundclip_demo.ui import theme
from soundclip_demo.ui.keep import keep_buttons
from soundclip_demo.ui.scripted import read
from soundclip_demo.ui.tradeoff import read_go, tradeoff_panel


def go(event: gr.EventData) -> tuple[str, dict]:
    encoder, share, protocol = read_go(event)
    return f"{encoder} {share:g} {protocol}", {"encoder": encoder, "share": share, "protocol": protocol}


def mark(text: str) -> tuple[str, dict]:
    return f"marked {text}", json.loads(text)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--port", type=int, required=True)
given = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "compact.json"
    file.write_text(json.dumps(measured_results.made_up()))
    measured = tradeoff.read(file)
with gr.Blocks(fill_width=True) as page:
    panel = tradeoff_panel(measured, published.read(), "compact")
    keep_buttons()
    gone = gr.Textbox(label="Gone to")
    wanted = gr.Textbox(label="Value")
    panel.go(go, None, [gone, panel], show_progress="hidden")
    wanted.submit(mark, wanted, [gone, panel], show_progress="hidden")
css = read(*theme.STYLES) + ".gradio-container { width: 100% }"
page.launch(server_port=given.port, theme=theme.theme(), head=theme.HEAD, css=css)
