"""Safetensors that are whole or not there, and the same bytes for the same content."""

import json
from pathlib import Path

import torch
from safetensors import safe_open

from soundclip_demo import tensors

STATE = {"b": torch.arange(5), "a": torch.randn(3, 2).half(), "scalar": torch.tensor(1.5)}
METADATA = {"shape": json.dumps([3, 2]), "card": json.dumps({"said": 'an "owl"'}), "place": "Köln", "zero": ""}


def test_what_was_saved_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    tensors.save(file, STATE, METADATA)
    with safe_open(file, "pt") as opened:
        assert opened.metadata() == METADATA
        assert set(opened.keys()) == set(STATE)
        assert all(torch.equal(opened.get_tensor(name), value) for name, value in STATE.items())
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    for i in range(8):  # the library's own order of metadata changes from call to call
        tensors.save(tmp_path / str(i), STATE, METADATA)
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1


def test_without_metadata(tmp_path: Path) -> None:
    tensors.save(tmp_path / "a", STATE)
    with safe_open(tmp_path / "a", "pt") as opened:
        assert opened.metadata() is None
        assert torch.equal(opened.get_tensor("b"), STATE["b"])
