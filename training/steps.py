"""The steps of the recipe: what each reads and writes, and its card. `recipe.py` runs them."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from soundclip_demo import gallery_build, vision, weights, whole
from soundclip_demo import llava as compact_llava
from soundclip_demo.config import Config, default_cache
from soundclip_demo.encoders import ENCODERS, checkpoint
from soundclip_demo.encoders import load as load_encoder
from soundclip_demo.encoders import spec as encoder_spec
from soundclip_demo.encoders.joint import Words, load_words
from soundclip_demo.engine import Engine
from soundclip_demo.events import PROTOCOLS
from soundclip_demo.gallery import Gallery, read
from soundclip_demo.parts import Parts
from soundclip_demo.projection import Projector
from soundclip_demo.suites import SUITES, Space, llava_spec

from . import (
    captioned,
    cards,
    corpus,
    encoders,
    evaluate,
    features,
    held_out,
    llava,
    projector,
    reference,
    report,
    targets,
)
from .batches import Pictures, Sounds
from .families import FAMILIES
from .filling import Filling
from .jsonlines import Lines

NOTE = (
    "The bundled clips are slow camera moves over a photo or drawing, joined with a true sound of the same kind; "
    "picture and sound were not recorded together."
)


@dataclass(frozen=True)
class Folders:
    """Where a recipe reads and writes.

    Attributes:
        corpus: `sounds.csv`, `pictures.csv` and their files.
        work: features; may be deleted when all is done.
        assets: `gallery/`, `checkpoints/` and `results/` are written below it.
    """

    corpus: Path
    work: Path
    assets: Path

    @property
    def checkpoints(self) -> Path:
        return self.assets / "checkpoints"

    def features(self) -> features.Features:
        return features.load(self.corpus, self.work)

    def config(self) -> Config:
        return Config(cache=default_cache(), gallery=self.assets / "gallery", checkpoints=self.checkpoints)

    def space(self) -> Space:
        return SUITES["compact"].space(self.config())

    def gallery(self) -> Gallery:
        return read(self.assets / "gallery", self.space())


def show_corpus(folders: Folders) -> dict[str, dict[str, int]]:
    """Counts sounds, recordings and categories by split."""
    sounds, counted = corpus.sounds(folders.corpus), {}
    for split, count in Counter(sound.split for sound in sounds).most_common():
        recordings = {sound.recording for sound in sounds if sound.split == split}
        kinds = {sound.category for sound in sounds if sound.split == split}
        counted[split] = {"sounds": count, "recordings": len(recordings), "categories": len(kinds)}
        print(f"{split:10} {count:5} sounds {len(recordings):5} recordings {len(kinds):4} categories")
    return counted


def make_features(folders: Folders, config: features.Config, unfinished: Path) -> None:
    features.compute(folders.corpus, folders.work, folders.checkpoints, config, unfinished)


def embed_gallery(folders: Folders, _: None, unfinished: Path) -> None:
    """Tokens of the bundled clips, from their posters."""
    folder = folders.assets / "gallery"
    rows, tower = corpus.rows(folder / "clips.csv"), _tower(folders)
    filling = Filling(unfinished, "gallery", [row["poster"] for row in rows])
    tokens = filling.array("tokens", (len(rows), tower.config.hidden_size))
    for i in tqdm(range(filling.done, len(rows)), desc="gallery", unit="clip"):
        tokens[i] = tower.look([Image.open(folder / rows[i]["poster"])])[0][0].half().numpy()
        filling.keep(i + 1)
    gallery_build.embed(folder, tokens, "Bundled gallery", NOTE, folders.space())


def fit_atlas(folders: Folders, *_: object) -> None:
    """The map of the bundled clips."""
    gallery_build.draw_map(folders.assets / "gallery")


def train_encoders(folders: Folders, config: encoders.Config, unfinished: Path) -> None:
    """The four encoders that are trained here, and what they give for every sound."""
    data = folders.features()
    pictured = targets.by_category(data, folders.corpus, folders.assets / "gallery")
    facing = encoders.partners(pictured, corpus.categories(), _words())
    for name, family in FAMILIES.items():
        saved = unfinished / f"{name}.safetensors"
        tower, joint, curve = encoders.train(name, data, pictured, facing, config, saved)
        card = _card(folders, "encoder") | {
            "training": asdict(config) | {"pairs": family.pairs},
            "best_epoch": min(curve, key=lambda epoch: epoch["validation"]),
        }
        encoders.save(folders.checkpoints, name, tower, joint, card)
        kept = checkpoint.retrained(family.kind, folders.checkpoints / f"{name}.safetensors")  # in float16
        encoders.embed(name, kept, data, unfinished)


def train_projectors(folders: Folders, config: projector.Config, unfinished: Path) -> None:
    """One projector an encoder, with WhisperCLIP's fusion."""
    data = folders.features()
    pictured = targets.by_category(data, folders.corpus, folders.assets / "gallery")
    for encoder in ENCODERS:
        spec = encoder_spec(encoder, folders.config()).hash
        data.require(encoder, spec)
        saved = unfinished / f"{encoder}.safetensors"
        fusion, trained, curve = projector.train(encoder, data, pictured, config, saved)
        card = _card(folders, "projector") | {
            "encoder_spec": spec,
            "training": asdict(config),
            "best_epoch": min(curve, key=lambda epoch: epoch["validation"]),
        }
        projector.save(folders.checkpoints, encoder, fusion, trained, card)


