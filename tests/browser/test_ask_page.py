"""A question about the sound is answered word by word, can be stopped, and goes when another sound comes."""

from pathlib import Path

import pytest

from soundclip_demo.config import Config
from soundclip_demo.ui import texts

expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 120_000  # ms; the first run may wait for a model
RUDE = "<img src=x onerror=document.title='hurt'> What is it?"


def give(page, path: Path) -> None:
    page.locator("#upload input[type=file]").set_input_files(path)
    expect(page.locator("#wave .wave-name")).to_have_text(path.name, timeout=SLOW)


def ask(page, question: str) -> None:
    page.get_by_role("textbox", name=texts.QUESTION).fill(question)
    page.keyboard.press("Enter")


def answers(page):
    return page.get_by_role("log", name=texts.ASK_LOG)


def settled(page) -> None:
    expect(answers(page)).to_have_attribute("aria-busy", "false", timeout=SLOW)


def captioned(page) -> None:
    for side in ("raw", "projected"):
        words = page.locator(f"#caption-{side} .caption-text")
        expect(words).to_have_attribute("data-offers", "again", timeout=SLOW)


def test_without_a_sound_there_is_nothing_to_ask(page) -> None:
    ask(page, "What is it?")
    expect(answers(page)).to_contain_text(texts.ASK_NO_SOUND, timeout=SLOW)
    expect(page.get_by_role("textbox", name=texts.QUESTION)).to_have_value("What is it?")


def test_questions_are_answered_in_turn_and_go_with_the_sound(page, beeps: Path) -> None:
    give(page, beeps)
    captioned(page)
    ask(page, RUDE)
    expect(answers(page).get_by_role("listitem")).to_have_count(1, timeout=SLOW)
    settled(page)
    expect(answers(page)).to_contain_text(RUDE)  # as text
    assert page.title() != "hurt"
    assert answers(page).locator(".answer").inner_text().strip()
    expect(page.get_by_role("textbox", name=texts.QUESTION)).to_have_value("")
    page.get_by_role("radio", name=texts.ASK_SIDES["raw"]).check()
    ask(page, "Is it loud?")
    expect(answers(page).get_by_role("listitem")).to_have_count(2, timeout=SLOW)
    settled(page)
    expect(answers(page).locator(".of")).to_have_text(["WhisperCLIP, projected", "WhisperCLIP, raw"])
    give(page, Config().examples / "dog.ogg")
    expect(page.locator("#answers").get_by_role("listitem")).to_have_count(0, timeout=SLOW)


def test_stop_ends_an_answer(unhurried_page, beeps: Path) -> None:
    page = unhurried_page
    give(page, beeps)
    captioned(page)
    ask(page, "Describe the place where this could have been recorded, in many words.")
    answer = answers(page).locator(".answer")
    expect(answer).to_have_class("answer writing", timeout=SLOW)
    page.wait_for_function("document.querySelector('#answers .answer').innerText.trim().length > 0", timeout=SLOW)
    page.get_by_role("button", name=texts.ASK_STOP).click()
    expect(answer).to_contain_text(texts.ASK_STOPPED, timeout=SLOW)
    expect(page.get_by_role("button", name=texts.ASK, exact=True)).to_be_visible()
    page.wait_for_timeout(2000)  # a word that was under way may still be drawn
    text = answer.inner_text()
    page.wait_for_timeout(2000)
    assert answer.inner_text() == text
