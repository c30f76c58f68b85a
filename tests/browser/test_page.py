"""The page as a visitor uses it. Only visible things and accessible names are looked at."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from soundclip_demo.config import Config
from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 60_000  # ms; the first run may wait for a model
QUICK = 10_000


def give(page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)
    expect(page.locator("#wave .wave-name")).to_have_text(path.name, timeout=SLOW)


def clips(page) -> list[str]:
    cards = page.locator("#matches .card[data-clip]")
    expect(cards).to_have_count(5, timeout=SLOW)
    return [card.get_attribute("data-clip") for card in cards.all()]


def other_clips(page, than: list[str]) -> list[str]:
    """Waits until the matches are not `than` any more."""
    page.wait_for_function(
        "old => { const cards = [...document.querySelectorAll('#matches .card[data-clip]')];"
        " const now = cards.map(card => card.dataset.clip);"
        " return now.length === 5 && now.join() !== old.join() }",
        arg=than,
        timeout=SLOW,
    )
    return clips(page)


def caption(page):
    return page.locator("#caption .caption-text")


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
    expect(page.locator("#map .map-over .star")).to_have_count(1)
    expect(page.locator("#map .map-over .ring.match")).to_have_count(5)
    expect(page.locator("#matches")).to_contain_text("chance (")
    expect(page.locator("#matches .times")).to_contain_text("encode")
    expect(again(page)).to_be_visible(timeout=SLOW)
    expect(caption(page)).to_have_attribute("aria-busy", "false")
    expect(page.locator("#caption")).to_contain_text(texts.SEEN_SOUND)
    assert page.evaluate("[...document.querySelectorAll('#matches video')].every(v => v.muted && v.loop)")


def test_a_real_sound_under_every_setting(page) -> None:
    """Five playing videos, a caption and the star; then another mode, then another encoder, and all of it changes."""

    def star() -> str:
        page.wait_for_timeout(1500)  # its move
        return page.locator("#map .map-over .star").get_attribute("transform")

    def words() -> str:
        expect(again(page)).to_be_visible(timeout=SLOW)
        expect(caption(page)).not_to_be_empty()
        return caption(page).inner_text()

    give(page, Config().examples / "dog.ogg")
    projected = clips(page)
    assert projected[0].startswith("dog-")
    page.wait_for_function(
        "[...document.querySelectorAll('#matches video')].filter(v => !v.paused && v.currentTime > 0).length === 5",
        timeout=SLOW,
    )
    assert "dog" in words().lower()
    place = star()
    page.get_by_label("raw", exact=True).check()
    raw = other_clips(page, projected)
    assert words()
    assert star() != place
    page.get_by_label("Whisper", exact=True).check()
    other_clips(page, raw)
    assert words()


def test_a_video_is_heard(page) -> None:
    give(page, min((Config().gallery / "videos").glob("*.mp4")))
    clips(page)


def test_stop_ends_the_caption(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    expect(stop(page)).to_be_visible(timeout=SLOW)
    expect(caption(page).locator(".quiet")).to_have_count(0, timeout=SLOW)  # no notice any more but first words
    stop(page).click()
    expect(again(page)).to_be_visible(timeout=QUICK)
    expect(caption(page)).to_contain_text(texts.CAPTION_STOPPED, timeout=QUICK)
    text = caption(page).inner_text()
    page.wait_for_timeout(1500)
    assert caption(page).inner_text() == text
    again(page).click()
    expect(stop(page)).to_be_visible(timeout=QUICK)


def test_a_new_mode_does_not_wait_for_the_old_caption(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    before = clips(page)
    expect(stop(page)).to_be_visible(timeout=SLOW)
    page.get_by_label("raw", exact=True).check()
    after = other_clips(page, before)
    page.get_by_label("projected", exact=True).check()
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
    for mode in ("raw", "projected", "raw", "projected", "raw"):
        page.get_by_label(mode, exact=True).check()
    raw = other_clips(page, projected)
    page.wait_for_timeout(2500)
    assert clips(page) == raw
    expect(page.get_by_label("raw", exact=True)).to_be_checked()


def test_blend_shows_a_slider(page) -> None:
    slider = page.locator("#blend input[type=range]")
    expect(slider).to_have_count(0)
    page.get_by_label("blend", exact=True).check()
    expect(slider).to_be_visible(timeout=QUICK)


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
    page.get_by_label("raw", exact=True).check()  # the earlier sound is still the chosen one
    other_clips(page, before)
    expect(alert).to_have_count(0)


def test_file_names_are_only_text(page, tmp_path: Path, beeps: Path) -> None:
    bad = tmp_path / "<img src=x onerror=window.hacked=1>.wav"
    bad.write_bytes(beeps.read_bytes())
    page.locator("#upload input[type=file]").set_input_files(bad)
    clips(page)
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked === undefined")


def test_microphone(page) -> None:
    page.get_by_role("tab", name=texts.MICROPHONE_TAB).click()
    page.locator("#microphone").get_by_role("button", name="Record").first.click()
    page.wait_for_timeout(2500)
    page.locator("#microphone").get_by_role("button", name="Stop").first.click()
    expect(page.locator("#wave .wave-name")).to_have_text("Recording", timeout=SLOW)
    clips(page)


def test_cards_and_map_point_at_each_other(page, beeps: Path) -> None:
    give(page, beeps)
    first = clips(page)[0]
    page.locator("#matches .card").first.hover()
    expect(page.locator("#map .ring.hover")).to_have_count(1)
    page.locator("#map .map-list summary").click()
    page.locator("#map .map-list button").first.click()
    player = page.get_by_role("dialog", name="Clip")
    expect(player).to_be_visible()
    assert page.evaluate("!document.querySelector('.map-player video').muted")
    page.keyboard.press("Escape")
    expect(player).to_be_hidden()
    x, y = page.evaluate(  # in one go: the overlay is redrawn whenever something is pointed at
        "() => { const box = document.querySelector('#map .ring.match').getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2] }"
    )
    page.mouse.move(x, y, steps=3)
    expect(page.locator("#map .map-tip")).to_be_visible()
    expect(page.locator("#matches .card.lit")).to_have_count(1)
    page.mouse.click(x, y)
    expect(player).to_be_visible()
    assert first in clips(page)


def test_one_clip_is_heard_at_a_time(page, beeps: Path) -> None:
    give(page, beeps)
    clips(page)
    buttons = page.locator("#matches .hear")
    heard = "[...document.querySelectorAll('#matches video')].map(v => !v.muted)"
    buttons.nth(0).click()
    assert page.evaluate(heard) == [True, False, False, False, False]
    buttons.nth(2).click()
    assert page.evaluate(heard) == [False, False, True, False, False]
    expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_has_no_sideways_scroll(browser, url: str, beeps: Path, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page.goto(url)
    give(page, beeps)
    clips(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
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
