"""The map by itself: what it draws, what is asked of it, and how it is used without a pointer."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from conftest import served
from PIL import Image

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 180_000  # ms; the machine may be busy
CLIPS = 132  # of the bundled gallery
MANY = 3500  # more than are told of at once
TOO_MANY = 20_500  # more than are sent at once
WORDS, SAID = texts.MAP_WORDS, texts.MAP_SAID


@pytest.fixture(scope="module")
def map_url() -> Iterator[str]:
    with served("tests/browser/map_page.py") as address:
        yield address


@pytest.fixture(scope="module")
def many_url() -> Iterator[str]:
    with served("tests/browser/map_page.py", "--clips", str(MANY)) as address:
        yield address


@pytest.fixture(scope="module")
def tiled_url() -> Iterator[str]:
    with served("tests/browser/map_page.py", "--clips", str(TOO_MANY)) as address:
        yield address


@contextmanager
def opened(browser, url: str, **options):
    """A page whose map is drawn; the test fails on an uncaught error in the browser."""
    context = browser.new_context(**({"viewport": {"width": 900, "height": 800}} | options))
    page = context.new_page()
    page.set_default_timeout(SLOW)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.locator("#map .map-over .name").first.wait_for(state="attached")
    yield page
    context.close()
    assert not errors


@pytest.fixture
def page(browser, map_url: str):
    with opened(browser, map_url) as page:
        yield page


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def place(page, side: str) -> str:
    """Where a star is drawn once it stands still."""
    star, before = page.locator(f"#map .map-over .star.{side}"), ""
    star.wait_for()
    while (now := star.get_attribute("transform")) != before:
        before = now
        page.wait_for_timeout(300)
    return now


def names(page) -> set[str]:
    page.wait_for_timeout(300)
    return set(page.locator("#map .map-over .name").all_text_contents())


def ranges(page) -> list[float]:
    return page.evaluate(
        "() => { const { xaxis, yaxis } = document.querySelector('#map .map-plot')._fullLayout;"
        " return [...xaxis.range, ...yaxis.range] }"
    )


def boxes(page, selector: str) -> list[list[float]]:
    """[left, top, right, bottom] of everything that `selector` finds."""
    return page.locator(selector).evaluate_all(
        "nodes => nodes.map(node => node.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"
    )


def apart(a: list[float], b: list[float]) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


# Stars


def test_two_stars_the_way_between_and_their_matches(page) -> None:
    press(page, "both")
    place(page, "raw")
    expect(page.locator("#map .map-over .star")).to_have_count(2)
    expect(page.locator("#map .map-over .way")).to_have_count(1)
    expect(page.locator("#map .map-over .ring.match")).to_have_count(10)
    legend = page.locator("#map .map-legend")
    expect(legend).to_contain_text("WhisperCLIP")
    raw = legend.get_by_role("button", name=f"raw {SAID['off']}")
    expect(raw).to_be_visible()
    expect(legend.get_by_role("button", name="projected", exact=True)).to_be_visible()
    said = page.locator("#map .map-live")
    expect(said).to_have_text("WhisperCLIP, raw: off the map: no clip is near this token. WhisperCLIP, projected.")
    drawn = page.locator("#map .map-over .star polygon")
    fills = drawn.evaluate_all("all => all.map(one => getComputedStyle(one).fill)")
    assert len(set(fills)) == 2  # hollow and full


def test_ties_stand_out_for_the_star_that_is_pointed_at(page) -> None:
    press(page, "both")
    place(page, "projected")
    lit = page.locator("#map .map-over .tie.lit")
    expect(lit).to_have_count(0)
    page.locator("#map .map-side.projected").focus()
    expect(lit).to_have_count(5)
    expect(page.locator("#map .map-over .tie.raw.lit")).to_have_count(0)
    page.locator("#map .map-side.raw").hover()
    expect(page.locator("#map .map-over .tie.raw.lit")).to_have_count(5)


def test_zoom_is_kept_while_the_stars_move(page) -> None:
    press(page, "both")
    before = place(page, "projected")
    press(page, WORDS["in"])
    page.wait_for_timeout(500)
    zoomed = ranges(page)
    press(page, "other encoder")
    page.wait_for_timeout(500)
    assert place(page, "projected") != before
    assert ranges(page) == zoomed


def test_stars_jump_when_motion_is_not_wanted(browser, map_url: str) -> None:
    with opened(browser, map_url, reduced_motion="reduce") as page:
        press(page, "both")
        page.locator("#map .map-over .star.raw").wait_for()
        places = page.evaluate(
            "() => new Promise(done => { const seen = new Set();"
            " const star = document.querySelector('#map .map-over .star.projected');"
            " new MutationObserver(() => seen.add(star.getAttribute('transform')))"
            "   .observe(star, { attributes: true, attributeFilter: ['transform'] });"
            " document.querySelectorAll('button').forEach(b => b.textContent.trim() === 'other encoder' && b.click());"
            " setTimeout(() => done(seen.size), 4000) })"
        )
        assert places == 1


def test_the_trail_keeps_earlier_settings_until_it_is_cleared_or_the_sound_is_new(page) -> None:
    trail = page.locator("#map .map-over .mark")
    press(page, "both")
    place(page, "raw")
    expect(trail).to_have_count(0)
    press(page, "other encoder")
    expect(trail).to_have_count(2)
    press(page, "one")
    expect(trail).to_have_count(4)
    place(page, "projected")
    trail.first.hover(force=True)
    expect(page.locator("#map .map-tip")).to_have_text("WhisperCLIP, raw")
    press(page, "both")
    expect(trail).to_have_count(3)  # what is shown again leaves the trail
    clear = page.get_by_role("button", name="Clear the trail of earlier settings: ")
    expect(clear).to_have_text("3 earlier ×")
    clear.click()
    expect(trail).to_have_count(0)
    expect(clear).to_be_hidden()
    press(page, "one")
    expect(trail).to_have_count(2)
    press(page, "new sound")
    expect(trail).to_have_count(0)


# Names


def test_names_do_not_overlap_and_never_lie_on_a_star(page) -> None:
    press(page, "both")
    place(page, "raw")
    shown = boxes(page, "#map .map-over .name")
    assert 10 <= len(shown) <= 60
    assert all(apart(a, b) for i, a in enumerate(shown) for b in shown[:i])
    stars = boxes(page, "#map .map-over .star polygon")
    assert all(apart(name, star) for name in shown for star in stars)


def test_the_same_view_has_the_same_names_and_a_nearer_one_more_of_them(page) -> None:
    whole = names(page)
    assert "dog" in whole  # one of the few categories with two clips
    for _ in range(3):
        press(page, WORDS["in"])
    assert names(page) - whole
    press(page, WORDS["all"])
    assert names(page) == whole


# Filter and words


def test_a_category_is_left_bright_and_the_rest_dimmed(page) -> None:
    field = page.get_by_label(WORDS["filter"], exact=True)
    opacity = "() => document.querySelector('#map .map-plot').data[0].marker.opacity"
    before = names(page)
    field.fill("dog")
    expect(page.locator("#map .map-said")).to_have_text(f"2 of {CLIPS} clips, in: dog.")
    assert sorted(set(page.evaluate(opacity))) == [0.07, 0.8]
    assert page.evaluate(opacity).count(0.8) == 2
    assert names(page) == {"dog"}
    page.get_by_text(WORDS["list"]).click()
    expect(page.locator("#map .map-list li:visible")).to_have_count(1)
    field.fill("bel")
    expect(page.locator("#map .map-said")).to_contain_text("bell, church bell.")
    field.fill("no such thing")
    expect(page.locator("#map .map-said")).to_have_text(SAID["no_category"])
    field.fill("dog")
    field.press("Escape")
    expect(field).to_have_value("")
    expect(page.locator("#map .map-said")).to_be_hidden()
    assert page.evaluate(opacity) == 0.8
    assert names(page) == before


def test_typed_words_find_clips(page) -> None:
    field = page.get_by_label(WORDS["words"], exact=True)
    field.fill("a barking puppy")
    field.press("Enter")
    found = page.locator("#map .map-found")
    expect(found.get_by_role("button", name="dog", exact=True).first).to_be_visible(timeout=SLOW)
    expect(found).to_contain_text("AudioCLIP (compact retrain)")
    expect(page.locator("#map .map-over .ring.found")).to_have_count(5)
    expect(page.locator("#map .map-over .words")).to_have_text("a barking puppy")
    found.get_by_role("button", name="dog", exact=True).first.focus()
    expect(page.locator("#map .map-over .ring.hover")).to_have_count(1)
    found.get_by_role("button", name=WORDS["clear_words"]).click()
    expect(found).to_be_hidden()
    expect(page.locator("#map .map-over .ring.found")).to_have_count(0)
    field.fill("?!")
    field.press("Enter")
    expect(page.locator("#map .map-said")).to_contain_text("There is no word in this.", timeout=SLOW)


def test_words_are_only_text(page) -> None:
    field = page.get_by_label(WORDS["words"], exact=True)
    field.fill("<img src=x onerror=window.hacked=1> dog")
    field.press("Enter")
    expect(page.locator("#map .map-found")).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked === undefined")


# Export


def test_the_map_is_saved_as_svg_and_png(browser, map_url: str, tmp_path) -> None:
    hosts: set[str] = set()
    with opened(browser, map_url, color_scheme="dark") as page:
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        press(page, "both")
        place(page, "raw")
        for kind in ("svg", "png"):
            with page.expect_download() as download:
                press(page, WORDS[kind])
            assert download.value.suggested_filename == f"soundclip-map.{kind}"
            download.value.save_as(tmp_path / kind)
    assert hosts - {""} <= {urlsplit(map_url).netloc}
    space = "{http://www.w3.org/2000/svg}"
    drawn = ElementTree.parse(tmp_path / "svg").getroot()
    words = [node.text for node in drawn.iter(f"{space}text")]
    assert {"Gallery in compact CLIP space", "WhisperCLIP", "raw (off the map)", "projected"} <= set(words)
    assert sum(node.get("class") == "name" for node in drawn.iter(f"{space}text")) >= 10
    assert sum("tie" in node.get("class", "") for node in drawn.iter(f"{space}line")) == 10
    assert sum(node.get("fill", "").startswith("hsl") for node in drawn.iter(f"{space}circle")) == CLIPS
    picture = Image.open(tmp_path / "png").convert("RGB")
    assert picture.size == (2 * int(drawn.get("width")), 2 * int(drawn.get("height")))
    assert picture.getpixel((2, 2)) == (255, 255, 255)  # light, though the page is dark
    assert len(picture.getcolors(2**20)) > 50


# Without a pointer, and with a finger


def test_the_map_by_keyboard(page) -> None:
    box, before = page.get_by_role("group", name=WORDS["keys"]), ranges(page)
    box.focus()
    box.press("+")
    page.wait_for_timeout(500)
    near = ranges(page)
    assert near[1] - near[0] < before[1] - before[0]
    box.press("ArrowRight")
    page.wait_for_timeout(500)
    assert ranges(page)[0] > near[0]
    box.press("0")
    page.wait_for_timeout(500)
    assert ranges(page) == pytest.approx(before)


def test_the_list_holds_every_clip_and_opens_it(page) -> None:
    assert page.locator("#map .map-list li").count() == 0  # built when it is wanted
    page.get_by_text(WORDS["list"]).click()
    buttons = page.locator("#map .map-list li button")
    expect(buttons).to_have_count(CLIPS)
    buttons.first.focus()
    expect(page.locator("#map .map-over .ring.hover")).to_have_count(1)
    buttons.first.press("Enter")
    player = page.get_by_role("dialog", name=WORDS["player"])
    expect(player).to_be_visible()
    expect(player.get_by_role("button", name=texts.CARD_ABOUT)).to_be_visible()
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()


def test_a_finger_moves_the_map_only_when_there_is_more_than_is_seen(browser, map_url: str) -> None:
    drag = "() => document.querySelector('#map .map-plot')._fullLayout.dragmode"
    with opened(browser, map_url, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}) as page:
        assert page.evaluate(drag) is False
        press(page, WORDS["in"])
        page.wait_for_timeout(500)
        assert page.evaluate(drag) == "pan"
        press(page, WORDS["all"])
        page.wait_for_timeout(500)
        assert page.evaluate(drag) is False
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


# Many clips


def test_many_clips_are_told_of_when_asked(browser, many_url: str) -> None:
    with opened(browser, many_url) as page:
        assert page.evaluate("document.querySelector('#map .map-plot').data[0].type") == "scattergl"
        assert page.evaluate("document.querySelectorAll('#map *').length") < 1000  # no element for each clip
        page.get_by_text(WORDS["list"]).click()
        category = page.locator("#map .map-list details").first
        expect(category).to_contain_text("thing 0 (")
        assert page.locator("#map .map-list li button").count() == 0
        category.locator("summary").click()
        expect(category.locator("button").first).to_have_text("Thing 0 sounds.")
        assert 3 < page.locator("#map .map-list li button").count() < 40
        category.locator("button").first.click()
        player = page.get_by_role("dialog", name=WORDS["player"])
        expect(player).to_contain_text("Thing 0 sounds.")
        expect(player.get_by_role("button", name=texts.CARD_ABOUT)).to_be_visible()
        page.get_by_label(WORDS["filter"], exact=True).fill("thing 7")
        expect(page.locator("#map .map-said")).to_contain_text(f"of {MANY} clips, in: thing 7.")


def test_the_density_of_many_clips_is_saved_too(browser, tiled_url: str, tmp_path) -> None:
    with opened(browser, tiled_url, color_scheme="dark") as page:
        page.locator("#map .heatmaplayer image").first.wait_for(state="attached")
        with page.expect_download() as download:
            press(page, WORDS["png"])
        download.value.save_as(tmp_path / "map.png")
    colours = Image.open(tmp_path / "map.png").convert("RGB").getcolors(2**24)
    grey = sum(count for count, (r, g, b) in colours if 150 < r < 250 and max(r, g, b) - min(r, g, b) < 6)
    assert grey > 0.03 * sum(count for count, _ in colours)  # shades on the white ground; points have hues


def test_too_many_clips_come_in_tiles(browser, tiled_url: str) -> None:
    points = "document.querySelector('#map .map-plot').data[0]"
    with opened(browser, tiled_url) as page:
        expect(page.get_by_text(texts.MAP_MANY["hint"])).to_be_visible()
        assert page.evaluate("document.querySelector('#map .map-plot').data[1].type") == "heatmap"
        first = page.evaluate(f"{points}.x.length")
        assert first < TOO_MANY / 5
        for _ in range(4):
            press(page, WORDS["in"])
        page.wait_for_function(f"{points}.x.length > {first}")
        page.wait_for_timeout(1000)  # other tiles of the view
        near = page.evaluate(f"{points}.x.length")
        press(page, WORDS["all"])
        hidden = f"{points}.marker.opacity.filter((one) => one === 0).length"
        page.wait_for_function(f"{hidden} === {near - first}")
        press(page, "both")  # its clips are told of wherever they lie
        expect(page.locator("#map .map-over .tie")).to_have_count(10)
        page.get_by_label(WORDS["filter"], exact=True).fill("thing 7")
        expect(page.locator("#map .map-said")).to_contain_text(f"of {TOO_MANY} clips, in: thing 7.")
