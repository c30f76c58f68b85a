"""The steps of the recipe: what each reads, what it writes, and its card. Each can be run alone, in this order."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from soundclip_demo import gallery_build, vision, weights
from soundclip_demo import llava as compact_llava
from soundclip_demo.config import Config, default_cache
from soundclip_demo.encoders import ENCODERS, checkpoint, whisper, whisperclip
from soundclip_demo.encoders import load as load_encoder
from soundclip_demo.encoders.joint import Words, load_words
from soundclip_demo.events import PROTOCOLS
from soundclip_demo.gallery import Gallery, read
from soundclip_demo.parts import Parts
from soundclip_demo.projection import Projector
from soundclip_demo.suites import SUITES, Space, llava_spec

from . import captioned, cards, corpus, encoders, evaluate, features, held_out, llava, projector, report, targets
from .batches import Pictures, Sounds
from .families import FAMILIES
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

    def space(self) -> Space:
        return SUITES["compact"].space(Config(checkpoints=self.checkpoints))

    def gallery(self) -> Gallery:
        return read(self.assets / "gallery", self.space())


def show_corpus(folders: Folders) -> None:
    """Counts sounds and recordings by split."""
    sounds = corpus.sounds(folders.corpus)
    for split, count in Counter(sound.split for sound in sounds).most_common():
        recordings = {sound.recording for sound in sounds if sound.split == split}
        kinds = {sound.category for sound in sounds if sound.split == split}
        print(f"{split:10} {count:5} sounds {len(recordings):5} recordings {len(kinds):4} categories")


def make_features(folders: Folders) -> None:
    features.compute(folders.corpus, folders.work, folders.checkpoints)


def embed_gallery(folders: Folders) -> None:
    """Tokens and map of the bundled clips, from their posters."""
    folder = folders.assets / "gallery"
    rows = corpus.rows(folder / "clips.csv")
    tower = _tower(folders)
    tokens = [tower.look([Image.open(folder / row["poster"])])[0][0] for row in rows]
    gallery_build.embed(folder, torch.stack(tokens).half().numpy(), "Bundled gallery", NOTE, folders.space())


def fit_atlas(folders: Folders) -> None:
    """The map of the bundled clips alone."""
    gallery_build.draw_map(folders.assets / "gallery")


def train_encoders(folders: Folders) -> None:
    """The four encoders that are trained here, and what they give for every sound."""
    data = folders.features()
    pictured = targets.by_category(data, folders.corpus, folders.assets / "gallery")
    facing = encoders.partners(pictured, corpus.categories(), _words())
    for name, family in FAMILIES.items():
        began = time.perf_counter()
        config = encoders.Config()
        tower, joint, curve = encoders.train(name, data, pictured, facing, config)
        card = _card(folders, "encoder", began) | {
            "training": asdict(config) | {"epochs": family.epochs, "rate": family.rate, "pairs": family.pairs},
            "best_epoch": min(curve, key=lambda epoch: epoch["validation"]),
        }
        encoders.save(folders.checkpoints, name, tower, joint, card)
        kept = checkpoint.retrained(family.kind, folders.checkpoints / f"{name}.safetensors")  # in float16
        encoders.embed(name, kept, data)


def train_projectors(folders: Folders) -> None:
    """One projector an encoder, with WhisperCLIP's fusion."""
    data = folders.features()
    pictured = targets.by_category(data, folders.corpus, folders.assets / "gallery")
    for encoder in ENCODERS:
        began = time.perf_counter()
        data.require(encoder, _spec(folders, encoder))
        config = projector.Config()
        fusion, trained, curve = projector.train(encoder, data, pictured, config)
        card = _card(folders, "projector", began) | {
            "encoder_spec": _spec(folders, encoder),
            "training": asdict(config),
            "best_epoch": min(curve, key=lambda epoch: epoch["validation"]),
        }
        projector.save(folders.checkpoints, encoder, fusion, trained, card)


