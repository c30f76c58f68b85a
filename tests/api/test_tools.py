"""The endpoints as tools of a language model, by the protocol's own client."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from gradio_client import handle_file
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, Tool

from soundclip_demo.config import Config
from soundclip_demo.ui import texts

WITHOUT = {"caption": False}


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[ClientSession]:
    server = streamablehttp_client(f"{address}gradio_api/mcp/")
    async with server as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def called(address: str, name: str, **arguments: object) -> CallToolResult:
    async with connected(address) as session:
        return await session.call_tool(name, arguments)


def call(address: str, name: str, **arguments: object) -> CallToolResult:
    return asyncio.run(called(address, name, **arguments))


def found(answer: CallToolResult) -> str:
    """What is said of a sound, without the times."""
    assert not answer.isError
    return answer.content[0].text.partition("'ms'")[0]


def data_address(sound: Path) -> str:
    return "data:audio/wav;base64," + base64.b64encode(sound.read_bytes()).decode()


def upload(address: str, sound: Path) -> str:
    return httpx.post(f"{address}gradio_api/upload", files={"files": ("a b.wav", sound.read_bytes())}).json()[0]


@pytest.fixture(scope="module")
def tools(address: str) -> dict[str, Tool]:
    async def listed() -> list[Tool]:
        async with connected(address) as session:
            return (await session.list_tools()).tools

    return {tool.name: tool for tool in asyncio.run(listed())}


def test_the_public_endpoints_are_tools_and_nothing_else(tools: dict[str, Tool]) -> None:
    assert tools.keys() == {"analyze", "ask", "compare", "encoders"}
    assert tools["analyze"].inputSchema["required"] == ["sound"]
    assert tools["ask"].inputSchema["required"] == ["sound", "question"]


def test_tools_and_what_they_take_are_described(tools: dict[str, Tool]) -> None:
    for name, tool in tools.items():
        assert len(tool.description) > 60, name
        for argument, schema in tool.inputSchema["properties"].items():
            assert len(schema.get("description", "")) > 10, (name, argument)
    for name in ("analyze", "ask", "compare"):
        assert "address of its upload" in tools[name].inputSchema["properties"]["sound"]["description"]


def test_a_tool_answers_what_the_api_answers(address: str, client, sound: Path) -> None:
    wanted = client.predict(handle_file(sound), caption=False, api_name="/analyze")
    prefixes = ("", f"{address}gradio_api/file=", "https://a.proxy/gradio_api/file=")
    path = upload(address, sound)
    assert " " in path
    for given in (data_address(sound), *(prefix + name for prefix in prefixes for name in (path, quote(path)))):
        answer = call(address, "analyze", sound=given, **WITHOUT)
        assert not answer.isError
        said = answer.content[0].text
        assert all(f"'clip': '{match['clip']}'" in said for match in wanted["matches"])
        assert f"'off_map': {wanted['map']['off_map']}" in said


def test_callers_at_once_get_their_own_answers(address: str) -> None:
    sounds = [data_address(file) for file in sorted(Config().examples.glob("*.ogg"))[:6]]

    async def everybody() -> list[str]:
        return await asyncio.gather(*(called(address, "analyze", sound=sound, **WITHOUT) for sound in sounds))

    alone = [found(call(address, "analyze", sound=sound, **WITHOUT)) for sound in sounds]
    assert len(set(alone)) == len(sounds)
    assert [found(answer) for answer in asyncio.run(everybody())] == alone


def test_what_came_in_a_request_is_deleted_with_the_uploads(address: str, sound: Path, monkeypatch) -> None:
    from gradio import processing_utils

    from soundclip_demo.ui import tools

    kept, blocks = [], []

    def save(*given: object) -> str:
        kept.append(processing_utils.save_bytes_to_cache(*given))
        return kept[-1]

    def room(app) -> int:
        blocks.append(app.get_blocks())
        return 2**30

    monkeypatch.setattr(tools, "save_bytes_to_cache", save)
    monkeypatch.setattr(tools, "room", room)
    assert not call(address, "analyze", sound=data_address(sound), **WITHOUT).isError
    assert Path(kept[0]).read_bytes() == sound.read_bytes()
    assert kept[0] in blocks[0].upload_file_set
    assert blocks[0].upload_file_set in blocks[0].temp_file_sets  # of which Gradio deletes what is old


@pytest.mark.parametrize(
    "given",
    ["https://huggingface.co/a.wav", "http://127.0.0.1/a.wav", "/etc/hostname", "file:///etc/hostname",
     "http://127.0.0.1/gradio_api/file=/etc/hostname", ""],
)
def test_what_is_no_upload_is_refused_in_words(address: str, given: str) -> None:
    answer = call(address, "analyze", sound=given, **WITHOUT)
    assert answer.isError
    assert answer.content[0].text == texts.NO_ADDRESSES


def test_broken_data_and_no_sound_are_refused_in_words(address: str) -> None:
    answer = call(address, "compare", sound="data:audio/wav;base64,a")
    assert (answer.isError, answer.content[0].text) == (True, texts.BROKEN_DATA)
    answer = call(address, "compare", sound="data:audio/wav;base64," + base64.b64encode(b"no sound" * 50).decode())
    assert answer.isError
    assert "could not be read as sound" in answer.content[0].text


def test_without_room_a_tool_says_so(address: str, sound: Path, monkeypatch) -> None:
    monkeypatch.setattr("soundclip_demo.ui.tools.room", lambda app: 0)
    answer = call(address, "compare", sound=data_address(sound))
    assert (answer.isError, answer.content[0].text) == (True, f"{texts.DISK_FULL} {texts.DISK_FULL_HINT}")


def test_wrong_values_are_refused_in_words(address: str, sound: Path) -> None:
    answer = call(address, "analyze", sound=data_address(sound), encoder="nobody", **WITHOUT)
    assert answer.isError
    assert "This encoder does not exist." in answer.content[0].text
