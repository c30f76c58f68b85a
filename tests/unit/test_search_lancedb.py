"""LanceDB finds what exact search finds, in this process and on a server, and never of other clips.

Needs `pip install -r requirements-lancedb.txt`, and the server's tests `pip install pylance`; without them, they are
listed as skipped, with this reason. What is told where LanceDB is missing is tested anywhere.
"""

import shutil
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import toy
from test_search_large import WIDTH, folder, nearly_exact, tokens_of

from soundclip_demo import indexes, proposals, search_large
from soundclip_demo.__main__ import main
from soundclip_demo.errors import UserError
from soundclip_demo.search import FlatIndex
from soundclip_demo.search_lancedb import HOME, EmbeddedIndex, ServedIndex

__all__ = ["folder"]  # fixture


@pytest.fixture(scope="module")
def gallery(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokens and the index of the other engine, which makes way for this one."""
    pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install -r requirements-lancedb.txt")
    gallery = tmp_path_factory.mktemp("lance") / "gallery"
    shutil.copytree(folder, gallery)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposals, "SHARD", 1100)
        indexes.build(gallery, "lancedb")
    assert {file.name for file in gallery.iterdir()} == {"tokens.npy", HOME}
    return gallery


@pytest.fixture
def server(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A server of the gallery's tables; the demo is told where."""
    namespace = pytest.importorskip("lance.namespace", reason="no server to start: pip install pylance")
    with namespace.RestAdapter("dir", {"root": str(gallery / HOME)}, port=0) as started:
        monkeypatch.setenv("SOUNDCLIP_LANCEDB", f"http://127.0.0.1:{started.port}")
        yield started


def test_it_finds_what_exact_search_finds(gallery: Path) -> None:
    index = indexes.index_of(gallery, tokens_of(gallery))
    assert isinstance(index, EmbeddedIndex)
    assert nearly_exact(index, tokens_of(gallery))


@pytest.mark.usefixtures("gallery")  # which is skipped without LanceDB
def test_the_command_line_builds_it(workspace: toy.Workspace, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(workspace.gallery, tmp_path / "gallery"))
    assert main(["gallery", "index", str(copy), "--engine", "lancedb"]) == 0
    assert isinstance(indexes.index_of(copy, tokens_of(copy)), EmbeddedIndex)


def test_a_token_of_zeros_finds_something_and_is_told_as_chance(gallery: Path) -> None:
    found = indexes.index_of(gallery, tokens_of(gallery)).search(np.zeros(WIDTH, np.float32), 5)
    assert found.scores.tolist() == [0] * 5
    assert found.deviations().tolist() == [0] * 5


def test_few_clips_are_all_found(gallery: Path, tmp_path: Path) -> None:
    tokens = tokens_of(gallery)[:12]
    np.save(tmp_path / "tokens.npy", tokens)
    indexes.build(tmp_path, "lancedb")
    found = indexes.index_of(tmp_path, tokens).search(tokens[3], 20)
    right = FlatIndex(tokens).search(tokens[3], 20)
    np.testing.assert_array_equal(found.ids, right.ids)
    np.testing.assert_allclose(found.scores, right.scores, atol=1e-6)


def test_the_other_engine_takes_its_place(gallery: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(gallery, tmp_path / "gallery"))
    indexes.build(copy, "faiss")
    assert {file.name for file in copy.iterdir()} == {"tokens.npy", *search_large.FILES}
    indexes.remove(copy)
    assert {file.name for file in copy.iterdir()} == {"tokens.npy"}


def test_an_index_of_other_clips_is_refused(gallery: Path) -> None:
    with pytest.raises(UserError, match="built for other clips"):
        indexes.index_of(gallery, tokens_of(gallery)[::-1])


@pytest.mark.parametrize(
    "damaged", ["moments.npy", "index.json", "*.lance/_indices/*/index.idx", "*.lance/data/*.lance"]
)
@pytest.mark.parametrize("damage", ["gone", "rubbish"])
def test_a_damaged_index_is_refused(gallery: Path, tmp_path: Path, damaged: str, damage: str) -> None:
    copy = Path(shutil.copytree(gallery, tmp_path / "gallery"))
    (file,) = (copy / HOME).glob(damaged)
    file.unlink() if damage == "gone" else file.write_bytes(b"rubbish" * 9)
    with pytest.raises(UserError, match="gallery index GALLERY"):
        indexes.index_of(copy, tokens_of(copy))


@pytest.mark.usefixtures("server")
def test_a_server_finds_the_same_without_the_table_here(gallery: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(gallery, tmp_path / "gallery", ignore=shutil.ignore_patterns("*.lance")))
    index = indexes.index_of(copy, tokens_of(copy))
    assert isinstance(index, ServedIndex)
    assert nearly_exact(index, tokens_of(copy))


@pytest.mark.usefixtures("server")
def test_a_server_without_the_table_is_said(gallery: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "tokens.npy", tokens_of(gallery)[:100])
    indexes.build(tmp_path, "lancedb")
    with pytest.raises(UserError, match="The search server has no index of these clips. Put index.lancedb/tokens-"):
        indexes.index_of(tmp_path, tokens_of(tmp_path))


def test_a_server_that_goes_away_costs_a_sentence(server, gallery: Path) -> None:
    index = indexes.index_of(gallery, tokens_of(gallery))
    server.stop()
    with pytest.raises(UserError, match="The search server does not answer"):
        index.search(np.ones(WIDTH, np.float32), 5)
    with pytest.raises(UserError, match="The search server does not answer"):
        indexes.index_of(gallery, tokens_of(gallery))


class Other(BaseHTTPRequestHandler):
    """Answers everything, and nothing that was asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_server_of_another_kind_costs_a_sentence(gallery: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        monkeypatch.setenv("SOUNDCLIP_LANCEDB", f"http://127.0.0.1:{other.server_port}")
        with pytest.raises(UserError, match="The search server does not answer"):
            indexes.index_of(gallery, tokens_of(gallery))
        other.shutdown()


def test_without_the_package_a_sentence_says_how_to_get_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "lancedb", None)
    assert main(["gallery", "index", str(folder), "--engine", "lancedb"]) == 2
    said = "LanceDB is not installed. Install it with: pip install -r requirements-lancedb.txt"
    assert said in capsys.readouterr().err
    assert (folder / search_large.FILES[0]).exists()

    (tmp_path / HOME).mkdir()
    for file in (proposals.ABOUT, proposals.MOMENTS):
        shutil.copy(folder / file, tmp_path / HOME)
    with pytest.raises(UserError, match=said):
        indexes.index_of(tmp_path, tokens_of(folder))
