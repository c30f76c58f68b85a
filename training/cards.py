"""Writes what each bundled checkpoint is: data, seed, command and measured quality, from the files themselves."""

import json
from pathlib import Path

from safetensors import safe_open

from soundclip_demo.encoders import ENCODERS
from soundclip_demo.events import PROTOCOLS

from .evaluate import CAPTIONED, SETTINGS
from .report import cell

# Ending of the file's name, what it is, and the modes whose quality is its own.
PARTS = (
    ("", "{} (compact retrain): a small network of the family, trained from scratch.", ("native",)),
    ("-joint", "What {} (compact retrain) learned to meet its sounds: pictures, words or both.", ()),
    ("-fusion", "{}'s weights over Whisper's layers, and the statistics that standardise them.", ()),
    ("-projector", "Projector of {} into compact CLIP space.", tuple(SETTINGS)),
)


def write(checkpoints: Path, results: dict) -> None:
    """`README.md` beside the checkpoints; a newer training or evaluation rewrites it."""
    lines = ["# Checkpoints", "", "Written by `python -m training evaluate`; edit nothing here by hand.", ""]
    for encoder, entry in ENCODERS.items():
        for ending, about, modes in PARTS:
            if (file := checkpoints / f"{encoder}{ending}.safetensors").exists():
                quality = _quality(results, encoder, modes, ("top1", "top5"))
                lines += _section(file.stem, about.format(entry.title), _header(file), quality)
    llava = json.loads((checkpoints / "llava" / "card.json").read_text())
    captions = [
        line
        for protocol in PROTOCOLS
        for encoder in ENCODERS
        for line in _quality(results, encoder, CAPTIONED, ("caption",), protocol)
    ]
    about = "Multimodal projector, and the adapter in peft's form: frozen LLaVA has the first, tuned LLaVA both."
    lines += _section("llava", about, llava, captions)
    lines += [
        "## vision-statistics",
        "",
        "Mean and standard deviation of the corpus pictures' pooled EfficientNet-Lite0 features, which centre and "
        "scale compact CLIP space. Command: `python -m training features --corpus DIR`.",
        "",
    ]
    (checkpoints / "README.md").write_text("\n".join(lines))


def _header(file: Path) -> dict:
    with safe_open(file, "pt") as checkpoint:
        return json.loads(checkpoint.metadata()["card"])


def _section(name: str, about: str, card: dict, quality: list[str]) -> list[str]:
    return [
        f"## {name}",
        "",
        about,
        "",
        f"- data: corpus {card['data']} (see the README on how to make one), split by source recording",
        f"- seed: {card['training']['seed']}",
        f"- command: `{card['command']}`",
        f"- settings: {json.dumps(card['training'])}",
        *quality,
        "",
    ]


def _quality(
    results: dict, encoder: str, modes: tuple[str, ...], measures: tuple[str, ...], protocol: str = ""
) -> list[str]:
    """A line for each mode and measure: share of unseen recordings, with its 95 % interval and gallery size."""
    said = {"top1": "right category at rank 1", "top5": "in the top 5", "caption": "caption names the category"}
    lines = []
    for row in results["settings"]:
        group = row.get("core", row["all"])
        if row["encoder"] == encoder and row["mode"] in modes:
            measured, who = (group.get(protocol, {}), f"{protocol}, ") if protocol else (group, "")
            lines += [
                f"- {who}{encoder} {row['mode']}, {said[measure]}: {cell(measured[measure])} of "
                f"{measured[measure]['n']} unseen recordings, gallery of {results['gallery_clips']} clips"
                for measure in measures
                if measure in measured
            ]
    return lines
