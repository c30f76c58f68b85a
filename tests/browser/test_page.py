"""The page as a visitor uses it. Only visible things and accessible names are looked at."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from soundclip_demo.config import Config
from soundclip_demo.ui import texts
from soundclip_demo.ui.turns import SIDES

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 60_000  # ms; the first run may wait for a model
QUICK = 10_000


def give(page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)
    expect(page.locator("#wave .wave-name")).to_have_text(path.name, timeout=SLOW)


def clips(page, side: str = "projected") -> list[str]:
    cards = page.locator(f"#{side} .card[data-clip]")
    expect(cards).to_have_count(5, timeout=SLOW)
    return [card.get_attribute("data-clip") for card in cards.all()]


def other_clips(page, than: list[str], side: str = "projected") -> list[str]:
    """Waits until the matches are not `than` any more."""
    page.wait_for_function(
        "([side, old]) => { const cards = [...document.querySelectorAll(`#${side} .card[data-clip]`)];"
        " const now = cards.map(card => card.dataset.clip);"
        " return now.length === 5 && now.join() !== old.join() }",
        arg=[side, than],
        timeout=SLOW,
    )
    return clips(page, side)


def slide(page, share: float) -> None:
    """Moves the slider from raw to projected."""
    page.locator("#share input[type=range]").fill(str(share))


def caption(page, side: str = "projected"):
    return page.locator(f"#caption-{side} .caption-text")


def stop(page):
    return page.get_by_role("button", name=texts.STOP, exact=True)


def again(page):
    return page.get_by_role("button", name=texts.AGAIN)


def test_nothing_leaves_the_server(browser, url: str) -> None:
    page = browser.new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(url)
    page.locator("#map .plot-container").first.wait_for()
    page.wait_for_timeout(1000)
    page.close()
    assert hosts - {""} == {urlsplit(url).netloc}


def test_upload_gives_matches_map_and_caption(page, beeps: Path) -> None:
    give(page, beeps)
    assert len(set(clips(page))) == 5
    expect(page.locator("#wave .wave-text")).to_have_text("Heard 4.0–7.0 s of 8.0 s, the loudest part.")
    for side in SIDES:
        expect(page.locator(f"#map .map-over .star.{side}")).to_have_count(1)
        expect(page.locator(f"#map .map-over .ring.match.{side}")).to_have_count(5)
    expect(page.locator("#map .map-over .way")).to_have_count(1)
    assert clips(page, "raw") != clips(page)
    expect(page.locator("#status [role=status]")).to_contain_text("both columns")
    for side in SIDES:
        expect(page.locator(f"#{side} .verdict")).to_contain_text("chance")
        expect(page.locator(f"#{side} .says .times")).to_contain_text("search")
    expect(again(page)).to_be_visible(timeout=SLOW)
    for side in SIDES:
        expect(caption(page, side)).to_have_attribute("aria-busy", "false")
        expect(caption(page, side)).to_have_attribute("aria-live", "polite")
        expect(caption(page, side)).to_have_text(re.compile(r"\w+"))
    expect(page.locator("#told")).to_contain_text(texts.SEEN_SOUND)
    expect(page.locator(".caption mark")).to_have_count(0)  # nobody knows what the visitor's own sound is of
    assert page.evaluate("[...document.querySelectorAll('.cards video')].every(v => v.muted && v.loop)")


def test_a_real_sound_under_every_setting(page) -> None:
    """Playing videos, captions and the star; the slider changes the right column, another encoder all of it."""

    def star() -> str:
        page.wait_for_timeout(1500)  # its move
        return page.locator("#map .map-over .star").last.get_attribute("transform")

    def between() -> str:
        return page.locator("#columns").evaluate("columns => getComputedStyle(columns, '::before').content")

    def words() -> str:
        expect(again(page)).to_be_visible(timeout=SLOW)
        expect(caption(page)).not_to_be_empty()
        return caption(page).inner_text()

    give(page, Config().examples / "dog.ogg")
    projected, raw = clips(page), clips(page, "raw")
    assert projected[0].startswith("dog-")
    page.wait_for_function(
        "[...document.querySelectorAll('.cards video')].filter(v => !v.paused && v.currentTime > 0).length === 10",
        timeout=SLOW,
    )
    assert "dog" in words().lower()
    place = star()
    slide(page, 0)
    assert other_clips(page, projected) == raw
    expect(page.get_by_role("heading", name="Blend t = 0.00")).to_be_visible()
    assert words()
    assert star() != place
    assert between() == '"WhisperCLIP"'
    page.get_by_label("Whisper", exact=True).check()
    assert other_clips(page, raw, "raw") == other_clips(page, raw)
    assert between() == '"Whisper"'
    assert words()


def test_an_example_tells_what_truly_sounds(page) -> None:
    page.get_by_role("button", name="dog", exact=True).click()
    assert clips(page)[0].startswith("dog-")
    expect(page.locator("#projected .right")).to_have_text("first dog clip at rank 1 of 132")
    expect(page.locator("#raw .right")).to_have_text(re.compile(r"^first dog clip at rank \d+ of 132$"))
    expect(again(page)).to_be_visible(timeout=SLOW)
    marks = page.locator("#caption-projected mark")
    assert "dog" in [mark.lower() for mark in marks.all_inner_texts()]
    expect(page.locator("#caption-projected")).to_contain_text(texts.NAMES[True])
    expect(page.locator("#told")).to_contain_text("what truly sounds (dog)")


def test_a_clips_own_sound_can_be_asked_for(page) -> None:
    page.get_by_role("button", name="dog", exact=True).click()
    before = clips(page)
    page.get_by_role("button", name=re.compile(f"^{texts.CARD_ABOUT}: dog")).first.click()
    page.get_by_role("button", name=texts.CARD_QUERY).click()
    expect(page.locator("#wave .wave-name")).to_have_text(texts.clip_sound("dog"), timeout=SLOW)
    other_clips(page, before)
    for side in SIDES:
        expect(page.locator(f"#{side} .right")).to_have_text(re.compile(r"^right clip at rank \d+ of 132$"))
    expect(again(page)).to_be_visible(timeout=SLOW)
    expect(page.locator("#told")).to_contain_text("what truly sounds (dog)")


def test_the_slider_leaves_the_raw_column_alone(unhurried_page) -> None:
    page = unhurried_page
    page.get_by_role("button", name="dog", exact=True).click()
    projected, raw = clips(page), clips(page, "raw")
    expect(caption(page, "raw").locator(".quiet")).to_have_count(0, timeout=SLOW)  # its first words are there
    page.evaluate("document.querySelector('#raw video').dataset.kept = 'yes'")
    range_input = page.locator("#share input[type=range]")
    range_input.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert other_clips(page, projected) == raw
    assert clips(page, "raw") == raw
    expect(page.locator("#raw video[data-kept=yes]")).to_have_count(1)
    expect(range_input).to_be_focused()
    expect(caption(page, "raw")).not_to_contain_text(texts.CAPTION_STOPPED)
    expect(caption(page, "raw")).to_have_attribute("aria-busy", "false", timeout=SLOW)
    expect(caption(page)).to_have_attribute("aria-busy", "false", timeout=SLOW)
    assert caption(page).inner_text() == caption(page, "raw").inner_text()  # the same token at t = 0


def test_matches_captions_map_and_trade_off_are_in_one_view(page) -> None:
    plot = "#measured [data-plot=measured] svg"
    expect(page.locator(f"{plot} .point[data-share='1']")).to_have_count(6)
    seen = ("#raw", "#projected", "#caption-raw", "#caption-projected", "#map", plot)
    places = [page.locator(part).bounding_box() for part in seen]
    assert all(place["y"] + place["height"] <= 900 for place in places)
    tops = [page.locator(part).bounding_box()["y"] for part in ("#raw", "#projected", "#map")]
    assert tops == [tops[0]] * 3


def test_two_clicks_show_the_trade_off(page) -> None:
    """An example, then the raw end of its encoder's line: the right column loses what projecting had found."""
    right = page.locator("#projected .right")
    page.get_by_role("button", name="dog", exact=True).click()
    expect(right).to_contain_text("rank 1 of", timeout=SLOW)
    expect(page.locator("#caption-projected .names")).to_have_text(texts.NAMES[True], timeout=SLOW)
    expect(page.locator("#measured .headline")).to_be_in_viewport()
    expect(page.locator("#measured .headline")).to_contain_text("projecting finds more")
    page.locator("#measured [data-plot=measured] .point[data-encoder=whisperclip][data-share='0']").click()
    expect(page.get_by_role("heading", name="Blend t = 0.00")).to_be_in_viewport(timeout=SLOW)
    expect(right).to_have_text(page.locator("#raw .right").inner_text(), timeout=SLOW)
    expect(page.locator("#caption-projected .names")).to_have_text(texts.NAMES[False], timeout=SLOW)


