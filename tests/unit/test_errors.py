"""What errors of the system and of libraries come down to."""

import errno
import logging

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from soundclip_demo.errors import lacks, note


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "disk"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (MemoryError(), "memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "memory"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), ""),
        (RuntimeError("shapes do not fit"), ""),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else given or "nothing",
)
def test_what_the_machine_had_too_little_of(error: Exception, lack: str) -> None:
    assert lacks(error) == lack


@pytest.mark.parametrize("allocate", [lambda n: torch.empty(n, dtype=torch.uint8), lambda n: np.empty(n, np.uint8)])
def test_more_memory_than_there_is(allocate) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as refused:
        allocate(2**55)
    assert lacks(refused.value) == "memory"


def test_a_noted_failure_tells_where_but_not_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    words = "".join(["a visitor's ", "words"])
    try:
        raise ValueError(words)
    except ValueError as error:
        note(logging.getLogger("test"), "finding", error)
    assert "finding failed: ValueError" in caplog.text
    assert __name__.rpartition(".")[2] in caplog.text
    assert words not in caplog.text
