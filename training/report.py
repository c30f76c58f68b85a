"""The tables of an evaluation: the README's, every search, captions, what projecting changes, geometry, signs."""

from soundclip_demo.events import PROTOCOLS

from . import published

SEARCH = ("top1", "top5", "top10", "mrr", "rank")


def page(results: dict) -> str:
    """All tables in Markdown, each under a heading that says of whom it is."""
    title = "# What was measured\n\nWritten by `python -m training`; edit nothing here by hand. Intervals: 95 %.\n"
    return "\n".join([title, *(f"## {table}" for table in tables(results))])


def tables(results: dict) -> list[str]:
    """Markdown, one table each, a title above it."""
    groups, told = list(results["groups"]), bool(results["caption_measures"])
    summaries = [summary_table(results, group) for group in groups]
    searches = [search_table(results, group, way) for group in groups for way in ("sound_to_clip", "clip_to_sound")]
    captions = [caption_table(results, group, name) for group in groups if told for name in _protocols(results)]
    fronts = [frontier_table(results, groups[0])] if told else []
    gains = [gain_table(results, group) for group in groups]
    signs = [
        f"Signs of the paper, our raw → projected, means alone ({groups[0]}, {name} LLaVA)\n\n"
        f"{published.table(published.signs(results, groups[0], name))}\n"
        for name in _protocols(results) or PROTOCOLS[:1]
    ]
    return [*summaries, *searches, *captions, *fronts, *gains, geometry_table(results), *signs]


def summary_table(results: dict, group: str) -> str:
    """The table that stands in the README."""
    about = results["groups"][group]
    lines = [
        f"{group}: {about['recordings']} unseen recordings of {about['categories']} categories, in a gallery of "
        f"{results['gallery_clips']} clips of {results['gallery_categories']} categories",
        "",
        "| encoder | mode | right category at rank 1 | in the top 5 | frozen LLaVA names it | tuned LLaVA does |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["settings"]:
        found = row[group]
        cells = [cell(found[key]) for key in ("top1", "top5")]
        cells += [cell(found.get(protocol, {}).get("caption")) for protocol in PROTOCOLS]
        lines.append(f"| {row['encoder']} | {row['mode']} | " + " | ".join(cells) + " |")
    lines.append(f"| chance | | {about['chance']['top1']:.1%} | {about['chance']['top5']:.1%} | | |")
    return "\n".join(lines) + "\n"


def search_table(results: dict, group: str, way: str) -> str:
    """One direction, all modes and the sweep of blends, each encoder's from raw to projected, native first."""
    lines = []
    for row in _searched(results):
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


def caption_table(results: dict, group: str, protocol: str) -> str:
    """What captions are worth by each measure, along the sweep too; what the measures are is said below."""
    measures = list(results["caption_measures"])
    lines = []
    for row in [*results["settings"], *results["sweep"]]:
        if protocol in row[group]:
            worth = row[group][protocol]
            cells = [_plain(worth[name]) if name in worth else "–" for name in measures]
            cells.append(f"{worth['corpus_bleu']:.3f}" if "corpus_bleu" in worth else "–")
            n = worth["caption"]["n"]
            lines.append(f"| {row['encoder']} | {_mode(row)} | {n} | " + " | ".join(cells) + " |")
    head = (
        f"{group}, captions of {protocol} LLaVA; along the sweep every sixth recording\n\n"
        "| encoder | mode | n | " + " | ".join(measures) + " | corpus BLEU |\n"
        "|---|---|---|" + "---|" * (len(measures) + 1) + "\n"
    )
    about = [f"{name}: {what}" for name, what in results["caption_measures"].items()]
    return head + "\n".join(lines) + "\n\n" + "; ".join(about) + ".\n"


def frontier_table(results: dict, group: str) -> str:
    """The shares of each encoder that no other share beats at both, with R@1 and how often the caption names it."""
    sweep = {(row["encoder"], row["share"]): row[group] for row in results["sweep"]}
    lines = []
    for row in results["frontier"]:
        if row["group"] == group:
            points = [(share, sweep[row["encoder"], share]) for share in row["shares"]]
            told = [
                f"{share:g}: {found['top1']['mean']:.1%}, {found[row['protocol']]['caption']['mean']:.1%}"
                for share, found in points
            ]
            lines.append(f"| {row['encoder']} | {row['protocol']} | " + "; ".join(told) + " |")
    return (
        f"{group}, frontier over {len({share for _, share in sweep})} blends: share t: R@1, caption names it\n\n"
        "| encoder | LLaVA | not beaten at both |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )


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


def cell(value: dict[str, float] | None) -> str:
    """A mean with its interval, as the tables show it."""
    return f"{value['mean']:.1%} ({value['low']:.1%} to {value['high']:.1%})" if value else "–"


def _protocols(results: dict) -> list[str]:
    """Those that captions were measured of."""
    return [name for name in PROTOCOLS if any(name in row["all"] for row in results["sweep"])]


def _searched(results: dict) -> list[dict]:
    """Each encoder's native row, then its sweep from raw to projected."""
    native = {row["encoder"]: row for row in results["settings"] if row["mode"] == "native"}
    encoders = dict.fromkeys(row["encoder"] for row in results["sweep"])
    return [
        row
        for name in encoders
        for row in (*filter(None, [native.get(name)]), *(row for row in results["sweep"] if row["encoder"] == name))
    ]


def _plain(value: dict[str, float]) -> str:
    return f"{value['mean']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _mode(row: dict) -> str:
    return row["mode"] if "mode" in row else {0.0: "raw", 1.0: "projected"}.get(row["share"], f"blend {row['share']}")
