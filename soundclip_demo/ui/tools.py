"""The API's endpoints are tools for language models as well (MCP): how a sound comes to one.

Gradio takes a file as the address that an upload was given, or, within one request, as a `data:` address. The first
it would fetch from this very server, which fetches nothing; what comes as the second it would never delete.
"""

import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gradio.mcp import GradioMCPServer
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from gradio_client import handle_file
from gradio_client.utils import decode_base64_to_binary

from . import texts
from .intake import ENVELOPE, room

if TYPE_CHECKING:
    from gradio import Blocks


def take_files() -> None:
    """Has Gradio's tools take files by what follows."""
    GradioMCPServer.convert_strings_to_filedata = _converted


def _converted(server: GradioMCPServer, arguments: dict[str, Any], places: list[list[str | int]]) -> dict[str, Any]:
    """A tool's arguments with a file for each string in `places`, which name arguments here."""
    files = {place[0] for place in places}
    return {name: _file(server.blocks, value) if name in files else value for name, value in arguments.items()}


def _file(blocks: "Blocks", given: Any) -> Any:
    """What Gradio's client uploads for such a string.

    Raises:
        ValueError: it names no upload, is broken, or there is no room; the caller reads what it says.
    """
    if not isinstance(given, str):
        return given  # as of any other client, Gradio refuses it
    if given.startswith("data:"):
        return handle_file(_kept(blocks, given))
    path = given.rpartition("/gradio_api/file=")[2]
    for name in (path, unquote(path)):  # in an address it is quoted
        if name in blocks.upload_file_set:
            return handle_file(name)
    raise ValueError(texts.NO_ADDRESSES)


def _kept(blocks: "Blocks", data: str) -> str:
    """Writes the content of a `data:` address beside the uploads, to be deleted with them -> where."""
    try:
        content, _ = decode_base64_to_binary(data)
    except binascii.Error:
        raise ValueError(texts.BROKEN_DATA) from None
    try:
        if room(blocks.app) < ENVELOPE:
            raise OSError
        path = save_bytes_to_cache(content, "sound", get_upload_folder())
    except OSError:
        raise ValueError(f"{texts.DISK_FULL} {texts.DISK_FULL_HINT}") from None
    blocks.upload_file_set.add(path)
    return path