def train_llava(folders: Folders, config: llava.Config, unfinished: Path) -> None:
    """The multimodal projector on pictures, then the adapter on sound tokens of every encoder and mode."""
    data, models = folders.features(), load_models(folders)
    torch.manual_seed(config.seed)  # of the fresh multimodal projector
    model, tokenizer = compact_llava.assemble(_tower(folders), weights.ensure("language", default_cache()))
    card = _card(folders, "llava") | {"training": asdict(config)}
    out, random = folders.checkpoints / "llava", np.random.default_rng(config.seed)
    pictures = Pictures(data, folders.corpus, random)
    saved = llava.Saved(unfinished, (random,))
    first = llava.train_projector(model, tokenizer, pictures.words, pictures.captions, config, saved)
    llava.save_projector(model, out / "multi_modal_projector.safetensors", card | {"losses": first})
    random = np.random.default_rng(config.seed)
    sounds = Sounds(data, models, Lines(unfinished / "described.jsonl"), pictures, random)
    saved = llava.Saved(unfinished, (random,))
    adapted, second = llava.train_adapter(model, tokenizer, sounds.words, sounds.captions, config, saved)
    made = unfinished / "adapter"
    shutil.rmtree(made, ignore_errors=True)  # what a kill may have left of it
    adapted.half().save_pretrained(made)
    (made / "README.md").unlink()  # peft's empty form; the card below is filled in
    shutil.copytree(made, out / "adapter", dirs_exist_ok=True)
    card |= {"losses": {"pictures": first, "sounds": second}}
    whole.write(out / "card.json", json.dumps(card, indent=1) + "\n")


def run_evaluation(folders: Folders, settings: evaluate.Config, unfinished: Path) -> None:
    """Measures on the test split; `results/compact.json`, its tables beside it, and printed."""
    config = folders.config()
    gallery, models, data = folders.gallery(), load_models(folders), folders.features()
    opened = {name: load_encoder(name, config).joint for name in ENCODERS}
    joints = {name: joint() for name, joint in opened.items() if joint}
    held = held_out.of_corpus(data, {name: head for name, (head, _) in models.items()}, joints, gallery)
    language = weights.ensure("language", default_cache())
    told = held_out.told_of_corpus(data, held, joints, gallery, language, settings.bert_layer)
    parts = Parts(config)
    writers = {
        name: captioned.Writer(partial(parts.captioner, name), llava_spec(config, name), settings.tokens)
        for name in PROTOCOLS
    }
    captions = captioned.Captions(writers, Lines(folders.work / "captions.jsonl"))
    projectors = {name: trained for name, (_, trained) in models.items()}
    results = evaluate.measure(held, projectors, captions, told, Lines(unfinished / "measured.jsonl"))
    evaluate.save(results, folders.assets / "results" / "compact.json")
    whole.write(folders.assets / "results" / "README.md", report.page(results))
    cards.write(folders.checkpoints, results)
    print(report.page(results))


def make_reference(folders: Folders, _: None, unfinished: Path) -> None:
    """What the compact annotators compare a clip with."""
    reference.make(folders.corpus, Engine(folders.config()), unfinished)


def load_models(folders: Folders) -> dict[str, tuple[Callable[[Tensor], Tensor], Projector]]:
    """Encoder name -> what turns its stored features into its embedding, and its projector.

    Raises:
        ValueError: stored features are of another checkpoint.
    """
    data, config = folders.features(), folders.config()
    specs = {name: encoder_spec(name, config).hash for name in ENCODERS}
    for name, spec in specs.items():
        data.require(name, spec)
    return {
        name: (
            projector.head(name, folders.checkpoints),
            Projector.load(folders.checkpoints / f"{name}-projector.safetensors", spec),
        )
        for name, spec in specs.items()
    }


def _tower(folders: Folders) -> vision.EfficientNetLite:
    statistics = folders.checkpoints / "vision-statistics.safetensors"
    return vision.load(weights.ensure("vision", default_cache()), statistics)


def _words() -> Words:
    return load_words(weights.ensure("language", default_cache()))


def _card(folders: Folders, step: str) -> dict:
    """What every checkpoint says of itself, beside its own settings."""
    return {"data": corpus.fingerprint(folders.corpus), "command": f"python -m training {step} --corpus DIR"}
