"""What the compact annotators compare a clip with: sounds and pictures that are not the clip's.

Recordings of the validation split, which chose among epochs and taught nothing, and photos of the corpus, which the
projectors saw; a few of each category, so that no category weighs more than another. Kept are their tokens.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from soundclip_demo import tensors, weights
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Setting

from . import corpus
from .filling import Filling

NAME = "alignment-reference"
FILE = f"{NAME}.safetensors"
EACH = 4  # of a category, sounds and pictures


@dataclass(frozen=True, eq=False)
class Reference:
    """Unit vectors: `sounds` [S, D], projected tokens, and `pictures` [P, D]."""

    sounds: Tensor
    pictures: Tensor


def made_by(checkpoints: Path) -> str:
    """Names the content of the checkpoints that tokens hang on: WhisperCLIP, its projector, the tower's statistics."""
    files = [*sorted(checkpoints.glob("whisperclip-*.safetensors")), checkpoints / "vision-statistics.safetensors"]
    return sha256("".join(map(weights.sha256, files)).encode()).hexdigest()[:12]


def load(checkpoints: Path) -> Reference:
    """Opens the reference of a folder of checkpoints.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it was made with other checkpoints.
    """
    with safe_open(checkpoints / FILE, "pt") as file:
        card = json.loads(file.metadata()["card"])
        tokens = {name: normalize(file.get_tensor(name).float(), dim=-1) for name in ("sounds", "pictures")}
    if card["checkpoints"] != made_by(checkpoints):
        raise ValueError(f"{FILE} was made with other checkpoints: run `python -m training reference --corpus DIR`")
    return Reference(**tokens)


def make(data: Path, engine: Engine, unfinished: Path) -> None:
    """Writes the reference beside the checkpoints that `engine` runs on; killed, it goes on with what `unfinished` has.

    Args:
        data: the corpus folder.
    """
    tower, checkpoints = engine.parts.tower(), engine.config.checkpoints
    width = engine.gallery.tokens.shape[1]
    made = {
        "pictures": (list(_pictures(data)), lambda file: tower.look([Image.open(file)])[0][0]),
        "sounds": (list(_sounds(data)), lambda file: engine.embed_file(file, Setting())[1]),
    }
    kept = {name: _tokens(Filling(unfinished, name, len(files)), name, files, token, width)
            for name, (files, token) in made.items()}
    card = {
        "checkpoints": made_by(checkpoints),
        "data": corpus.fingerprint(data),
        "command": "python -m training reference --corpus DIR",
    }
    tensors.save(checkpoints / FILE, kept, {"card": json.dumps(card)})


def _tokens(filling: Filling, name: str, files: list[Path], token: Callable[[Path], Tensor], width: int) -> Tensor:
    """Unit vectors float16 [n, width] of those files that have a token."""
    rows = filling.array(name, (len(files), width))
    for i in tqdm(range(filling.done, len(files)), desc=name, unit="file"):
        try:
            rows[i] = normalize(token(files[i]), dim=-1).half().numpy()
        except UserError as error:
            print(f"left out {files[i].name}: {error}", file=sys.stderr)  # its row stays zero
        filling.keep(i + 1)
    filling.flush()
    found = torch.from_numpy(np.array(rows))
    return found[found.any(1)]


def _sounds(data: Path) -> Iterator[Path]:
    """Of each category, one sound each of a few validation recordings."""
    recordings: dict[str, dict[str, Path]] = defaultdict(dict)
    for sound in corpus.sounds(data):
        if sound.split == "validation":
            recordings[sound.category].setdefault(sound.recording, sound.file)
    for _, members in sorted(recordings.items()):
        yield from [members[name] for name in sorted(members, key=_shuffled)[:EACH]]


def _pictures(data: Path) -> Iterator[Path]:
    """Of each category that sounds, a few pictures; one that shows several is taken once."""
    known, taken = corpus.pictures(data), set()
    for _, category in sorted(corpus.categories().items()):
        files = [file for name in category.pictures for file in known.get(name, ())]
        for file in sorted(files, key=lambda file: _shuffled(file.name))[:EACH]:
            if file not in taken:
                taken.add(file)
                yield file


def _shuffled(name: str) -> str:
    return sha256(name.encode()).hexdigest()
