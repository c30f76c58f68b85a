"""What the server tells the map: the points, the stars, and what is asked for one by one."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundclip_demo.errors import UserError
from soundclip_demo.events import Hit, Matches, Placed, Setting, WordsFound
from soundclip_demo.gallery import Clip, Gallery

pytest.importorskip("gradio")
from soundclip_demo.ui import map as atlas_page
from soundclip_demo.ui import texts
from soundclip_demo.ui.scripted import HERE

EVIL = '<img src=x onerror="hacked()">'


def clip(name: str, category: str) -> Clip:
    media = (Path("gallery/videos/a.mp4"), Path("gallery/posters/a b.jpg"))
    return Clip(name, category, EVIL, *media, False, "photo", "CC0-1.0", "by somebody")


def gallery(count: int = 0) -> Gallery:
    """Three clips of one category and one of another; or `count` of ten."""
    names = [f"c{i % 10}" for i in range(count)] or ["dog", "dog", "dog", EVIL]
    clips = tuple(clip(f"clip-{i}", name) for i, name in enumerate(names))
    places = np.array([[0, 0], [1, 0], [0.4, 0.1], [-5, -5]], np.float32)
    places = places if not count else np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    return Gallery(Path("gallery"), "Toy", "compact CLIP space (toy)", "", clips, np.zeros((len(clips), 4)), places)


def matches(*names: str) -> Matches:
    hits = tuple(Hit(rank, name, "dog", EVIL, "CC0-1.0", 0.5, 4.0) for rank, name in enumerate(names, 1))
    return Matches(hits, 4, 3.0)


def test_points_are_lists_in_the_order_of_the_clips() -> None:
    base = atlas_page.base(gallery())
    assert base["ids"] == ["clip-0", "clip-1", "clip-2", "clip-3"]
    assert base["categories"] == [EVIL, "dog"]
    assert base["category"] == [1, 1, 1, 0]
    assert (base["x"][2], base["y"][2]) == (0.4, 0.1)
    assert base["about"][0] == {"caption": EVIL, "video": "videos/a.mp4", "poster": "posters/a%20b.jpg"}
    assert base["centres"] == [3, 2]  # the dog nearest to the mean of the three
    assert base["order"] == [1, 0]  # the larger category is named first


def test_many_points_are_sent_without_what_is_told_of_each() -> None:
    base = atlas_page.base(gallery(atlas_page.MANY + 1))
    assert base["about"] == []
    assert len(json.dumps(base)) < 40 * (atlas_page.MANY + 1)
    assert sorted(base["order"]) == list(range(10))


def test_stars_are_made_from_events() -> None:
    raw, blend = Setting(mode="raw"), Setting(mode="blend", t=0.25)
    value = atlas_page.stars(
        "WhisperCLIP", [(raw, Placed(1.0, 2.0, True), matches("a")), (blend, Placed(3.0, 4.0, False), None)], "7"
    )
    assert value == {
        "label": "WhisperCLIP",
        "sound": "7",
        "stars": [
            {"side": "raw", "x": 1.0, "y": 2.0, "off": True, "clips": ["a"]},
            {"side": "blend", "x": 3.0, "y": 4.0, "off": False, "t": 0.25, "clips": []},
        ],
    }


def test_clips_are_told_of_one_by_one() -> None:
    shown = atlas_page.atlas_map(gallery())
    assert shown.about("clip-1") == {
        "caption": EVIL,
        "video": "videos/a.mp4",
        "poster": "posters/a%20b.jpg",
    }
    for anything in ("../clip-1", None, 5, ["clip-1"], {"a": 1}):
        assert shown.about(anything) == {}
    assert shown.listed("dog") == [["clip-0", EVIL], ["clip-1", EVIL], ["clip-2", EVIL]]
    assert shown.listed(None) == []


def test_a_search_tells_what_was_found_or_what_is_wrong() -> None:
    event = WordsFound(EVIL, "AudioCLIP (toy)", "pictures", matches("clip-1"), Placed(1.0, 2.0, False))

    def search(text: object) -> WordsFound:
        if text != EVIL:
            raise UserError("No.", "Try words.")
        return event

    shown = atlas_page.atlas_map(gallery(), search)
    found = shown.find(EVIL)
    assert (found["text"], found["x"], found["y"], found["off"]) == (EVIL, 1.0, 2.0, False)
    assert found["hits"] == [["clip-1", "dog", 0.5]]
    assert "AudioCLIP (toy)" in found["note"]
    assert shown.find(None) == {"problem": "No. Try words."}
    assert texts.words_found(replace(event, meets="sounds")) != found["note"]


def test_a_map_without_words_cannot_be_searched() -> None:
    shown = atlas_page.atlas_map(gallery())
    assert shown.props["searchable"] is False
    assert not hasattr(shown, "find")


def test_the_template_is_filled_and_escaped() -> None:
    evil = replace(gallery(), space=EVIL)
    template = atlas_page.atlas_map(evil).html_template
    assert "[[" not in template
    assert "<img src=x" not in template
    assert "${" not in template  # Gradio reads templates as Handlebars and as a template string
    assert "{{" not in template


def test_all_scripts_of_the_map_are_sent() -> None:
    assert set(atlas_page.SCRIPTS) == {file.name for file in HERE.glob("map*.js")}
    sent = atlas_page.atlas_map(gallery()).js_on_load
    for word in re.findall(r"props\.words\.(\w+)", sent):
        assert word in texts.MAP_SAID
