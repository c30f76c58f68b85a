"""Writes safetensors: whole or not at all, and the same bytes for the same content.

The library's own `save_file` leaves a temporary file behind where it is killed, and orders the metadata by chance.
"""

import json
import os
from pathlib import Path

from safetensors.torch import save as serialised
from torch import Tensor

from .whole import replacing


def save(file: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Replaces `file`. Killed at any moment, the old or the new one is there."""
    content = serialised(tensors, metadata)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    if metadata:
        header["__metadata__"] = metadata
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin where they can be mapped
    with replacing(file) as part, part.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little"))
        stream.write(text)
        stream.write(memoryview(content)[8 + size :])
        stream.flush()
        os.fsync(stream.fileno())
