"""What the model looks at: two heat maps on one frame, a slider that moves outlines and captions, one's own picture."""

import pytest
import toy

from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 120_000  # ms; the first run may wait for a model


@pytest.fixture
def looked(page, beeps):
    """The page after a sound, the panel open and both captions written."""
    page.locator("#upload input[type=file]").set_input_files(beeps)
    page.get_by_role("button", name=texts.LOOK).click()
    expect(frames(page)).to_have_count(2, timeout=SLOW)
    written(page)
    return page


def frames(page):
    return page.get_by_role("region", name=texts.LOOK).get_by_role("img")


def slider(page):
    return page.get_by_role("slider", name=texts.LOOK_K)


def outlines(page) -> list[str]:
    return [path.get_attribute("d") for path in page.locator("#look path.over").all()]


def written(page) -> None:
    for side in ("raw", "projected"):
        words = page.locator(f"#caption-{side} .caption-text")
        expect(words).to_have_attribute("data-offers", "again", timeout=SLOW)


def test_both_tokens_look_at_one_frame(looked) -> None:
    raw, projected = (frames(looked).nth(i) for i in (0, 1))
    assert raw.locator("img").get_attribute("src") == projected.locator("img").get_attribute("src")
    assert raw.locator("img").get_attribute("src").startswith("data:image/jpeg;base64,")
    for frame in (raw, projected):
        assert "cosine" in frame.get_attribute("aria-label")
    assert raw.get_attribute("aria-label") != projected.get_attribute("aria-label")
    assert outlines(looked) == ["", ""]
    expect(looked.locator("#told")).to_contain_text(texts.SEEN_SOUND)


def test_the_slider_moves_outlines_at_once_and_captions_after(looked) -> None:
    control = slider(looked)
    control.focus()
    looked.keyboard.press("ArrowRight")
    one = outlines(looked)
    assert all(path.count("M") == 4 for path in one)  # around one patch each
    expect(looked.locator("#told")).to_contain_text("and 1 patches", timeout=SLOW)
    written(looked)
    control.focus()
    looked.keyboard.press("End")
    every = outlines(looked)
    assert every[0] == every[1] != one[0]
    assert "all" in control.get_attribute("aria-valuetext") or "whole" in control.get_attribute("aria-valuetext")
    expect(looked.locator("#told")).to_contain_text("and 49 patches", timeout=SLOW)
    written(looked)
    expect(looked.get_by_role("radio", name=texts.SEES_MATCH)).to_be_checked()
    looked.get_by_role("button", name=texts.LOOK_WORDS["only"]).click()
    assert outlines(looked) == ["", ""]
    expect(looked.get_by_role("radio", name=texts.SEES_SOUND)).to_be_checked(timeout=SLOW)
    expect(looked.locator("#told")).to_contain_text(texts.SEEN_SOUND, timeout=SLOW)


def test_a_picture_of_ones_own(looked, tmp_path) -> None:
    toy.picture(5, (300, 200)).save(tmp_path / "own.png")
    before = frames(looked).first.locator("img").get_attribute("src")
    looked.get_by_role("radio", name=texts.SEES_PICTURE).check()
    looked.locator("#own-picture input[type=file]").set_input_files(tmp_path / "own.png")
    expect(looked.locator("#look .look-of")).to_have_text(texts.LOOK_AT["picture"], timeout=SLOW)
    assert frames(looked).first.locator("img").get_attribute("src") != before
    expect(looked.locator("#told")).to_contain_text(texts.SEEN_OWN_PICTURE, timeout=SLOW)
    assert all(outlines(looked))
