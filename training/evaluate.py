"""Measures what the checkpoints of a suite do on held-out sounds: one JSON per suite, read by page and README.

Every encoder in every mode: what it finds, in both directions; what captions of its tokens are worth, by a frozen and
by a tuned LLaVA; how its tokens lie. Intervals: bootstrap over recordings, 95 %.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from soundclip_demo import whole
from soundclip_demo.projection import Projector, blend
from soundclip_demo.tradeoff import frontier

from . import directions, geometry
from .bootstrap import interval, paired
from .captioned import Captions
from .held_out import HeldOut
from .jsonlines import Lines
from .retrieval import cosines, found, ranks
from .told import Told

SETTINGS = {"raw": 0.0, "blend 0.5": 0.5, "projected": 1.0}
SWEEP = tuple(i / 8 for i in range(9))
CAPTIONED = ("raw", "projected")  # whose captions are compared; a native vector is no token
# One of so many sounds is captioned: of all of them it would take hours on two cores. A frozen LLaVA writes most.
ENDS = {"frozen": 2, "tuned": 1}  # raw and projected
SWEPT = 6  # between them
EXAMPLES = 40  # one caption of so many is kept


@dataclass(frozen=True)
class Config:
    """Of measuring the corpus.

    Attributes:
        tokens: the most that a caption may have.
        bert_layer: of the language model, whose vectors of words BERTScore compares.
    """

    tokens: int
    bert_layer: int


Values = dict[str, np.ndarray]  # measure -> a number for each sound


@torch.inference_mode()
def measure(
    held: HeldOut,
    projectors: dict[str, Projector],
    captions: Captions | None = None,
    told: Told | None = None,
    done: Lines | None = None,
) -> dict:
    """All settings of the encoders that have a projector.

    Args:
        captions, told: who writes captions, and what they are measured against; None leaves captions out.
        done: what was measured of the same by a run that was killed; its encoders are not measured again.

    Returns:
        What goes into `assets/results/<suite>.json`.
    """
    rows: dict[str, dict[str, list[dict]]] = {}
    for encoder, projector in tqdm(projectors.items(), desc="encoders"):
        if done and encoder in done.rows:
            rows[encoder] = done.rows[encoder]
            continue
        rows[encoder] = _measure(held, encoder, projector, captions, told)
        if done:
            done.add({"id": encoder} | rows[encoder])
    lists = ("settings", "sweep", "projected_minus_raw", "frontier")
    return (
        held.about
        | {name: [row for of_encoder in rows.values() for row in of_encoder[name]] for name in lists}
        | {"caption_measures": told.about() if told else {}}
    )


def _measure(
    held: HeldOut, encoder: str, projector: Projector, captions: Captions | None, told: Told | None
) -> dict[str, list[dict]]:
    """The rows of one encoder, by the name of their list in the results."""
    everything, settings = np.arange(len(held.kinds)), []
    embedding = held.embeddings(encoder)
    tokens = {share: blend(embedding, projector, held.clips.shape[1], share) for share in SWEEP}
    written = _written(captions, encoder, tokens) if captions else {}
    searched = {share: _search(held, queries, held.clips) for share, queries in tokens.items()}

    modes = {}
    native = held.native(encoder)
    for mode in ("native", *SETTINGS) if native else SETTINGS:
        queries, answers = native if mode == "native" else (tokens[SETTINGS[mode]], held.clips)
        values, row = _search(held, *native) if mode == "native" else searched[SETTINGS[mode]]
        row = {"encoder": encoder, "mode": mode} | {group: dict(found) for group, found in row.items()}
        modes[mode] = values
        if captions and mode in CAPTIONED:
            for protocol in captions.writers:
                texts, at = written[protocol, SETTINGS[mode]], everything[:: ENDS[protocol]]
                worth = told.scores(texts, at)
                modes[mode] = modes[mode] | {
                    f"{protocol} {name}": _spread(each, at, len(everything)) for name, each in worth.items()
                }
                for group, of in held.groups.items():
                    some = np.flatnonzero(of[at])
                    together = told.corpus_bleu([texts[i] for i in some], at[some])
                    row[group][protocol] = _intervals(worth, of[at]) | {"corpus_bleu": together}
                row.setdefault("caption_examples", {})[protocol] = _examples(held, texts, at)
        row["geometry"] = geometry.describe(queries.numpy(), embedding.numpy(), answers.numpy(), held.right)
        row["top5_by_source"] = _by_source(held, values["top5"])
        settings.append(row)

    some, sweep = everything[::SWEPT], []
    for share in SWEEP:
        row = {"encoder": encoder, "share": share} | {g: dict(found) for g, found in searched[share][1].items()}
        for protocol in captions.writers if captions else ():
            texts = written[protocol, share]
            worth = told.scores(texts if len(texts) == len(some) else texts[:: SWEPT // ENDS[protocol]], some)
            for group, of in held.groups.items():
                row[group][protocol] = _intervals(worth, of[some])
        sweep.append(row)
    return {
        "settings": settings,
        "sweep": sweep,
        "projected_minus_raw": [{"encoder": encoder} | _gains(modes["projected"], modes["raw"], held.groups)],
        "frontier": _frontiers(encoder, sweep, list(held.groups), list(captions.writers) if captions else []),
    }


def save(results: dict, file: Path) -> None:
    """As JSON with a line for each row of a list: whole on one line, no change could be seen."""
    lines = []
    for name, value in results.items():
        rows = ",\n  ".join(map(json.dumps, value)) if isinstance(value, list) else ""
        lines.append(f"{json.dumps(name)}: " + (f"[\n  {rows}\n ]" if rows else json.dumps(value)))
    file.parent.mkdir(parents=True, exist_ok=True)
    whole.write(file, "{\n " + ",\n ".join(lines) + "\n}\n")


def _written(captions: Captions, encoder: str, tokens: dict[float, Tensor]) -> dict[tuple[str, float], list[str]]:
    """(protocol, share) -> captions: of one in `ENDS` sounds in the modes that are `CAPTIONED`, else one in `SWEPT`."""
    ends = {SETTINGS[mode] for mode in CAPTIONED}
    return {
        (protocol, share): captions(
            protocol, token[:: ENDS[protocol] if share in ends else SWEPT], f"{encoder} {share}"
        )
        for protocol in captions.writers
        for share, token in tokens.items()
    }


def _search(held: HeldOut, queries: Tensor, answers: Tensor) -> tuple[Values, dict[str, dict]]:
    """Of each sound and, by group, of all: both directions and pools."""
    scores = cosines(queries, answers)
    values = found(ranks(scores, held.right))
    return values, {
        group: directions.summary({name: each[of] for name, each in values.items()}, len(answers))
        | {"clip_to_sound": directions.backward(scores, held.right, of)}
        | {"pools": directions.in_pools(scores, held.right, of)}
        for group, of in held.groups.items()
    }


def _intervals(worth: Values, of: np.ndarray) -> dict[str, dict]:
    """Of the sounds `of` that a measure has a number for."""
    return {name: interval(each[of & ~np.isnan(each)]) for name, each in worth.items() if (~np.isnan(each[of])).any()}


def _gains(projected: Values, raw: Values, groups: dict[str, np.ndarray]) -> dict[str, dict]:
    """Projected minus raw on the same sounds; ranks are left out, since their mean is that of the worst."""

    def gain(name: str, of: np.ndarray) -> dict:
        both = of & ~np.isnan(projected[name]) & ~np.isnan(raw[name])
        return paired(projected[name][both], raw[name][both])

    compared = [name for name in projected if name != "rank" and name in raw]
    return {group: {name: gain(name, of) for name in compared} for group, of in groups.items()}


def _frontiers(encoder: str, rows: list[dict], groups: list[str], protocols: list[str]) -> list[dict]:
    """The shares that no other share beats both at finding (R@1) and at naming what sounds."""

    def point(row: dict, group: str, protocol: str) -> tuple[float, float]:
        return row[group]["top1"]["mean"], row[group][protocol]["caption"]["mean"]

    return [
        {
            "encoder": encoder,
            "protocol": protocol,
            "group": group,
            "shares": [rows[i]["share"] for i in frontier([point(row, group, protocol) for row in rows])],
        }
        for protocol in protocols
        for group in groups
    ]


def _spread(values: np.ndarray, at: np.ndarray, count: int) -> np.ndarray:
    """Values of the sounds `at` among all `count`; not a number for the others."""
    whole = np.full(count, np.nan)
    whole[at] = values
    return whole


def _examples(held: HeldOut, texts: list[str], at: np.ndarray) -> list[dict[str, str]]:
    """Captions of the sounds `at`, one of so many."""
    said = [{"category": held.kinds[i], "caption": text} for i, text in zip(at, texts, strict=True)]
    return said[::EXAMPLES]


def _by_source(held: HeldOut, hits: np.ndarray) -> dict[str, dict[str, float]]:
    """Mean and count for each source of recordings: a source that leaks its category shows here."""
    groups = defaultdict(list)
    for source, hit in zip(held.sources, hits, strict=True):
        groups[source].append(hit)
    return {name: {"mean": round(float(np.mean(v)), 4), "n": len(v)} for name, v in sorted(groups.items())}
