"""Made-up results of six encoders in the form that `training/evaluate.py` writes, for what reads such a file.

Frozen captions get worse by projecting and tuned ones better, as clearly as the measures allow; nothing in here was
measured.
"""

from typing import Any

RECORDINGS, SWEPT, GALLERY = 366, 92, 132
SWEEP = tuple(i / 10 for i in range(11))
SEARCH = {  # R@1 native, raw and projected
    "clap": (0.404, 0.038, 0.552),
    "whisper": (None, 0.003, 0.694),
    "imagebind": (0.377, 0.008, 0.492),
    "wav2clip": (0.484, 0.005, 0.620),
    "audioclip": (0.598, 0.005, 0.639),
    "whisperclip": (None, 0.000, 0.809),
}
NAMED = {  # raw and projected, by a frozen and by a tuned LLaVA
    "clap": {"frozen": (0.115, 0.041), "tuned": (0.060, 0.470)},
    "whisper": {"frozen": (0.142, 0.064), "tuned": (0.216, 0.664)},
    "imagebind": {"frozen": (0.098, 0.033), "tuned": (0.227, 0.399)},
    "wav2clip": {"frozen": (0.120, 0.052), "tuned": (0.208, 0.587)},
    "audioclip": {"frozen": (0.126, 0.049), "tuned": (0.273, 0.598)},
    "whisperclip": {"frozen": (0.161, 0.082), "tuned": (0.380, 0.770)},
}
ABOUT = {  # measure -> what it is, and its value where nothing and where everything is named
    "caption": ("share of captions that name the category by whole words", 0, 1),
    "b3": ("share of the sources that a sentence is near to: cosine from 0.61 in toy space", 0.05, 0.95),
    "b1": ("cosine of caption and sound in the CLAP retrain, by sentence", 0.12, 0.46),
    "b2": ("cosine of caption and frame in the AudioCLIP retrain, by sentence", 0.06, 0.44),
    "bleu": ("sentence BLEU (sacrebleu)", 0.01, 0.90),
    "rouge_l": ("ROUGE-L F-measure (rouge-score)", 0.10, 0.95),
    "bertscore": ("BERTScore F1 by toy, layer 2", 0.75, 0.97),
}


def made_up() -> dict[str, Any]:
    """A whole file."""
    settings, sweep, gains = [], [], []
    for encoder, (native, raw, projected) in SEARCH.items():
        if native is not None:
            settings.append(_row(encoder, {"mode": "native"}, _found(native)))
        for mode, share in (("raw", 0.0), ("blend 0.5", 0.5), ("projected", 1.0)):
            told = {} if share == 0.5 else _told(encoder, share, RECORDINGS)
            settings.append(_row(encoder, {"mode": mode}, _found(_searched(raw, projected, share)) | told))
        for share in SWEEP:
            found = _found(_searched(raw, projected, share)) | _told(encoder, share, SWEPT)
            sweep.append(_row(encoder, {"share": share}, found))
        gains.append(_row(encoder, {}, _gains(encoder)))
    return {
        "gallery_clips": GALLERY,
        "gallery_categories": 112,
        "groups": {"core": {"recordings": RECORDINGS, "categories": 53}, "all": {"recordings": 404, "categories": 77}},
        "settings": settings,
        "sweep": sweep,
        "projected_minus_raw": gains,
        "frontier": [],
        "caption_measures": {name: about for name, (about, _, _) in ABOUT.items()},
    }


def value(mean: float, n: int = RECORDINGS) -> dict[str, float]:
    """With the interval that a share of so many recordings has."""
    half = 1.96 * (max(mean * (1 - mean), 0.002) / n) ** 0.5
    return {"mean": round(mean, 4), "low": round(max(0, mean - half), 4), "high": round(mean + half, 4), "n": n}


def gain(mean: float, half: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half, "other_side": 0.0, "n": RECORDINGS}


def _row(encoder: str, about: dict, found: dict) -> dict:
    return {"encoder": encoder} | about | {"core": found, "all": found}


def _searched(raw: float, projected: float, share: float) -> float:
    """The blend finds what the projected token finds long before it is all of it."""
    return raw + (projected - raw) * min(1, (1.3 * share) ** 2) ** 0.8


def _found(top1: float) -> dict:
    return {
        "top1": value(top1),
        "top5": value(top1**0.5 * 0.95),
        "mrr": value(top1**0.8),
        "rank": {"median": 2.0, "low": 2.0, "high": 3.0, "n": RECORDINGS},
    }


def _told(encoder: str, share: float, n: int) -> dict[str, dict]:
    """Fewer recordings say something else: by a few hundredths, up and down."""
    told = {}
    for protocol, (raw, projected) in NAMED[encoder].items():
        off = 0 if n == RECORDINGS else 0.02 * ((len(encoder) + round(7 * share)) % 3 - 1)
        named = max(0, raw + (projected - raw) * share + off)
        told[protocol] = {name: value(low + (high - low) * named, n) for name, (_, low, high) in ABOUT.items()}
        told[protocol]["corpus_bleu"] = round(named, 4)
    return told


def _gains(encoder: str) -> dict[str, dict]:
    _, raw, projected = SEARCH[encoder]
    gains = {name: gain(round(projected - raw, 4), 0.05) for name in ("top1", "top5", "mrr")}
    for protocol, (before, after) in NAMED[encoder].items():
        for name, (_, low, high) in ABOUT.items():
            gains[f"{protocol} {name}"] = gain(round((high - low) * (after - before), 4), 0.03)
    return gains
