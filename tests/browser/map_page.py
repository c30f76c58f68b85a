"""A page of the map alone, with buttons for what the rest of the page would tell it: `map_page.py --port P`.

`--clips N` makes up a gallery of N clips; without it the bundled one is shown.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import gradio as gr

from soundclip_demo.config import Config, config_of
from soundclip_demo.engine import Engine
from soundclip_demo.events import Hit, Matches, Placed, Setting
from soundclip_demo.suites import SUITES
from soundclip_demo.ui.map import atlas_map, stars
from soundclip_demo.ui.media import plotly_script
from soundclip_demo.ui.theme import launch_options

RAW, PROJECTED, BLEND = Setting(mode="raw"), Setting(mode="projected"), Setting(mode="blend", t=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clips", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Config()
        if given.clips:
            from big_gallery import make

            config = config_of("compact", make(Path(folder), given.clips, SUITES["compact"].space(config)))
        engine = Engine(config)
        blocks(engine).launch(server_name="127.0.0.1", server_port=given.port, **launch_options(engine))


def blocks(engine: Engine) -> gr.Blocks:
    """One button for each state that a visitor could bring about."""
    gallery = engine.gallery
    gr.set_static_paths([gallery.folder, plotly_script()])

    def near(row: int, off: bool = False) -> tuple[Placed, Matches]:
        x, y = gallery.coordinates[row].tolist()
        rows = ((gallery.coordinates - gallery.coordinates[row]) ** 2).sum(1).argsort()[:5]
        clips = [gallery.clips[i] for i in rows]
        hits = [Hit(i, c.id, c.category, c.caption, c.licence, 0.5, 4.0) for i, c in enumerate(clips, 1)]
        return Placed(x + 0.1, y, off), Matches(tuple(hits), len(gallery.clips), 3.0)

    values = {
        "both": stars("WhisperCLIP", [(RAW, *near(60, off=True)), (PROJECTED, *near(2))], "dog"),
        "other encoder": stars("Wav2CLIP", [(RAW, *near(70)), (PROJECTED, *near(5))], "dog"),
        "with blend": stars("Wav2CLIP", [(RAW, *near(70)), (BLEND, *near(12)), (PROJECTED, *near(5))], "dog"),
        "one": stars("CLAP", [(PROJECTED, *near(40))], "dog"),
        "new sound": stars("CLAP", [(PROJECTED, *near(20))], "cat"),
    }
    with gr.Blocks(analytics_enabled=False) as page:
        with gr.Row():
            buttons = {name: gr.Button(name, size="sm") for name in values}
        shown = atlas_map(gallery, engine.search_words)
        for name, button in buttons.items():
            button.click(lambda name=name: values[name], None, shown, show_progress="hidden")
    return page


if __name__ == "__main__":
    main()
