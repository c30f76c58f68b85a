"""The tables `evaluate` prints below the README's: every search, what projecting changes, geometry, published signs."""

from . import published
from .evaluate import cell

SEARCH = ("top1", "top5", "top10", "mrr", "rank")


def tables(results: dict) -> list[str]:
    """Markdown, one table each, a title above it."""
    groups = list(results["groups"])
    searches = [search_table(results, group, way) for group in groups for way in ("sound_to_clip", "clip_to_sound")]
    gains = [gain_table(results, group) for group in groups]
    signs = f"Signs of the paper, our raw → projected ({groups[0]})\n\n{published.table(published.signs(results))}\n"
    told = [caption_table(results, group) for group in groups if results["caption_measures"]]
    return [*searches, *told, *gains, geometry_table(results), signs]


def search_table(results: dict, group: str, way: str) -> str:
    """One direction, all modes and the sweep of blends, each encoder's from raw to projected, native first."""
    lines = []
    for row in _ordered(results):
        found = row[group] if way == "sound_to_clip" else row[group]["clip_to_sound"]
        rank, pool = found["rank"], row[group]["pools"].get(way)
        cells = [cell(found[name]) for name in SEARCH[:3]]
        cells.append(_plain(found["mrr"]))
        cells.append(f"{rank['median']:g} ({rank['low']:g} to {rank['high']:g})")
        cells.append(f"{pool['top1']['mean']:.1%} ± {pool['top1']['sd']:.1%}" if pool else "–")
        lines.append(f"| {row['encoder']} | {_mode(row)} | " + " | ".join(cells) + " |")
    pooled = "pools"
    if pool:
        pooled = f"R@1 among {pool['size']} ({pool['times']} draws, chance {pool['top1']['chance']:.1%})"
    head = (
        f"{group}, {way.replace('_', ' ')}: n = {rank['n']}, gallery of {rank['gallery']}\n\n"
        f"| encoder | mode | R@1 | R@5 | R@10 | MRR | median rank | {pooled} |\n|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(lines) + "\n"


def caption_table(results: dict, group: str) -> str:
    """What captions are worth by each measure; what the measures are is said below."""
    measures = ("caption", *results["caption_measures"])
    lines = []
    for row in results["settings"]:
        if "caption" in row[group]:
            cells = [_plain(row[group][name]) for name in measures]
            lines.append(f"| {row['encoder']} | {row['mode']} | " + " | ".join(cells) + " |")
    head = (
        f"{group}, captions: n = {results['groups'][group]['recordings']}\n\n"
        "| encoder | mode | names the category | " + " | ".join(results["caption_measures"]) + " |\n"
        "|---|---|---|" + "---|" * len(results["caption_measures"]) + "\n"
    )
    about = [f"{name}: {what}" for name, what in results["caption_measures"].items()]
    return head + "\n".join(lines) + "\n\n" + "; ".join(about) + ".\n"


def gain_table(results: dict, group: str) -> str:
    """Projected minus raw on the same recordings."""
    lines = [
        f"{group}, projected minus raw: n = {results['groups'][group]['recordings']}, "
        f"gallery of {results['gallery_clips']}",
        "",
        "| encoder | measure | difference, in hundredths | resamples on the other side of 0 |",
        "|---|---|---|---|",
    ]
    for row in results["projected_minus_raw"]:
        lines += [
            f"| {row['encoder']} | {name} | {cell(gain)} | {gain['other_side']:.1%} |"
            for name, gain in row[group].items()
        ]
    return "\n".join(lines) + "\n"


def geometry_table(results: dict) -> str:
    """Of all held-out recordings, whatever the group."""
    about = results["settings"][0]["geometry"]
    lines = [
        f"Geometry: n = {about['n']}, gallery of {about['gallery']}, {about['neighbours']} neighbours",
        "",
        "| encoder | mode | CKA with clips of the category | effective rank | residual | shared neighbours |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["settings"]:
        cells = [row["geometry"][name] for name in ("cka", "effective_rank", "residual", "overlap")]
        shown = ["–" if value is None else f"{value:.3f}" for value in cells]
        lines.append(f"| {row['encoder']} | {row['mode']} | " + " | ".join(shown) + " |")
    return "\n".join(lines) + "\n"


def _ordered(results: dict) -> list[dict]:
    """Rows of settings and sweep by encoder and share; the blend that both hold once."""
    share = {"native": -1.0, "raw": 0.0, "projected": 1.0}
    rows = [row for row in results["settings"] if row["mode"] in share] + results["sweep"]
    encoders = list(dict.fromkeys(row["encoder"] for row in rows))
    return sorted(
        rows, key=lambda row: (encoders.index(row["encoder"]), share[row["mode"]] if "mode" in row else row["share"])
    )


def _plain(value: dict[str, float]) -> str:
    return f"{value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _mode(row: dict) -> str:
    return row["mode"] if "mode" in row else f"blend {row['share']}"
