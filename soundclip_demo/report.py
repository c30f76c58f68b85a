"""A record as one HTML file to read, send and print: nothing is loaded, no script runs, every string is escaped.

The sentences and the looks are in `report.html`.
"""

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from . import encoders, figures, record, thumbnails
from .errors import UserError
from .record import Record
from .results import Result
from .tradeoff import Tradeoff, frontier

if TYPE_CHECKING:
    from .audio import Sound
    from .events import Hit
    from .gallery import Gallery

WRITERS = {"compact": "a small LLaVA with SmolLM2-135M inside", "paper": "LLaVA-1.6-Mistral-7B"}
FOUND, TOLD = "top1", "caption"  # of what was measured: the right category first; captions that name it
MEASURED = """
<section aria-labelledby="measured">
<h2 id="measured">What such settings are worth</h2>
<figure>$figure<figcaption>Measured here, by this project, not by the paper: on $recordings recordings that nothing
was trained on, in a gallery of $gallery clips, with the $protocol LLaVA. Each dot is an encoder, raw or projected, with
95 % intervals; the line is the frontier that no setting beats in both; rings mark the columns above.</figcaption>
</figure>
</section>
"""
TEMPLATE = Path(__file__).with_name("report.html")
MOST_SOUND = 4 * 2**20  # bytes of a sound that a report can hold
TYPES = {".ogg": "audio/ogg", ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".mp4": "video/mp4"}


def page(kept: Record, sound: "Sound", file: Path | None = None, measured: "Tradeoff | None" = None) -> str:
    """The report.

    Args:
        sound: what was heard, for the waveform.
        file: of the sound, to put it into the report; None leaves it out.
        measured: what the suite's settings are worth; None where that was not measured.

    Raises:
        UserError: the sound is too large for a report.
    """
    heard = next((result.heard for result in kept.results if result.heard), None)
    if heard is None:
        raise UserError("There is nothing to report yet.", "Give a sound first.")
    names = [mode_of(result) for result in kept.results]
    part = figures.seconds_of(heard.window, heard.seconds)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{kept.name}: SoundCLIP demo"),
        name=escape(kept.name),
        made=escape(kept.made.strftime("%d %B %Y, %H:%M UTC")),
        waveform=figures.waveform(sound.overview(), heard.seconds, heard.window, f"Waveform. Heard: {part}."),
        heard=escape(f"Heard: {part}."),
        audio=_audio(file) if file else "",
        columns="".join(_column(kept, result) for result in kept.results),
        space=escape(kept.gallery.space),
        stars=escape(_stars(kept.results, names)),
        atlas=figures.atlas(kept.gallery, kept.results, names, "Map of the gallery with a star for each column"),
        tradeoff=_tradeoff(kept, measured) if measured else "",
        settings="".join(_row(*row) for row in _settings(kept)),
        licences="".join(_licences(kept)),
    )


def mode_of(result: Result) -> str:
    """`raw`, `projected`, or how much of the token is projected."""
    setting = result.setting
    return f"blend, {setting.t:.0%} projected" if setting.mode == "blend" else setting.mode


def _column(kept: Record, result: Result) -> str:
    title = encoders.title(result.setting.encoder, kept.suite)
    found = result.matches
    verdict = ""
    if found and found.hits:
        words = "above chance" if found.above_chance else "no better than chance"
        verdict = (
            f"Best of {found.gallery_size} clips: {found.hits[0].deviations:.1f} deviations, {words} "
            f"(chance ends at {found.chance:.1f})"
        )
    items = "".join(_match(hit, kept.gallery) for hit in found.hits) if found else ""
    missing = "".join(f"<p>{escape(sentence)}</p>" for sentence in result.missing)
    off = "<p>It lies off the map: no clip is near.</p>" if result.placed and result.placed.off_map else ""
    times = " · ".join(f"{stage.replace('_', ' ')} {_duration(ms)}" for stage, ms in result.ms.items())
    return (
        f'<div class="column {escape(result.setting.mode)}"><h3>{escape(title)}, {escape(mode_of(result))}</h3>'
        f'<p class="verdict">{escape(verdict)}</p>{off}{_caption(kept, result)}{missing}'
        f'<ol class="matches">{items}</ol><p class="small number">{escape(times)}</p></div>'
    )


def _duration(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.1f} ms"


