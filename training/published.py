"""Whether what was measured here has the signs of the published figures."""

from dataclasses import dataclass

from soundclip_demo.published import read


@dataclass(frozen=True)
class Sign:
    """What projecting does to a measure according to the paper.

    Attributes:
        measure: as the paper names it, with what stands for it here where that is not the same.
        key: where it is found in a row of the measured results, below a group or below `geometry`, or, of captions,
            below the protocol.
        wanted: what projected should be to raw: ">", "<" or "<=".
    """

    measure: str
    key: str
    wanted: str


SIGNS = (
    Sign("R@1", "top1", ">"),
    Sign("B1, caption and sound", "b1", "<"),
    Sign("B2, caption and frame", "b2", "<="),
    Sign("B3, sources named (by meaning)", "b3", "<"),
    Sign("B3, sources named (whole words; here the category)", "caption", "<"),
    Sign("alignment with visual vectors (CKA)", "cka", ">"),
    Sign("orthogonal residual", "residual", "<"),
    Sign("neighbour overlap with raw sound", "overlap", "<"),
    Sign("effective rank", "effective_rank", ">"),
)


def encoders(published: dict) -> list[str]:
    """The encoders whose signs are published: those of the main table (paper-facts section 8.1)."""
    return list(dict.fromkeys(row["encoder"] for row in published["figures"] if row["section"] == "8.1"))


def signs(results: dict, group: str = "core", protocol: str = "frozen") -> list[dict]:
    """Every published sign beside our two numbers, encoder by encoder.

    Args:
        results: what `evaluate.measure` gives.
        group: whose numbers are taken; geometry is of all recordings.
        protocol: whose captions: frozen is the paper's, which never let LLaVA hear a sound.

    Returns:
        Rows of `encoder`, `measure`, `wanted`, `raw`, `projected` (None where not measured) and `verdict`: "agree",
        "disagree" or "not measurable". Of the two means only: how sure a difference is stands in
        `projected_minus_raw` of the results.
    """
    rows = {(row["encoder"], row["mode"]): row for row in results["settings"]}
    checked = []
    for encoder in encoders(read()):
        for sign in SIGNS:
            raw, projected = (
                _number(rows.get((encoder, mode)), group, protocol, sign.key) for mode in ("raw", "projected")
            )
            about = {"encoder": encoder, "measure": sign.measure, "wanted": sign.wanted}
            checked.append(
                about | {"raw": raw, "projected": projected, "verdict": verdict(raw, projected, sign.wanted)}
            )
    return checked


def verdict(raw: float | None, projected: float | None, wanted: str) -> str:
    if raw is None or projected is None:
        return "not measurable"
    agrees = {">": projected > raw, "<": projected < raw, "<=": projected <= raw}[wanted]
    return "agree" if agrees else "disagree"


def table(checked: list[dict]) -> str:
    """`signs` as Markdown: a line for each measure, a column for each encoder, our raw and projected number in it."""
    columns = list(dict.fromkeys(row["encoder"] for row in checked))
    cells = {(row["measure"], row["encoder"]): _cell(row) for row in checked}
    wanted = {row["measure"]: row["wanted"] for row in checked}
    lines = ["| paper: projected to raw | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for measure, sign in wanted.items():
        lines.append(f"| {measure} {sign} | " + " | ".join(cells[measure, encoder] for encoder in columns) + " |")
    return "\n".join(lines)


def _number(row: dict | None, group: str, protocol: str, key: str) -> float | None:
    if row is None:
        return None
    geometry, measured = row.get("geometry", {}), row.get(group, row["all"])
    if key in geometry:
        return geometry[key]
    return (measured | measured.get(protocol, {})).get(key, {}).get("mean")


def _cell(row: dict) -> str:
    if row["verdict"] == "not measurable":
        return row["verdict"]
    return f"{row['verdict']} ({row['raw']:.3f} → {row['projected']:.3f})"
