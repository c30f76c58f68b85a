"""Writes what each bundled checkpoint is: data, seed, command and measured quality, from the files themselves."""

import json
from pathlib import Path

from safetensors import safe_open

from .evaluate import cell

ABOUT = {
    "whisper-projector": "Projector of Whisper (last layer) into compact CLIP space.",
    "whisperclip-projector": "Projector of WhisperCLIP into compact CLIP space.",
    "whisperclip-fusion": "WhisperCLIP's weights over Whisper's layers, and the statistics that standardise them.",
}


def write(checkpoints: Path, results: dict) -> None:
    """`README.md` beside the checkpoints; a newer training or evaluation rewrites it."""
    lines = ["# Checkpoints", "", "Written by `python -m training evaluate`; edit nothing here by hand.", ""]
    for name, about in ABOUT.items():
        encoder = name.split("-")[0]
        lines += _section(name, about, _header(checkpoints / f"{name}.safetensors"), _quality(results, encoder))
    llava = json.loads((checkpoints / "llava" / "card.json").read_text())
    captions = [line for encoder in ("whisper", "whisperclip") for line in _quality(results, encoder, ("caption",))]
    lines += _section("llava", "Multimodal projector, and the adapter in peft's form.", llava, captions)
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
        f"- command: `{card['command']}`, {card['minutes']} minutes",
        f"- settings: {json.dumps(card['training'])}",
        *quality,
        "",
    ]


def _quality(results: dict, encoder: str, measures: tuple[str, ...] = ("top1", "top5")) -> list[str]:
    """A line for each mode: share of unseen recordings, with its 95 % interval and gallery size."""
    said = {"top1": "right category at rank 1", "top5": "in the top 5", "caption": "caption names the category"}
    lines = []
    for row in results["settings"]:
        for measure in measures:
            group = row.get("core", row["all"])
            if row["encoder"] == encoder and measure in group:
                value = group[measure]
                lines.append(
                    f"- {encoder} {row['mode']}, {said[measure]}: {cell(value)} of {value['n']} unseen recordings, "
                    f"gallery of {results['gallery_clips']} clips"
                )
    return lines
