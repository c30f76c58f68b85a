"""The four public endpoints, called as a stranger's script would call them."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile
import httpx
import pytest

from soundclip_demo.config import Config
from soundclip_demo.ui import texts

client_module = pytest.importorskip("gradio_client")
handle_file = client_module.handle_file
GALLERY = Config.gallery
KEYS = {"sound", "suite", "encoder", "mode", "matches", "caption", "map", "ms"}


def analyze(client, sound: Path, **settings) -> dict:
    return client.predict(sound=handle_file(sound), api_name="/analyze", **({"caption": False} | settings))


def test_only_four_endpoints_are_public_typed_and_documented(client) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/analyze", "/ask", "/compare", "/encoders"}
    parameters = {row["parameter_name"]: row for row in endpoints["/analyze"]["parameters"]}
    assert list(parameters) == ["sound", "encoder", "mode", "blend", "top", "caption"]
    assert parameters["sound"]["python_type"]["type"] == "filepath"
    assert [name for name, row in parameters.items() if not row["parameter_has_default"]] == ["sound"]
    assert parameters["encoder"]["parameter_default"] == "whisperclip"
    assert parameters["blend"]["parameter_default"] == 0.5
    assert parameters["top"]["parameter_default"] == 5
    (sound,) = endpoints["/compare"]["parameters"]
    assert (sound["parameter_name"], sound["python_type"]["type"]) == ("sound", "filepath")
    for name, words in (("/analyze", "number of matches"), ("/compare", "above_chance"), ("/encoders", "encoder")):
        assert words in endpoints[name]["description"]


def test_encoders_lists_both_suites(client) -> None:
    rows = client.predict(api_name="/encoders")
    assert {row["suite"] for row in rows} == {"compact", "paper"}
    assert all(row["ready"] or row["reason"] for row in rows)


def test_analyze_gives_the_command_lines_json(client, sound: Path) -> None:
    result = analyze(client, sound, top=7)
    assert result.keys() >= KEYS
    assert [row["rank"] for row in result["matches"]] == list(range(1, 8))
    assert result["caption"] is None
    assert result["sound"]["window"][1] - result["sound"]["window"][0] == pytest.approx(3.0)
    assert {"decode", "encode", "project", "search", "place"} <= result["ms"].keys()


def test_ask_answers_after_the_caption(client, sound: Path) -> None:
    result = client.predict(handle_file(sound), "What is making this sound?", api_name="/ask")
    assert result.keys() >= KEYS | {"question", "answer"}
    assert result["question"] == "What is making this sound?"
    assert result["caption"]
    assert result["answer"]
    assert result["ms"]["answer"] >= result["ms"]["answer_first_token"] > 0


@pytest.mark.parametrize(
    "wrong", [{"question": ""}, {"question": "x" * 301}, {"encoder": "nobody"}, {"protocol": "molten"}], ids=str
)
def test_ask_refuses_in_words(client, sound: Path, wrong: dict) -> None:
    with pytest.raises(Exception) as refused:
        client.predict(sound=handle_file(sound), api_name="/ask", **({"question": "What is it?"} | wrong))
    assert "Traceback" not in str(refused.value)
    assert str(refused.value).strip()


def test_compare_hears_with_every_encoder(client, sound: Path) -> None:
    result = client.predict(sound=handle_file(sound), api_name="/compare")
    assert list(result) == ["sound", "suite", "rows"]
    found = {(row["encoder"], row["mode"]): row["match"] for row in result["rows"] if row["match"]}
    assert {mode for _, mode in found} == {"raw", "projected"}
    assert all(row["match"] or row["reason"] for row in result["rows"])
    for (encoder, mode), match in found.items():
        best = analyze(client, sound, encoder=encoder, mode=mode)["matches"][0]
        assert (match["clip"], match["score"]) == (best["clip"], pytest.approx(best["score"], abs=1e-4))


def test_the_same_sound_gives_the_same_answer(client, sound: Path) -> None:
    first, second = (analyze(client, sound)["matches"] for _ in range(2))
    assert first == second


def test_modes_differ(client, sound: Path) -> None:
    scores = {mode: analyze(client, sound, mode=mode)["matches"][0]["score"] for mode in ("projected", "raw")}
    assert scores["projected"] != scores["raw"]
    ends = [analyze(client, sound, mode="blend", blend=t)["matches"] for t in (0, 1)]
    assert [end[0]["score"] for end in ends] == pytest.approx([scores["raw"], scores["projected"]], abs=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [{"encoder": "nobody"}, {"mode": "sideways"}, {"blend": 2}, {"top": 0}, {"top": 1000}, {"blend": None}],
    ids=str,
)
def test_wrong_values_are_refused_in_words(client, sound: Path, wrong: dict) -> None:
    with pytest.raises(Exception) as refused:
        analyze(client, sound, **wrong)
    assert "Traceback" not in str(refused.value)
    assert str(refused.value).strip()


def test_a_file_that_is_no_sound_is_refused_in_words(client, tmp_path: Path) -> None:
    fake = tmp_path / "song.wav"
    fake.write_bytes(b"not a sound at all" * 50)
    with pytest.raises(Exception, match="could not be read as sound"):
        analyze(client, fake)
    with pytest.raises(Exception, match="could not be read as sound"):
        client.predict(sound=handle_file(fake), api_name="/compare")


def test_files_of_the_server_cannot_be_named(address: str) -> None:
    """Only uploads are accepted: a path on the server is refused before any handler sees it."""
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    data = [file, "whisperclip", "projected", 0.5, 5, False]
    refused = httpx.post(f"{address}gradio_api/call/analyze", json={"data": data}, timeout=60)
    assert refused.status_code == 400
    assert "not uploaded by a user" in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "../../etc/hostname",
        "..%2f..%2f..%2fetc%2fhostname",
        "%2e%2e/%2e%2e/etc/hostname",
        "..%5c..%5cetc%5chostname",
        "//etc/hostname",
        "file:///etc/hostname",
        "app.py",
        "soundclip_demo/config.py",
        "assets/gallery/../../app.py",
        "assets/gallery/..%2f..%2fapp.py",
        f"{GALLERY}/../../app.py",
        f"{GALLERY}/%2e%2e/%2e%2e/app.py",
        f"{GALLERY}/..%2f..%2fsoundclip_demo/config.py",
        f"{GALLERY}/videos/..%252f..%252f..%252fapp.py",
        f"{GALLERY}-of-another/clips.csv",
        f"{GALLERY}/clips.csv%00.jpg",
        f"{GALLERY}/",
        "assets/checkpoints/clap.safetensors",
        "/proc/self/environ",
    ],
)
def test_nothing_but_media_is_served(address: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(address.rstrip("/").rpartition(":")[2])), 60) as line:
        line.sendall(f"GET /gradio_api/file={path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    assert answer.split(None, 2)[1] in (b"400", b"403", b"404")
    assert b"import" not in answer
    assert socket.gethostname().encode() not in answer


def test_media_of_the_gallery_are_served(address: str) -> None:
    """Else the test before would prove nothing."""
    poster = next((GALLERY / "posters").iterdir())
    assert httpx.get(f"{address}gradio_api/file={poster}").content == poster.read_bytes()


@pytest.mark.parametrize(
    "other", ["http://127.0.0.1:{port}/a.wav", "http://localhost:{port}/a.wav", "https://huggingface.co/a.wav"]
)
def test_addresses_are_not_fetched(address: str, other: str) -> None:
    """Neither as an input, wherever it is put, nor through the page's own server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = other.format(port=server.getsockname()[1])
        file = {"path": other, "url": other, "meta": {"_type": "gradio.FileData"}}
        for data in (
            [file, "whisperclip", "projected", 0.5, 5, False],
            [None, file, "projected", 0.5, 5, False],
            [{"path": "a.wav", "inside": file}, "whisperclip", "projected", 0.5, 5, False],
        ):
            refused = httpx.post(f"{address}gradio_api/call/analyze", json={"data": data}, timeout=60)
            assert refused.status_code == 400
            assert texts.NO_ADDRESSES in refused.text
        for door in ("file", "proxy"):
            assert httpx.get(f"{address}gradio_api/{door}={other}", timeout=60).status_code >= 400
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("content", [b"<html><script>alert(1)</script>", b"PK\x03\x04zip"])
def test_what_is_no_sound_for_certain_does_not_wait_in_the_queue(address: str, content: bytes) -> None:
    """It is refused when it is handed in, before anything is decoded."""
    (path,) = httpx.post(f"{address}gradio_api/upload", files={"files": ("song.wav", content)}).json()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for name, data in (("analyze", [file, "whisperclip", "projected", 0.5, 5, False]), ("compare", [file])):
        refused = httpx.post(f"{address}gradio_api/call/{name}", json={"data": data}, timeout=60)
        assert refused.status_code == 422
        assert "could not be read as sound" in refused.text


@pytest.mark.parametrize(
    "values",
    [["nobody", "projected", 0.5, 5], ["whisperclip", "projected", 2, 5], ["whisperclip", "projected", None, 5],
     ["whisperclip", "projected", 0.5, 51], ["whisperclip", "projected", 0.5, None]],
    ids=str,
)  # fmt: skip
def test_values_are_looked_at_before_the_queue(address: str, sound: Path, values: list) -> None:
    (path,) = httpx.post(f"{address}gradio_api/upload", files={"files": ("song.wav", sound.read_bytes())}).json()
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, *values, False]
    refused = httpx.post(f"{address}gradio_api/call/analyze", json={"data": data}, timeout=60)
    assert refused.status_code == 422


@pytest.mark.parametrize("name", hostile.NAMES)
def test_names_of_files_are_only_names(client, sound: Path, tmp_path: Path, name: str) -> None:
    (given := tmp_path / name).write_bytes(sound.read_bytes())
    assert analyze(client, given)["matches"]
    assert not [path for path in (tmp_path.parent / "owned", Path("owned")) if path.exists()]


def test_callers_at_once_all_get_an_answer(client, sound: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: analyze(client, sound)["matches"], range(4)))
    assert all(result == results[0] for result in results)
