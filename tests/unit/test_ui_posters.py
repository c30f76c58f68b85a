"""Thumbnails of a large gallery's list are served by their names, and nothing else of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from test_ui_map import clip

from soundclip_demo.gallery import Clips

pytest.importorskip("gradio")
from soundclip_demo.ui import posters

NAME = "0123456789ab/3"


class Holding(Clips):
    """Clips of which one has a thumbnail."""

    def thumbnail(self, name: str) -> bytes | None:
        return {NAME: b"jpeg"}.get(name)


@pytest.fixture
def client() -> TestClient:
    engine = SimpleNamespace(gallery=SimpleNamespace(clips=Holding()))
    return TestClient(Starlette(routes=posters.routes(engine)))


def test_a_thumbnail_is_served_and_may_be_kept(client: TestClient) -> None:
    served = client.get(f"/poster/{NAME}")
    assert (served.status_code, served.content) == (200, b"jpeg")
    assert served.headers["Content-Type"] == "image/jpeg"
    assert "immutable" in served.headers["Cache-Control"]
    assert client.head(f"/poster/{NAME}").status_code == 200
    assert client.post(f"/poster/{NAME}").status_code == 405


@pytest.mark.parametrize(
    "name", ["", "0123456789ab/4", "0123456789ab", "%2e%2e/clips.csv", "..%2f..%2fetc%2fpasswd", "é"]
)
def test_nothing_else_is(client: TestClient, name: str) -> None:
    served = client.get(f"/poster/{name}")
    assert (served.status_code, served.content) == (404, b"")


def test_a_clip_says_where_its_poster_is() -> None:
    alone = clip("a", "dog")
    assert posters.poster(alone).endswith(f"{Path('gallery').resolve()}/posters/a%20b.jpg")
    held = SimpleNamespace(poster=alone.poster, thumbnail=NAME)
    assert posters.poster(held) == f"poster/{NAME}"
