"""The bundled example sounds, one button each."""

import csv
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from . import texts


@dataclass(frozen=True)
class Example:
    """A row of `examples.csv` whose file is there. `attribution` is plain text and may be empty."""

    id: str
    category: str
    title: str
    path: Path
    licence: str
    attribution: str


def read_examples(folder: Path) -> dict[str, Example]:
    """By id, in the file's order; empty when no examples are bundled."""
    table = folder / "examples.csv"
    if not table.is_file():
        return {}
    with table.open(newline="", encoding="utf-8") as file:
        rows = [_example(folder, row) for row in csv.DictReader(file)]
    return {row.id: row for row in rows if row.path.is_file()}


def _example(folder: Path, row: dict[str, str]) -> Example:
    credit = folder / row["attribution"] if row["attribution"] else None
    text = credit.read_text(encoding="utf-8") if credit and credit.is_file() else ""
    return Example(row["id"], row["category"], row["title"], folder / row["file"], row["licence"], text)


def example_buttons(examples: dict[str, Example]) -> gr.HTML:
    """Triggers `select` with `id`; the server looks the id up, so a made-up one does nothing."""
    buttons = "".join(
        f'<button type="button" class="chip" data-id="{escape(row.id)}" title="{escape(row.title)}">'
        f"{escape(row.category)}</button>"
        for row in examples.values()
    )
    return gr.HTML(
        value=f'<p class="label">{escape(texts.EXAMPLES)}</p><div class="chips">{buttons}</div>',
        js_on_load="""
            element.addEventListener('click', (event) => {
              const chip = event.target.closest('.chip');
              if (chip) trigger('select', { id: chip.dataset.id });
            });
        """,
        apply_default_css=False,
        elem_id="examples",
        visible=bool(examples),
    )
