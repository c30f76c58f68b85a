"""Measures what the bundled checkpoints do on unseen recordings: one JSON per suite, read by page and README.

One sound per held-out recording (the first file of each), so that a family of near-copies counts once. A category
is evaluated when it has a clip in the gallery and a held-out recording. Results are given for the `core`, categories
with at least ten recordings in the corpus, and for `all`, which adds those with six to nine, of which four to seven
are left to train on. Intervals: bootstrap over recordings.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from soundclip_demo.captioner import Captioner
from soundclip_demo.config import DEFAULT_PROMPT
from soundclip_demo.encoders.joint import JointSpace
from soundclip_demo.gallery import Gallery
from soundclip_demo.projection import Projector, blend

from . import corpus, directions, geometry, told
from .bootstrap import interval, paired
from .corpus import Category, SoundFile
from .features import Features
from .generation import spaced
from .retrieval import by_chance, cosines, of_category, retrieval

CAPTION_TOKENS = 48  # longer than any caption it was taught
CORE_RECORDINGS = 10
SETTINGS = {"raw": 0.0, "blend 0.5": 0.5, "projected": 1.0}
SWEEP = tuple(i / 10 for i in range(1, 10))  # shares that are searched with only
CAPTIONED = ("raw", "projected")  # a native vector is no token


def held_out(sounds: list[SoundFile], gallery: Gallery, split: str = "test") -> list[int]:
    """Rows of the first file of every recording of `split` whose category the gallery has."""
    shown = {clip.category for clip in gallery.clips}
    first: dict[str, int] = {}
    for row, sound in enumerate(sounds):
        if sound.split == split and sound.category in shown:
            first.setdefault(sound.recording, row)
    return sorted(first.values())


def native_clips(joint: JointSpace, gallery: Gallery) -> Tensor:
    """The gallery in an encoder's own space, [C, J]: by the clips' posters, or by their captions where pictures have
    no side in it."""
    if joint.pictures:
        return torch.cat([joint.pictures([Image.open(clip.poster)]) for clip in gallery.clips])
    return joint.texts([clip.caption for clip in gallery.clips])


def chance(wanted: list[str], gallery: Gallery, top: int) -> float:
    """Probability that `top` clips drawn at random hold one of the right category, mean over `wanted`."""
    return by_chance(of_category(wanted, gallery), top)


def names(caption: str, category: Category, known: Iterable[str]) -> bool:
    """Whether a caption names the category or a listed word for it, whole words only ("indicate" holds no cat).

    Args:
        known: all category names; a longer one is not taken apart (a "car horn" is no car).
    """
    text, name = spaced(caption), spaced(category.name)
    for longer in map(spaced, known):
        if name in longer and name != longer:
            text = text.replace(longer, " | ")
    return any(spaced(word) in text for word in (category.name, *category.words))


def write_all(captioner: Captioner, tokens: Tensor, batch: int = 128) -> list[str]:
    """Greedy captions of audio tokens [N, D], nothing else seen.

    A word costs one pass over the language model's weights, for one caption or for a hundred.
    """
    captions = []
    for i in tqdm(range(0, len(tokens), batch), desc="captions", unit="batch"):
        asked = torch.cat([captioner.embed(token[None], DEFAULT_PROMPT) for token in tokens[i : i + batch]])
        mask = torch.ones(asked.shape[:2], dtype=torch.long)  # one prompt and one token each: nothing is padded
        ids = captioner.llava.generate(
            inputs_embeds=asked, attention_mask=mask, max_new_tokens=CAPTION_TOKENS, do_sample=False
        )
        captions += [text.strip() for text in captioner.tokenizer.batch_decode(ids, skip_special_tokens=True)]
    return captions


@dataclass(frozen=True, eq=False)
class Measured:
    """One encoder as it is measured.

    Attributes:
        head: stored features (`Features.heard`) -> embeddings.
        joint: the encoder's own space; None where it has none.
    """

    head: Callable[[Tensor], Tensor]
    projector: Projector
    joint: JointSpace | None = None


@torch.inference_mode()
def measure(
    features: Features, models: dict[str, Measured], gallery: Gallery, captioner: Captioner | None
) -> dict:
    """All settings on the held-out recordings.

    Args:
        captioner: None leaves captions out.

    Returns:
        What goes into `assets/results/<suite>.json`.
    """
    rows = held_out(features.sounds, gallery)
    sounds = [features.sounds[row] for row in rows]
    wanted = [sound.category for sound in sounds]
    known = corpus.categories()
    groups = {"core": _core(features.sounds, wanted), "all": np.ones(len(rows), bool)}
    groups = {name: of for name, of in groups.items() if of.any()}  # a small corpus has no core
    clips, width = torch.from_numpy(gallery.tokens), gallery.tokens.shape[1]
    right = of_category(wanted, gallery)

    def searched(found: dict[str, np.ndarray], queries: Tensor, answers: Tensor) -> dict[str, dict]:
        scores = cosines(queries, answers)
        return {
            group: directions.summary({name: values[of] for name, values in found.items()}, len(answers))
            | {"clip_to_sound": directions.backward(scores, right, of)}
            | {"pools": directions.in_pools(scores, right, of)}
            for group, of in groups.items()
        }

    def embeddings(encoder: str) -> Tensor:
        return models[encoder].head(torch.from_numpy(np.asarray(features.heard(encoder)[rows, 0])).float())

    joints = {encoder: model.joint for encoder, model in models.items() if model.joint}
    against = told.against(sounds, gallery, joints, embeddings) if captioner else None
    settings, sweep, gains = [], [], []
    for encoder, model in tqdm(models.items(), desc="encoders"):
        embedding = embeddings(encoder)
        vectors = {"native": (embedding, native_clips(model.joint, gallery))} if model.joint else {}
        for mode, share in SETTINGS.items():
            vectors[mode] = blend(embedding, model.projector, width, share), clips
        modes = {}
        for mode, (queries, answers) in vectors.items():
            found = modes[mode] = retrieval(queries, answers, wanted, gallery)
            row = {"encoder": encoder, "mode": mode} | searched(found, queries, answers)
            if captioner and mode in CAPTIONED:
                captions = write_all(captioner, queries)
                named = [names(c, known[name], known) for c, name in zip(captions, wanted, strict=True)]
                worth = {"caption": np.array(named, float)} | against.scores(captions)
                found |= worth
                row["caption_examples"] = [
                    {"category": name, "caption": c} for name, c in list(zip(wanted, captions, strict=True))[::40]
                ]
                for group, of in groups.items():
                    row[group] |= {name: interval(values[of]) for name, values in worth.items()}
            row["geometry"] = geometry.describe(queries.numpy(), embedding.numpy(), answers.numpy(), right)
            row["top5_by_source"] = _by_source(sounds, found["top5"])
            settings.append(row)
        gains.append({"encoder": encoder} | _gains(modes["projected"], modes["raw"], groups))
        for share in SWEEP:
            queries = blend(embedding, model.projector, width, share)
            found = retrieval(queries, clips, wanted, gallery)
            sweep.append({"encoder": encoder, "share": share} | searched(found, queries, clips))
    return {
        "gallery_clips": len(gallery.clips),
        "gallery_categories": len({clip.category for clip in gallery.clips}),
        "groups": {name: _about(list(np.array(wanted)[of]), gallery) for name, of in groups.items()},
        "settings": settings,
        "sweep": sweep,
        "projected_minus_raw": gains,
        "caption_measures": told.ABOUT if captioner else {},
    }


def table(results: dict) -> str:
    """The results as the Markdown tables that stand in the README."""
    lines = []
    for group, about in results["groups"].items():
        lines += [
            f"{group}: {about['recordings']} unseen recordings of {about['categories']} categories, in a gallery of "
            f"{results['gallery_clips']} clips of {results['gallery_categories']} categories",
            "",
            "| encoder | mode | right category at rank 1 | in the top 5 | caption names it |",
            "|---|---|---|---|---|",
        ]
        for row in results["settings"]:
            cells = [cell(row[group].get(key)) for key in ("top1", "top5", "caption")]
            lines.append(f"| {row['encoder']} | {row['mode']} | " + " | ".join(cells) + " |")
        lines += [f"| chance | | {about['chance']['top1']:.1%} | {about['chance']['top5']:.1%} | |", ""]
    return "\n".join(lines)


def save(results: dict, file: Path) -> None:
    """As JSON with a line for each row of a list: whole on one line, no change could be seen."""
    lines = []
    for name, value in results.items():
        rows = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        lines.append(f"{json.dumps(name)}: " + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{\n " + ",\n ".join(lines) + "\n}\n")


def _core(sounds: list[SoundFile], wanted: list[str]) -> np.ndarray:
    """Which of `wanted` have at least `CORE_RECORDINGS` recordings in the corpus, whatever their split."""
    recordings = defaultdict(set)
    for sound in sounds:
        recordings[sound.category].add(sound.recording)
    return np.array([len(recordings[name]) >= CORE_RECORDINGS for name in wanted])


def _gains(
    projected: dict[str, np.ndarray], raw: dict[str, np.ndarray], groups: dict[str, np.ndarray]
) -> dict[str, dict]:
    """Projected minus raw on the same recordings; ranks are left out, since their mean is that of the worst."""
    compared = [name for name in projected if name != "rank"]
    return {
        group: {name: paired(projected[name][of], raw[name][of]) for name in compared} for group, of in groups.items()
    }


def _about(wanted: list[str], gallery: Gallery) -> dict:
    return {
        "recordings": len(wanted),
        "categories": len(set(wanted)),
        "chance": {f"top{top}": round(chance(wanted, gallery, top), 4) for top in (1, 5)},
    }


def _by_source(sounds: Iterable[SoundFile], hits: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and count for each source of recordings: a source that leaks its category shows here."""
    groups = defaultdict(list)
    for sound, hit in zip(sounds, hits, strict=True):
        groups[sound.source].append(hit)
    return {name: {"mean": round(float(np.mean(v)), 4), "n": len(v)} for name, v in sorted(groups.items())}


def cell(value: dict[str, float] | None) -> str:
    """A mean with its interval, as the tables show it."""
    return f"{value['mean']:.1%} ({value['low']:.1%} to {value['high']:.1%})" if value else "–"
