"""The clip card without a browser: what it says of scores, and that nothing of a gallery reaches the page unescaped."""

from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest

from soundclip_demo.alignment import DIMENSIONS, Alignment, Annotation
from soundclip_demo.gallery import Clip, Clips, Gallery

pytest.importorskip("gradio")
from soundclip_demo.ui import card, texts

EVIL = '<img src=x onerror="hacked()">'
ALL = Alignment(
    dict(zip(DIMENSIONS, (10, 9, 8, 7, 0), strict=True)),
    {name: f"Because of {name}." for name in DIMENSIONS},
    ("guitar",),
    (),
    ("chair", "lamp"),
)
MODELS = (("video", "eye@1"), ("sound", "ear@2"), ("scorer", "mind@3"))
CLIP = Clip(
    "c0", "dog", "A dog barks.", Path("g/a.mp4"), Path("g/a.jpg"), True, "drawing", "CC0-1.0", "by nobody",
    Annotation("A guitar.", "A tune.", ALL, "paper", MODELS),
)  # fmt: skip


def annotated(**changes: object) -> Clip:
    return replace(CLIP, annotation=replace(CLIP.annotation, **changes))


def test_everything_that_is_known_is_said() -> None:
    html = card.body(CLIP)
    for said in ("dog", "A dog barks.", "CC0-1.0", "by nobody", "A guitar.", "A tune.", "drawing", texts.CARD_QUERY):
        assert escape(said) in html
    for name, value in ALL.scores.items():
        assert f"{texts.DIMENSIONS[name]}</span><b>{value}/10</b>" in html
        assert f"Because of {name}." in html
    assert "Sum 34 of 50, mean 6.8 of 10." in html
    assert texts.ALIGNMENT_BY["paper"] in html
    assert "Picture described by eye@1; sound described by ear@2; scores by mind@3" in html


def test_bars_are_as_long_as_their_scores() -> None:
    html = card.scores(CLIP.annotation)
    assert [part.split("%")[0] for part in html.split("width:")[1:]] == ["100", "90", "80", "70", "0"]


def test_what_was_not_measured_has_no_bar_and_is_not_counted() -> None:
    part = replace(ALL, scores=dict.fromkeys(DIMENSIONS[2:], 9))
    html = card.scores(replace(CLIP.annotation, alignment=part))
    assert html.count("width:") == 3
    assert html.count(texts.NOT_MEASURED) == 2
    assert "Because of temporal_alignment." in html
    assert "Sum 27 of 30, mean 9.0 of 10, over the 3 of 5 that were measured." in html


def test_an_empty_list_of_sources_is_left_out() -> None:
    html = card.sources(ALL)
    assert "guitar" in html
    assert "chair, lamp" in html
    assert texts.SOURCES["heard-only"] not in html
    assert card.sources(replace(ALL, visible_active=(), visible_silent=())) == ""


def test_a_clip_without_scores_says_so() -> None:
    html = card.body(replace(CLIP, annotation=None, still=False))
    assert texts.ALIGNMENT_NONE in html
    assert "dimension" not in html
    assert texts.STILL["drawing"] not in html


def test_a_reason_that_was_not_given_unfolds_nothing() -> None:
    html = card.scores(replace(CLIP.annotation, alignment=replace(ALL, reasons={})))
    assert "<details" not in html
    assert html.count("/10</b>") == 5


def test_every_string_is_escaped() -> None:
    evil = Alignment(ALL.scores, dict.fromkeys(DIMENSIONS, EVIL), (EVIL,), (EVIL,), (EVIL,))
    said = Annotation(EVIL, EVIL, evil, EVIL, ((EVIL, EVIL), ("scorer", EVIL)))
    html = card.body(replace(CLIP, category=EVIL, caption=EVIL, licence=EVIL, attribution=EVIL, annotation=said))
    assert "<img" not in html
    assert html.count("&lt;img") >= 15


@pytest.mark.parametrize("asked", [None, "c9", "", 3, ["c0"], {"id": "c0"}])
def test_the_browser_may_ask_for_anything(asked: object) -> None:
    gallery = Gallery(Path("g"), "", "", "", Clips([CLIP]), np.zeros((1, 2)), np.zeros((1, 2)))
    assert card.asked_for(gallery, asked) == ""
    assert card.asked_for(gallery, "c0") == card.body(CLIP)
