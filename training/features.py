"""Everything that is computed once from a corpus and read by all later steps.

`<array>.npy` float16 [S, V, ...]: what a front end makes of V views of each sound: Whisper's layer statistics, and
the spectrograms that the towers trained here read. `tokens.npy` float16 [P, D] and `patches.npy` float16 [P, 49, D]:
the CLIP tower's view of each picture. `sounds.json`, `pictures.json`: which files, in which order, from which data.
"""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from soundclip_demo import vision, weights
from soundclip_demo.audio import Sound, decode, resample
from soundclip_demo.config import THREADS, default_cache
from soundclip_demo.encoders import whisper
from soundclip_demo.encoders.whisperclip import statistics
from soundclip_demo.errors import UserError

from . import augment, corpus, families

VIEWS = 4  # the window the demo would take, and augmented ones
PICTURE_BATCH = 4  # larger batches leave the cache and are slower on two cores
WHISPER = "whisper-statistics"


@dataclass(frozen=True)
class FrontEnd:
    """Windows [n, T] at `sample_rate` -> what is stored of them, [n, ...]; another `spec` is computed anew."""

    spec: str
    sample_rate: int
    run: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Features:
    """Memory-mapped features with the rows they belong to."""

    sounds: list[corpus.SoundFile]
    pictures: list[Path]
    tokens: np.ndarray
    patches: np.ndarray
    folder: Path

    def inputs(self, encoder: str) -> np.ndarray:
        """What the tower of `encoder` reads, [S, V, ...]."""
        return self._array(f"{encoder}-inputs")

    def heard(self, encoder: str) -> np.ndarray:
        """What the projector's side of `encoder` reads, [S, V, ...]: embeddings, or Whisper's layer statistics."""
        return self._array(f"{encoder}-embeddings" if encoder in families.FAMILIES else WHISPER)

    def spec_file(self, encoder: str) -> Path:
        """Holds the hash of the spec of the encoder whose embeddings are stored."""
        return self.folder / f"{encoder}-embeddings.spec"

    def require(self, encoder: str, spec: str) -> None:
        """Makes sure that stored embeddings are those of the encoder with this spec hash.

        Raises:
            ValueError: they are of another checkpoint.
        """
        file = self.spec_file(encoder)
        if encoder in families.FAMILIES and (not file.exists() or file.read_text() != spec):
            raise ValueError(f"the stored embeddings of {encoder} are not its own: run `python -m training encoder`")

    def _array(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")[: len(self.sounds)]


def compute(data: Path, out: Path, checkpoints: Path, views: int = VIEWS, seed: int = 0) -> None:
    """Computes what is not there yet; an array that is complete is kept.

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
        [data / name for name in pictures],
        np.load(out / "tokens.npy", mmap_mode="r"),
        np.load(out / "patches.npy", mmap_mode="r"),
        out,
    )


def front_ends() -> dict[str, FrontEnd]:
    """Array name -> what makes it. The Whisper encoders share theirs, since Whisper itself is not trained here."""
    trunk = whisper.load_trunk(weights.ensure("whisper", default_cache()))
    spec = f"{whisper.CHECKPOINT}, {whisper.PREPROCESSING}"
    ends = {WHISPER: FrontEnd(spec, whisper.SAMPLE_RATE, lambda windows: statistics(trunk, windows))}
    for name, family in families.FAMILIES.items():
        tower = family.build()
        ends[f"{name}-inputs"] = FrontEnd(repr(family.config), tower.sample_rate, tower.features)
    return ends


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
        token, patch = tower.look(images)
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
    """One pass over the corpus for all arrays that are missing: decoding and augmenting cost as much as encoding."""
    manifest, fingerprint = out / "sounds.json", corpus.fingerprint(data)
    known = json.loads(manifest.read_text()) if manifest.exists() else {}
    done = known["arrays"] if known.get("corpus") == fingerprint else {}
    missing = {name: end for name, end in front_ends().items() if done.get(name) != end.spec}
    if not missing:
        return
    listed, files, arrays = corpus.sounds(data), [], {}
    tasks = [(sound.file, views if sound.split == "train" else 1, seed + row) for row, sound in enumerate(listed)]
    # A process for each core: one sound is too little work to be shared by two threads.
    with ProcessPoolExecutor(THREADS, get_context("spawn"), _start_worker, (list(missing),)) as pool:
        made = pool.map(_run_front_ends, tasks, chunksize=4)
        for sound, of_sound in zip(listed, tqdm(made, desc="sounds", unit="sound", total=len(listed)), strict=True):
            for name, array in of_sound.items():
                if name not in arrays:
                    shape = (len(listed), views, *array.shape[1:])
                    arrays[name] = np.lib.format.open_memmap(out / f"{name}.npy", "w+", np.float16, shape)
                # Sounds that are not trained on have one view; it stands in all places so that rows align.
                arrays[name][len(files)] = np.resize(array, (views, *array.shape[1:]))
            if of_sound:
                files.append(str(sound.file.relative_to(data)))
    specs = done | {name: end.spec for name, end in missing.items()}
    manifest.write_text(json.dumps({"corpus": fingerprint, "files": files, "arrays": specs}))


_ends: dict[str, FrontEnd] = {}  # of a worker process


def _start_worker(names: list[str]) -> None:
    torch.set_num_threads(1)
    _ends.update({name: end for name, end in front_ends().items() if name in names})


def _run_front_ends(task: tuple[Path, int, int]) -> dict[str, np.ndarray]:
    """(file, views, seed) -> array name -> [views, ...]; nothing for a sound that the demo itself would refuse."""
    file, views, seed = task
    try:
        heard = decode(file)
        windows = _views(heard, views, seed)
    except UserError:
        return {}
    with torch.inference_mode():
        return {
            name: end.run(torch.from_numpy(resample(windows, heard.rate, end.sample_rate))).half().numpy()
            for name, end in _ends.items()
        }


def _views(heard: Sound, views: int, seed: int) -> np.ndarray:
    """Windows [views, T] at the sound's own rate: the demo's, and augmented ones after it."""
    random = np.random.default_rng(seed)
    plain = heard.window(heard.loudest())
    return np.stack([plain, *(augment.view(heard, random) for _ in range(views - 1))])
