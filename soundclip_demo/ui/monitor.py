"""`/health` and `/metrics` for whoever runs the page. Neither tells of visitors, sounds or texts."""

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from ..any_engine import AnyEngine


def routes(engine: "AnyEngine") -> list[Route]:
    """What the server answers beside the page.

    `/health` is 200 for as long as the page can answer; `says` has a sentence for each part that loads or is missing.
    `/metrics` is Prometheus's text: `soundclip_stage_seconds` by stage, and what the process uses.
    """

    def health(_: Request) -> JSONResponse:
        says = engine.status()
        return JSONResponse({"ready": not says, "says": says})

    def metrics(_: Request) -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/health", health), Route("/metrics", metrics)]
