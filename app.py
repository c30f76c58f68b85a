"""The web page: `python app.py [--gallery DIR] [--port 7860]`. On a Space this file is the entry point."""

import argparse
import os
from pathlib import Path

from soundclip_demo.config import Config


def parse() -> argparse.Namespace:
    """Flags win over the environment; on a Space the environment sets the host."""
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1")
    parser = argparse.ArgumentParser(description="SoundCLIP demo: hear a sound, see what it matches.")
    parser.add_argument(
        "--gallery", type=Path, help="a folder made by `python -m soundclip_demo gallery build`"
    )
    parser.add_argument("--host", default=host)
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument(
        "--share", choices=("yes", "no"), default="no", help="a public link through Gradio's tunnel"
    )
    return parser.parse_args()


def main() -> None:
    flags = parse()
    # Imported late, so that --help answers at once.
    from soundclip_demo.engine import Engine
    from soundclip_demo.errors import UserError
    from soundclip_demo.ui import build, launch_options

    try:
        engine = Engine(Config(gallery=flags.gallery.resolve()) if flags.gallery else Config())
    except UserError as problem:
        raise SystemExit(str(problem)) from None
    engine.warm()
    build(engine).launch(
        server_name=flags.host, server_port=flags.port, share=flags.share == "yes", **launch_options(engine)
    )


if __name__ == "__main__":
    main()