def _caption(kept: Record, result: Result) -> str:
    if not result.caption:
        return ""
    protocol = result.setting.protocol or kept.protocol
    k = result.setting.k
    seen = f"the sound token and {k} patches of a picture" if k else "the sound token only"
    when = ", when the demo was started" if result.rehearsed else ""
    by = f"Written by {WRITERS[kept.suite]}, {protocol}, from {seen}{when}."
    return f'<blockquote>{escape(result.caption)}</blockquote><p class="small">{escape(by)}</p>'


def _match(hit: "Hit", gallery: "Gallery") -> str:
    poster = thumbnails.make(gallery.poster(gallery.clip(hit.clip)))
    return (
        f'<li><img src="{_data("image/jpeg", poster)}" alt="" width="320" height="180"><div>'
        f"<p><strong>{hit.rank}. {escape(hit.category)}</strong></p><p>{escape(hit.caption)}</p>"
        f'<p class="small number">cosine {hit.score:.2f}, {hit.deviations:.1f} deviations · {escape(hit.licence)}</p>'
        "</div></li>"
    )


def _audio(file: Path) -> str:
    if file.stat().st_size > MOST_SOUND:
        raise UserError("This sound is too large for a report.", "Leave the sound out, or give its loudest part alone.")
    kind = TYPES.get(file.suffix.lower(), "application/octet-stream")
    return f'<audio controls src="{_data(kind, file.read_bytes())}"></audio>'


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _stars(results: tuple[Result, ...], names: list[str]) -> str:
    placed = [name for result, name in zip(results, names, strict=True) if result.placed]
    return f"A star for each column: {' and '.join(placed)}." if placed else ""


def _tradeoff(kept: Record, measured: "Tradeoff") -> str:
    """Every encoder raw and projected, and those of the columns marked; nothing where captions were not measured."""
    protocol = next((r.setting.protocol for r in kept.results if r.setting.protocol), kept.protocol)
    here = {(result.setting.encoder, result.setting.projected_share) for result in kept.results}
    names = {1.0: "projected", 0.0: "raw"}
    spots = [
        figures.Spot(
            encoders.title(point.encoder, kept.suite).partition(" (")[0],
            names[point.share],
            (found.mean, found.low, found.high),
            (told.mean, told.low, told.high),
            (point.encoder, point.share) in here,
        )
        for point in measured.ends
        if (found := point.value(FOUND)) and (told := point.value(TOLD, protocol))
    ]
    if not spots:
        return ""
    means = [(spot.x[0], spot.y[0]) for spot in spots]
    front = sorted(frontier(means), key=lambda i: means[i])
    drawn = figures.tradeoff(spots, front, "right category first", "caption names it", "The measured trade-off")
    return Template(MEASURED).substitute(
        figure=drawn,
        recordings=measured.recordings,
        gallery=measured.gallery,
        protocol=escape(protocol),
    )


def _settings(kept: Record) -> Iterator[tuple[str, str]]:
    """Rows of the table: what was set, and which weights and programs computed it."""
    gallery = kept.gallery
    yield "Suite", kept.suite
    yield "Gallery", f"{gallery.title}, {len(gallery.clips)} clips. {gallery.note}"
    yield "CLIP space", gallery.space
    for result, specs in zip(kept.results, kept.specs, strict=True):
        said = [f"{part.replace('_', ' ')} {spec}" for part, spec in specs.items()]
        yield f"Weights, {mode_of(result)}", ", ".join(said)
    for prompt in dict.fromkeys(result.setting.prompt for result in kept.results if result.caption):
        yield "Prompt", prompt
    yield "Versions", ", ".join(f"{name} {number}" for name, number in record.versions().items())


def _row(name: str, value: str) -> str:
    return f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'


def _licences(kept: Record) -> Iterator[str]:
    """The sound's own where it is a bundled one, then each clip's that is shown, once."""
    if kept.licence:
        yield _licence(f"The sound: {kept.name}", kept.licence, kept.attribution)
    hits = [hit for result in kept.results if result.matches for hit in result.matches.hits]
    for name in dict.fromkeys(hit.clip for hit in hits):
        clip = kept.gallery.clip(name)
        yield _licence(f"Clip {clip.id}: {clip.category}", clip.licence, clip.attribution)


def _licence(what: str, licence: str, attribution: str) -> str:
    more = f"<pre>{escape(attribution)}</pre>" if attribution else ""
    return f'<div><strong>{escape(what)}</strong> <span class="soft">{escape(licence)}</span>{more}</div>'