def train_llava(folders: Folders) -> None:
    """The multimodal projector on pictures, then the adapter on sound tokens of every encoder and mode."""
    began = time.perf_counter()
    data, config = folders.features(), llava.Config()
    language = weights.ensure("language", default_cache())
    model, tokenizer = compact_llava.assemble(_tower(folders), language)
    pictures = Pictures(data, folders.corpus, config.seed)
    out = folders.checkpoints / "llava"
    file, about = out / "multi_modal_projector.safetensors", _card(folders, "llava", began)
    about["training"] = {name: getattr(config, name) for name in llava.PROJECTOR_SETTINGS}
    if (first := llava.resume_projector(model, file, about)) is None:
        losses = llava.train_projector(model, tokenizer, pictures.words, pictures.captions, config)
        first = about | {"losses": losses, "minutes": _minutes(began)}
        llava.save_projector(model, file, first)
    sounds = Sounds(data, load_models(folders), folders.corpus, pictures, config.seed)
    adapted, second = llava.train_adapter(model, tokenizer, sounds.words, sounds.captions, config)
    adapted.half().save_pretrained(out / "adapter")
    (out / "adapter" / "README.md").unlink(missing_ok=True)  # peft's empty form; the card below is filled in
    card = _card(folders, "llava", began) | {
        "training": asdict(config), "losses": {"pictures": first["losses"], "sounds": second}
    }
    (out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


def run_evaluation(folders: Folders) -> None:
    """Measures on the test split, writes `results/compact.json` and prints the tables."""
    config = Config(cache=default_cache(), checkpoints=folders.checkpoints)
    gallery, models, data = folders.gallery(), load_models(folders), folders.features()
    opened = {name: load_encoder(name, config).joint for name in ENCODERS}
    joints = {name: joint() for name, joint in opened.items() if joint}
    held = held_out.of_corpus(data, {name: head for name, (head, _) in models.items()}, joints, gallery)
    language = weights.ensure("language", default_cache())
    told = held_out.told_of_corpus(data, held, joints, gallery, language)
    parts = Parts(config)
    writers = {
        name: captioned.Writer(partial(parts.captioner, name), llava_spec(config, name), captioned.TOKENS)
        for name in PROTOCOLS
    }
    captions = captioned.Captions(writers, Lines(folders.work / "captions.jsonl"))
    results = evaluate.measure(held, {name: trained for name, (_, trained) in models.items()}, captions, told)
    evaluate.save(results, folders.assets / "results" / "compact.json")
    cards.write(folders.checkpoints, results)
    for shown in (report.summary(results), *report.tables(results)):
        print(shown)


def load_models(folders: Folders) -> dict[str, tuple[Callable[[Tensor], Tensor], Projector]]:
    """Encoder name -> what turns its stored features into its embedding, and its projector.

    Raises:
        ValueError: stored features are of another checkpoint.
    """
    data = folders.features()
    for name in ENCODERS:
        data.require(name, _spec(folders, name))
    return {
        name: (
            projector.head(name, folders.checkpoints),
            Projector.load(folders.checkpoints / f"{name}-projector.safetensors", _spec(folders, name)),
        )
        for name in ENCODERS
    }


RECIPE: tuple[tuple[str, Callable[[Folders], None]], ...] = (
    ("features", make_features),
    ("gallery", embed_gallery),
    ("encoder", train_encoders),
    ("projector", train_projectors),
    ("llava", train_llava),
    ("evaluate", run_evaluation),
)


def _tower(folders: Folders) -> vision.EfficientNetLite:
    statistics = folders.checkpoints / "vision-statistics.safetensors"
    return vision.load(weights.ensure("vision", default_cache()), statistics)


def _words() -> Words:
    return load_words(weights.ensure("language", default_cache()))


def _spec(folders: Folders, encoder: str) -> str:
    """Hash of the encoder's spec, without running the encoder."""
    if encoder in FAMILIES:
        file = folders.checkpoints / f"{encoder}.safetensors"
        return checkpoint.retrained_spec(FAMILIES[encoder].kind, file).hash
    return {"whisper": whisper.SPEC, "whisperclip": whisperclip.SPEC}[encoder].hash


def _card(folders: Folders, step: str, began: float) -> dict:
    """What every checkpoint says of itself, beside its own settings."""
    return {
        "data": corpus.fingerprint(folders.corpus),
        "command": f"python -m training {step} --corpus DIR",
        "minutes": _minutes(began),
    }


def _minutes(began: float) -> float:
    return round((time.perf_counter() - began) / 60, 1)


def run_recipe(folders: Folders) -> None:
    """Every step, with the minutes each took in `results/recipe.json`."""
    minutes = {}
    for name, step in RECIPE:
        began = time.perf_counter()
        print(f"== {name}")
        step(folders)
        minutes[name] = _minutes(began)
    file = folders.assets / "results" / "recipe.json"
    file.write_text(json.dumps({"minutes": minutes, "threads": torch.get_num_threads()}, indent=1) + "\n")
    print(json.dumps(minutes))
