"""The engine on a Ray cluster, in as many replicas as wanted:

    pip install -r requirements-ray.txt
    serve run soundclip_demo.cluster:engine suite=paper gallery=/data/gallery replicas=4 gpus=1
    python app.py --engine http://127.0.0.1:8000

Every call stands on its own, so any replica may answer it; only pages need visitors to stay with them. All machines,
those of the pages among them, need this code, the gallery and the checkpoints under the same paths. A visitor's own
picture travels as a path as well, and is found where the pages' folder of uploads is shared.
"""

from pathlib import Path

from ray import serve
from starlette.applications import Starlette

from .config import Config, config_of, limit_threads
from .engine import Engine
from .serving import app

AT_ONCE = 32  # calls that a replica takes; texts wait for each other there


def engine(arguments: dict[str, str]) -> serve.Application:
    """What `serve run` starts.

    Args:
        arguments: `suite`, `gallery`, `replicas`, and the `gpus` of each; all may be left out.
    """
    gallery = Path(arguments["gallery"]) if "gallery" in arguments else None
    config = config_of(arguments.get("suite", Config.suite), gallery)
    return replicas(config, int(arguments.get("replicas", 1)), float(arguments.get("gpus", 0)))


def replicas(config: Config, count: int, gpus: float = 0.0) -> serve.Application:
    """`count` engines behind one address, each with models of its own."""

    def build() -> Starlette:
        limit_threads()
        made = Engine(config)
        made.warm()
        return app(made)

    deployment = serve.deployment(
        serve.ingress(build)(),
        name="engine",
        num_replicas=count,
        max_ongoing_requests=AT_ONCE,
        ray_actor_options={"num_gpus": gpus},
    )
    return deployment.bind()
