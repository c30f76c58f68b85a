"""Everything that is computed once from a corpus and read by all later steps.

`<array>.npy` float16 [S, V, ...]: what a front end makes of V views of each sound: Whisper's layer statistics, and
the spectrograms that the towers trained here read. `tokens.npy` float16 [P, D] and `patches.npy` float16 [P, 49, D]:
the CLIP tower's view of each picture. `sounds.json`, `pictures.json`: which files, in which order, from which data.
"""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from soundclip_demo import tensors, vision, weights, whole
from soundclip_demo.audio import Sound, decode, resample
from soundclip_demo.config import THREADS, default_cache
from soundclip_demo.encoders import whisper
from soundclip_demo.errors import UserError

from . import augment, corpus, families
from .filling import Filling
from .processes import end_with_parent

PICTURE_BATCH = 4  # larger batches leave the cache and are slower on two cores
WHISPER = "whisper-statistics"


@dataclass(frozen=True)
class Config:
    """`views` of a sound that is trained on: the window the demo would take, and augmented ones."""

    views: int
    seed: int


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

    def embedded(self, encoder: str) -> str:
        """That hash; empty where no embeddings are stored."""
        file = self.spec_file(encoder)
        return file.read_text() if file.exists() else ""

    def require(self, encoder: str, spec: str) -> None:
        """Makes sure that stored embeddings are those of the encoder with this spec hash.

        Raises:
            ValueError: they are of another checkpoint.
        """
        if encoder in families.FAMILIES and self.embedded(encoder) != spec:
            raise ValueError(f"the stored embeddings of {encoder} are not its own: run `python -m training encoder`")

    def _array(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")[: len(self.sounds)]


def compute(data: Path, out: Path, checkpoints: Path, config: Config, unfinished: Path) -> None:
    """Computes what is not there yet; an array that is complete is kept, one that was begun is gone on with.

    Also writes `vision-statistics.safetensors` (mean and standard deviation of the pictures' pooled features),
    which belong to the CLIP tower from then on.

    Args:
        unfinished: folder for what is not whole yet; may be deleted afterwards.
    """
    out.mkdir(parents=True, exist_ok=True)
    _compute_pictures(data, out, checkpoints, unfinished)
    _compute_sounds(data, out, config, unfinished)


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
    ends = {WHISPER: FrontEnd(spec, whisper.SAMPLE_RATE, trunk.statistics)}
    for name, family in families.FAMILIES.items():
        tower = family.build()
        ends[f"{name}-inputs"] = FrontEnd(repr(family.config), tower.sample_rate, tower.features)
    return ends


def _compute_pictures(data: Path, out: Path, checkpoints: Path, unfinished: Path) -> None:
    files = sorted({file for group in corpus.pictures(data).values() for file in group})
    listed, statistics = [str(file.relative_to(data)) for file in files], checkpoints / "vision-statistics.safetensors"
    manifest = out / "pictures.json"
    if statistics.exists() and manifest.exists() and json.loads(manifest.read_text())["files"] == listed:
        return
    tower = vision.load(weights.ensure("vision", default_cache()), statistics=None)
    width = tower.config.hidden_size
    filling = Filling(unfinished, "pictures", {"files": listed, "batch": PICTURE_BATCH})
    patches = filling.array("raw-patches", (len(files), 49, width))
    pooled = filling.array("pooled", (len(files), width), np.float32)
    for i in tqdm(range(filling.done, len(files), PICTURE_BATCH), desc="pictures", unit="batch"):
        images = [Image.open(file) for file in files[i : i + PICTURE_BATCH]]
        token, patch = tower.look(images)
        pooled[i : i + len(images)] = token.numpy()
        patches[i : i + len(images)] = patch.half().numpy()
        filling.keep(i + len(images))
    filling.flush()
    tokens = torch.from_numpy(pooled)
    mean, std = tokens.mean(0), tokens.std(0).clamp(min=1e-4)
    standard = np.lib.format.open_memmap(out / "patches.npy", "w+", np.float16, patches.shape)
    for i in range(len(files)):  # row by row: the whole would not fit in memory twice
        standard[i] = ((torch.from_numpy(patches[i]).float() - mean) / std).half().numpy()
    np.save(out / "tokens.npy", ((tokens - mean) / std).half().numpy())
    checkpoints.mkdir(parents=True, exist_ok=True)
    tensors.save(statistics, {"mean": mean, "std": std})
    whole.write(manifest, json.dumps({"files": listed}))


def _compute_sounds(data: Path, out: Path, config: Config, unfinished: Path) -> None:
    """One pass over the corpus for all arrays that are missing: decoding and augmenting cost as much as encoding."""
    manifest, views = out / "sounds.json", config.views
    made_of = {"corpus": corpus.fingerprint(data)} | asdict(config)
    known = json.loads(manifest.read_text()) if manifest.exists() else {}
    done = known["arrays"] if {name: known.get(name) for name in made_of} == made_of else {}
    missing = {name: end for name, end in front_ends().items() if done.get(name) != end.spec}
    if not missing:
        return
    specs = {name: end.spec for name, end in missing.items()}
    filling, listed = Filling(unfinished, "sounds", made_of | {"arrays": specs}), corpus.sounds(data)
    tasks = [(sound.file, views if sound.split == "train" else 1, config.seed + i) for i, sound in enumerate(listed)]
    left = tasks[filling.done :]
    # A process for each core: one sound is too little work to be shared by two threads.
    with ProcessPoolExecutor(THREADS, get_context("spawn"), _start_worker, (list(missing),)) as pool:
        made = pool.map(_run_front_ends, left, chunksize=4)
        made = tqdm(made, "sounds", len(tasks), initial=filling.done, unit="sound")
        for (file, *_), of_sound in zip(left, made, strict=True):
            for name, array in of_sound.items():
                shape = (len(listed), views, *array.shape[1:])
                # Sounds that are not trained on have one view; it stands in all places so that rows align.
                filling.array(name, shape)[len(filling.noted)] = np.resize(array, shape[1:])
            if of_sound:
                filling.noted.append(str(file.relative_to(data)))
            filling.keep(filling.done + 1)
    filling.appear(out)
    whole.write(manifest, json.dumps(made_of | {"files": filling.noted, "arrays": done | specs}))


_ends: dict[str, FrontEnd] = {}  # of a worker process


def _start_worker(names: list[str]) -> None:
    end_with_parent()
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
