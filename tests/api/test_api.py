"""The four public endpoints, called as a stranger's script would call them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

client_module = pytest.importorskip("gradio_client")
handle_file = client_module.handle_file
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
    httpx = pytest.importorskip("httpx")
    file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    call = httpx.post(
        f"{address}gradio_api/call/analyze", json={"data": [file, "whisperclip", "projected", 0.5, 5, False]}
    )
    event = call.json()["event_id"]
    answer = httpx.get(f"{address}gradio_api/call/analyze/{event}", timeout=60).text
    assert "event: error" in answer
    assert "matches" not in answer
    for path in ("/etc/hostname", "../../etc/hostname", "app.py", "soundclip_demo/config.py"):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)


def test_callers_at_once_all_get_an_answer(client, sound: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: analyze(client, sound)["matches"], range(4)))
    assert all(result == results[0] for result in results)
