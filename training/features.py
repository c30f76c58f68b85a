"""Everything that is computed once from a corpus and read by all later steps.

`sounds.npy` float16 [S, V, L, 2, width]: Whisper's layer statistics of V views of each sound.
`tokens.npy` float16 [P, D] and `patches.npy` float16 [P, 49, D]: the CLIP tower's view of each picture.
`sounds.json`, `pictures.json`: which files, in which order, from which data.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tqdm import tqdm

from soundclip_demo import vision, weights
from soundclip_demo.audio import decode, resample
from soundclip_demo.config import default_cache
from soundclip_demo.encoders.whisper import SAMPLE_RATE, load_trunk
from soundclip_demo.encoders.whisperclip import statistics
from soundclip_demo.errors import UserError

from . import augment, corpus

VIEWS = 4  # the window the demo would take, and augmented ones
PICTURE_BATCH = 4  # larger batches leave the cache and are slower on two cores


@dataclass(frozen=True, eq=False)
class Features:
    """Memory-mapped features with the rows they belong to."""

    sounds: list[corpus.SoundFile]
    statistics: np.ndarray
    pictures: list[Path]
    tokens: np.ndarray
    patches: np.ndarray


def compute(data: Path, out: Path, checkpoints: Path, views: int = VIEWS, seed: int = 0) -> None:
    """Computes what is not there yet; a file that is complete is kept.

    Also writes `vision-statistics.safetensors` (mean and standard deviation of the pictures' pooled features),
    which belong to the CLIP tower from then on.
    """
    out.mkdir(parents=True, exist_ok=True)
    _compute_pictures(data, out, checkpoints)
    _compute_sounds(data, out, views, seed)


def load(data: Path, out: Path) -> Features:
    """Opens what `compute` wrote.

    Raises:
        FileNotFoundError: `python -m training features` was not run.
        ValueError: the corpus has changed since.
    """
    manifest = json.loads((out / "sounds.json").read_text())
    if manifest["corpus"] != corpus.fingerprint(data):
        raise ValueError("the corpus or its tables changed: run `python -m training features` again")
    by_file = {str(sound.file.relative_to(data)): sound for sound in corpus.sounds(data)}
    pictures = json.loads((out / "pictures.json").read_text())["files"]
    return Features(
        [by_file[name] for name in manifest["files"]],
        np.load(out / "sounds.npy", mmap_mode="r"),
        [data / name for name in pictures],
        np.load(out / "tokens.npy", mmap_mode="r"),
        np.load(out / "patches.npy", mmap_mode="r"),
    )


def _compute_pictures(data: Path, out: Path, checkpoints: Path) -> None:
    if (out / "pictures.json").exists():
        return
    files = sorted({file for group in corpus.pictures(data).values() for file in group})
    tower = vision.load(weights.ensure("vision", default_cache()), statistics=None)
    shape = (len(files), 49, tower.config.hidden_size)
    patches = np.lib.format.open_memmap(out / "patches.npy", "w+", np.float16, shape)
    pooled = torch.zeros(len(files), tower.config.hidden_size)
    for i in tqdm(range(0, len(files), PICTURE_BATCH), desc="pictures", unit="batch"):
        images = [Image.open(file) for file in files[i : i + PICTURE_BATCH]]
        token, patch = vision.look(tower, images)
        pooled[i : i + len(images)] = token
        patches[i : i + len(images)] = patch.half().numpy()
    mean, std = pooled.mean(0), pooled.std(0).clamp(min=1e-4)
    checkpoints.mkdir(parents=True, exist_ok=True)
    save_file({"mean": mean, "std": std}, checkpoints / "vision-statistics.safetensors")
    for i in range(len(files)):  # row by row: the whole would not fit in memory twice
        patches[i] = ((torch.from_numpy(patches[i]).float() - mean) / std).half().numpy()
    np.save(out / "tokens.npy", ((pooled - mean) / std).half().numpy())
    (out / "pictures.json").write_text(json.dumps({"files": [str(f.relative_to(data)) for f in files]}))


def _compute_sounds(data: Path, out: Path, views: int, seed: int) -> None:
    fingerprint, manifest = corpus.fingerprint(data), out / "sounds.json"
    if manifest.exists() and json.loads(manifest.read_text())["corpus"] == fingerprint:
        return
    trunk = load_trunk(weights.ensure("whisper", default_cache()))
    rows, arrays = [], []
    for sound in tqdm(corpus.sounds(data), desc="sounds", unit="sound"):
        windows = _views(sound, views, seed + len(rows))
        if windows is not None:
            with torch.inference_mode():
                summary = statistics(trunk, windows).half().numpy()
            # Sounds that are not trained on have one view; it stands in all places so that rows align.
            arrays.append(np.resize(summary, (views, *summary.shape[1:])))
            rows.append(str(sound.file.relative_to(data)))
    np.save(out / "sounds.npy", np.stack(arrays))
    manifest.write_text(json.dumps({"corpus": fingerprint, "files": rows}))


def _views(sound: corpus.SoundFile, views: int, seed: int) -> torch.Tensor | None:
    """Windows [n, 48000]: the demo's own, and for a training sound V - 1 augmented ones after it.

    None for a sound that the demo itself would refuse.
    """
    try:
        heard = decode(sound.file)
        plain = heard.window(heard.loudest())
    except UserError:
        return None
    random = np.random.default_rng(seed)
    windows = [plain]
    if sound.split == "train":
        windows += [augment.view(heard, random) for _ in range(views - 1)]
    return torch.stack([torch.from_numpy(resample(w, heard.rate, SAMPLE_RATE)) for w in windows])
