"""What the server tells the map: the points, the stars, and what is asked for one by one."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundclip_demo import tiles
from soundclip_demo.errors import UserError
from soundclip_demo.events import Hit, Matches, Placed, Setting, WordsFound
from soundclip_demo.gallery import Clip, Clips, Gallery

pytest.importorskip("gradio")
from soundclip_demo.ui import map as atlas_page
from soundclip_demo.ui import map_tiles, texts
from soundclip_demo.ui.scripted import HERE

EVIL = '<img src=x onerror="hacked()">'


def clip(name: str, category: str) -> Clip:
    media = (Path("gallery/videos/a.mp4"), Path("gallery/posters/a b.jpg"))
    return Clip(name, category, EVIL, *media, False, "photo", "CC0-1.0", "by somebody")


def gallery(count: int = 0) -> Gallery:
    """Three clips of one category and one of another; or `count` of ten."""
    names = [f"c{i % 10}" for i in range(count)] or ["dog", "dog", "dog", EVIL]
    clips = Clips(clip(f"clip-{i}", name) for i, name in enumerate(names))
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
    assert base["counts"] == [1, 3]
    assert base["tiles"] is None


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


def test_of_too_many_points_some_are_sent_and_how_densely_all_lie() -> None:
    count = map_tiles.ALL + 1
    whole = gallery(count)
    base = atlas_page.base(whole)
    assert tiles.MOST <= len(base["ids"]) == len(base["x"]) <= tiles.MOST + 10
    assert set(atlas_page.map_tiles.tile(whole, [0, 0, 0])["ids"]) <= set(base["ids"])
    assert sum(base["counts"]) == count
    assert base["tiles"] == map_tiles.overview(whole)
    for number, point in enumerate(base["centres"]):
        assert base["category"][point] == number
    middles = [whole.coordinates[whole.clips.groups == number].mean(0) for number in range(10)]
    sent = np.array([base["x"], base["y"]]).T[base["centres"]]
    np.testing.assert_allclose(sent, middles, atol=0.1)
    assert len(json.dumps(base)) < 200_000
    assert texts.MAP_MANY["hint"] in atlas_page.atlas_map(whole).html_template


def test_tiles_are_told_of_when_they_are_asked_for() -> None:
    shown = atlas_page.atlas_map(gallery())
    whole = {"ids": [f"clip-{i}" for i in range(4)], "category": [1, 1, 1, 0], "all": True}
    assert shown.tile([0, 0, 0]) == whole | {"x": [0, 1, 0.4, -5], "y": [0, 0, 0.1, -5]}
    assert shown.tile([1, 0, 0]) == {"ids": ["clip-3"], "x": [-5], "y": [-5], "category": [0], "all": True}
    assert shown.tile([1, 0, 1])["ids"] == []
    for anything in ([0, 0, 1], ["0", 0, 0], None, {"a": 1}, 3, []):
        assert shown.tile(anything) == {}


def test_of_a_full_tile_some_clips_are_told_of() -> None:
    told = atlas_page.atlas_map(gallery(tiles.MOST + 1)).tile([0, 0, 0])
    assert not told["all"]
    assert [len(told[name]) for name in ("ids", "x", "y", "category")] == [tiles.MOST] * 4


def test_clips_are_located_by_their_ids() -> None:
    shown = atlas_page.atlas_map(gallery())
    found = shown.located(["clip-2", "nobody", None, ["clip-1"], "clip-0"])
    assert found == {"ids": ["clip-2", "clip-0"], "x": [0.4, 0], "y": [0.1, 0], "category": [1, 1]}
    for anything in ([], None, "clip-2", {"a": 1}):
        assert shown.located(anything) == {"ids": [], "x": [], "y": [], "category": []}
    assert len(shown.located(["clip-2"] * 9999)["ids"]) == map_tiles.LISTED


def test_an_overview_says_where_clips_lie_and_how_densely() -> None:
    seen = map_tiles.overview(gallery())
    assert (seen["corner"], seen["side"], seen["x"], seen["y"]) == ([-5, -5], 6, [-5, 1], [-5, pytest.approx(0.1)])
    density = np.frombuffer(b64decode(seen["density"]), np.uint8).reshape(seen["cells"], seen["cells"])
    assert density[0, 0] == 255
    assert np.count_nonzero(density) == 4


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