def test_a_video_is_heard(page) -> None:
    give(page, min((Config().gallery / "videos").glob("*.mp4")))
    clips(page)


def test_stop_ends_the_caption(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    expect(stop(page)).to_be_visible(timeout=SLOW)
    expect(caption(page, "raw").locator(".quiet")).to_have_count(0, timeout=SLOW)  # no notice any more but first words
    stop(page).click()
    expect(again(page)).to_be_visible(timeout=QUICK)
    for side in SIDES:
        expect(caption(page, side)).to_contain_text(texts.CAPTION_STOPPED, timeout=QUICK)
    written = [caption(page, side).inner_text() for side in SIDES]
    assert written[0] != written[1] == texts.CAPTION_STOPPED  # the second had not begun
    page.wait_for_timeout(1500)
    assert [caption(page, side).inner_text() for side in SIDES] == written
    again(page).click()
    expect(stop(page)).to_be_visible(timeout=QUICK)


def test_a_new_mode_does_not_wait_for_the_old_caption(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    before = clips(page)
    expect(stop(page)).to_be_visible(timeout=SLOW)
    slide(page, 0)
    after = other_clips(page, before)
    slide(page, 1)
    assert other_clips(page, after) == before
    expect(stop(page)).to_be_visible(timeout=QUICK)  # a caption of the new setting is being written
    expect(again(page)).to_be_visible(timeout=SLOW)
    expect(caption(page)).not_to_contain_text(texts.CAPTION_STOPPED)


def test_an_encoder_that_is_loaded_only_now_says_so(unhurried_page, beeps: Path) -> None:
    page, loading = unhurried_page, unhurried_page.locator("#loading")
    give(page, beeps)
    before = clips(page)
    expect(loading).to_be_empty(timeout=SLOW)  # the others are there
    page.get_by_label("CLAP (compact retrain)", exact=True).check()
    expect(loading).to_contain_text("CLAP (compact retrain) is loading.", timeout=QUICK)
    assert clips(page) == before  # what was found stays until there is something new
    other_clips(page, before)
    expect(loading).to_be_empty(timeout=QUICK)


def test_rapid_changes_end_at_the_last(page, beeps: Path) -> None:
    give(page, beeps)
    projected = clips(page)
    for share in (0, 1, 0.4, 0.8, 0):
        slide(page, share)
    at_last = clips(page, "raw")
    seen = projected
    while seen != at_last:  # a share on the way may show for a moment, but each thing shown is new
        seen = other_clips(page, seen)
    page.wait_for_timeout(2500)
    assert clips(page) == at_last
    expect(page.get_by_role("heading", name="Blend t = 0.00")).to_be_visible()


def test_window_moves_by_keyboard_and_pointer(page, beeps: Path) -> None:
    give(page, beeps)
    clips(page)
    slide = page.get_by_label(texts.WINDOW)
    slide.focus()
    slide.press("Home")
    expect(page.locator("#wave .wave-text")).to_have_text(
        "Heard 0.0–3.0 s of 8.0 s, the part you chose.", timeout=QUICK
    )
    box = page.locator("#wave .wave-box").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator("#wave .wave-text")).to_contain_text("Heard 2.4–5.4 s", timeout=QUICK)


def test_a_silent_part_is_said_and_results_stay(page, half_silent: Path) -> None:
    give(page, half_silent)
    before = clips(page)
    slide = page.get_by_label(texts.WINDOW)
    slide.focus()
    slide.press("End")
    expect(page.get_by_role("alert").filter(has_text="silent")).to_be_visible(timeout=QUICK)
    assert clips(page) == before
    slide.press("Home")
    expect(page.locator("#problem .notice")).to_have_count(0, timeout=QUICK)


def test_a_file_that_is_no_sound_is_refused_kindly(page, tmp_path: Path, beeps: Path) -> None:
    give(page, beeps)
    before = clips(page)
    fake = tmp_path / "song.wav"
    fake.write_bytes(b"this is not a sound" * 100)
    page.locator("#upload input[type=file]").set_input_files(fake)
    alert = page.locator("#problem [role=alert]")
    expect(alert).to_be_visible(timeout=QUICK)
    assert "Traceback" not in alert.inner_text()
    expect(page.locator("#wave .wave-name")).to_have_text(beeps.name)
    slide(page, 0)  # the earlier sound is still the chosen one
    other_clips(page, before)
    expect(alert).to_have_count(0)


def test_microphone(page) -> None:
    page.get_by_role("tab", name=texts.MICROPHONE_TAB).click()
    page.locator("#microphone").get_by_role("button", name="Record").first.click()
    page.wait_for_timeout(2500)
    page.locator("#microphone").get_by_role("button", name="Stop").first.click()
    expect(page.locator("#wave .wave-name")).to_have_text("Recording", timeout=SLOW)
    clips(page)


@pytest.mark.parametrize("why", ["NotAllowedError", "NotFoundError", "AbortError", "insecure"])
def test_without_a_microphone_it_is_said_why(browser, url: str, why: str) -> None:
    page = browser.new_page()
    refusal = f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', '{why}'))"
    gone = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
    page.add_init_script(gone if why == "insecure" else refusal)
    page.goto(url)
    page.get_by_role("tab", name=texts.MICROPHONE_TAB).click()
    said = page.get_by_role("alert").filter(has_text="pload a file")
    if why != "insecure":
        page.locator("#microphone").get_by_role("button", name="Record").first.click()
    expect(said).to_have_text(texts.NO_MICROPHONE.get(why, texts.NO_MICROPHONE["other"]))
    page.close()


def test_cards_and_map_point_at_each_other(page, beeps: Path) -> None:
    give(page, beeps)
    first = clips(page)[0]
    page.locator("#projected .card").first.hover()
    expect(page.locator("#map .ring.hover")).to_have_count(1)
    page.locator("#map .map-list summary").click()
    page.locator("#map .map-list button").first.click()
    player = page.get_by_role("dialog", name="Clip")
    expect(player).to_be_visible()
    assert page.evaluate("!document.querySelector('.map-player video').muted")
    player.get_by_role("button", name=texts.CARD_ABOUT).click()
    card = page.locator("dialog.clip-card")
    expect(card.get_by_role("heading", level=2)).to_be_visible(timeout=SLOW)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()
    for at in range(5):  # dots may hide one another, and a star some of them
        x, y = page.evaluate(  # in one go: the overlay is redrawn whenever something is pointed at
            "(at) => { const ring = document.querySelectorAll('#map .ring.match.projected')[at];"
            " const box = ring.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] }",
            at,
        )
        page.mouse.move(x, y, steps=3)
        page.wait_for_timeout(500)
        if page.locator("#projected .card.lit").count():
            break
    expect(page.locator("#map .map-tip")).to_be_visible()
    expect(page.locator("#projected .card.lit")).to_have_count(1)
    page.mouse.click(x, y)
    expect(player).to_be_visible()
    assert first in clips(page)


def test_a_clips_own_sound_becomes_the_query(page, beeps: Path) -> None:
    give(page, beeps)
    clips(page)
    page.locator("#projected .more").first.click()
    page.get_by_role("button", name=texts.CARD_QUERY).click()
    expect(page.locator("dialog.clip-card")).to_be_hidden()
    name = texts.CLIP_SOUND.partition("{")[0]
    expect(page.locator("#wave .wave-name")).to_contain_text(name, timeout=SLOW)
    expect(page.locator("#projected .right")).not_to_be_empty(timeout=SLOW)  # which clip is right is known


def test_one_clip_is_heard_at_a_time(page, beeps: Path) -> None:
    give(page, beeps)
    clips(page)
    buttons = page.locator(".cards .hear")
    heard = "[...document.querySelectorAll('.cards video')].flatMap((v, i) => v.muted ? [] : [i])"
    for number in (0, 2, 7):  # the last is in the other column
        buttons.nth(number).click()
        assert page.evaluate(heard) == [number]
        expect(page.locator(".hear[aria-pressed=true]")).to_have_count(1)


def test_phone_has_no_sideways_scroll(browser, url: str, beeps: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(url)
    give(page, beeps)
    clips(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    left, right = (page.locator(f"#{side}").bounding_box() for side in SIDES)
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]  # side by side here, too
    page.close()


def test_two_visitors_do_not_mix(browser, url: str, beeps: Path, half_silent: Path) -> None:
    pages = [browser.new_page() for _ in range(2)]
    for page, sound in zip(pages, (beeps, half_silent), strict=True):
        page.goto(url)
        page.locator("#upload input[type=file]").set_input_files(sound)
    for page, sound in zip(pages, (beeps, half_silent), strict=True):
        expect(page.locator("#wave .wave-name")).to_have_text(sound.name, timeout=SLOW)
        clips(page)
        page.close()
