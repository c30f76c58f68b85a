"""Posters that a gallery of many clips keeps in its list: `poster/<name>`, and nothing else of the list."""

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .media import address

if TYPE_CHECKING:
    from ..any_engine import AnyEngine
    from ..gallery import Clip

HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # a list that is made anew has other names
    "X-Content-Type-Options": "nosniff",
}


def poster(clip: "Clip") -> str:
    """Where the browser finds a clip's poster; relative, as `media.address` is."""
    return f"poster/{clip.thumbnail}" if clip.thumbnail else address(clip.poster)


def routes(engine: "AnyEngine") -> list[Route]:
    """What the server answers beside the page."""

    def thumbnail(request: Request) -> Response:
        jpeg = engine.gallery.clips.thumbnail(request.path_params["name"])
        return Response(jpeg, headers=HEADERS, media_type="image/jpeg") if jpeg else Response(status_code=404)

    return [Route("/poster/{name:path}", thumbnail)]
