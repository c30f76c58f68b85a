"""What the compact annotators compare a clip with: sounds and pictures that are not the clip's.

Recordings of the validation split, which chose among epochs and taught nothing, and photos of the corpus, which the
projectors saw; a few of each category, so that no category weighs more than another. Kept are their tokens.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize
from tqdm import tqdm

from soundclip_demo import weights
from soundclip_demo.config import ROOT, Config, limit_threads
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import Setting
from soundclip_demo.parts import NotReady

from . import corpus

FILE = "alignment-reference.safetensors"
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


def make(data: Path, engine: Engine) -> Path:
    """Writes the reference beside the checkpoints that `engine` runs on."""
    tower = engine.parts.tower()
    shown = list(_pictures(data))
    pictures = [tower.look([Image.open(file)])[0][0] for file in tqdm(shown, desc="pictures", unit="picture")]
    heard = []
    for file in tqdm(list(_sounds(data)), desc="sounds", unit="sound"):
        try:
            heard.append(engine.embed_file(file, Setting())[1])
        except UserError as error:
            print(f"left out {file.name}: {error}", file=sys.stderr)
    checkpoints = engine.config.checkpoints
    card = {
        "checkpoints": made_by(checkpoints),
        "data": corpus.fingerprint(data),
        "command": "python -m training reference --corpus DIR",
    }
    tokens = {"sounds": torch.stack(heard), "pictures": torch.stack(pictures)}
    halves = {name: normalize(rows, dim=-1).half() for name, rows in tokens.items()}
    save_file(halves, checkpoints / FILE, {"card": json.dumps(card)})
    return checkpoints / FILE


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m training reference`."""
    parser.add_argument("--corpus", type=Path, required=True, help="folder with sounds.csv and pictures.csv")
    parser.add_argument("--assets", type=Path, default=ROOT / "assets", help="what is read and written")


def main(args: argparse.Namespace) -> int:
    """Makes the reference, and says how large it is."""
    limit_threads()
    config = Config(gallery=args.assets / "gallery", checkpoints=args.assets / "checkpoints")
    try:
        make(args.corpus, Engine(config))
    except (OSError, UserError, NotReady, weights.WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = load(config.checkpoints)
    print(f"{len(found.sounds)} sounds and {len(found.pictures)} pictures")
    return 0
