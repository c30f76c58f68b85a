"""The web page: `python app.py [--gallery DIR] [--talk ORDER.toml] [--port 7860]`. On a Space this is the entry point.

The suite comes from `--suite`, else from `SOUNDCLIP_SUITE`, which a Space can set. With `--engine SOCKET` the models,
the suite and the gallery are those of `python -m soundclip_demo serve --socket SOCKET`.
"""

import argparse
import os
from pathlib import Path

from soundclip_demo.flags import config_from, engine_flags


def parse() -> argparse.Namespace:
    """Flags win over the environment; on a Space the environment sets the host."""
    host = os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1")
    parser = argparse.ArgumentParser(
        description="SoundCLIP demo: hear a sound, see what it matches.", parents=[engine_flags()]
    )
    shared = "use models, suite and gallery of `python -m soundclip_demo serve --socket SOCKET`, or of a cluster's URL"
    parser.add_argument("--engine", metavar="SOCKET", help=shared)
    parser.add_argument("--talk", type=Path, help="a running order for talk mode, see assets/talk.toml")
    parser.add_argument("--host", default=host)
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
    parser.add_argument(
        "--share", choices=("yes", "no"), default="no", help="a public link through Gradio's tunnel"
    )
    flags = parser.parse_args()
    usual = vars(engine_flags().parse_args([]))
    own = [name for name in usual if getattr(flags, name) != usual[name]]
    if flags.engine and own:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in own)
        parser.error(f"with --engine, {given} is for `python -m soundclip_demo serve`, which has the models")
    return flags


def main() -> None:
    flags = parse()
    # Imported late, so that --help answers at once.
    from soundclip_demo.engine import Engine
    from soundclip_demo.errors import UserError
    from soundclip_demo.remote import RemoteEngine
    from soundclip_demo.ui import build, launch_options

    try:
        engine = RemoteEngine(flags.engine) if flags.engine else Engine(config_from(flags))
        page = build(engine, flags.talk)
    except UserError as problem:
        raise SystemExit(str(problem)) from None
    engine.warm()
    page.launch(
        server_name=flags.host, server_port=flags.port, share=flags.share == "yes", **launch_options(engine)
    )


if __name__ == "__main__":
    main()
