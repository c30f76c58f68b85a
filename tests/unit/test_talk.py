"""The running order of a talk, and captions written before it."""

from dataclasses import replace
from pathlib import Path

import pytest
from events import SHORT, calls_of, of

from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import CaptionPart, Matches, Timing
from soundclip_demo.rehearsal import Rehearsal
from soundclip_demo.talk import Named, read

ENCODERS = ("whisper", "whisperclip")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dog.ogg").touch()
    (tmp_path / "mine.wav").touch()
    return tmp_path


def order(folder: Path, text: str):
    (folder / "talk.toml").write_text(text, encoding="utf-8")
    return read(folder / "talk.toml", {"dog": Named(folder / "dog.ogg", "A dog barks")}.get, ENCODERS)


def test_a_running_order_is_read(folder: Path) -> None:
    talk = order(
        folder,
        """
        title = "Ears for eyes"
        [[step]]
        sound = "dog"
        [[step]]
        sound = "mine.wav"
        title = "What is this?"
        encoder = "whisper"
        share = 0.5
        notes = '''
        Wait for answers.
        '''
        [[step]]
        sound = "dog"
        mode = "raw"
        """,
    )
    assert talk.title == "Ears for eyes"
    first, second, third = talk.steps
    assert (first.sound, first.title, first.encoder, first.share, first.notes) == (
        "dog", "A dog barks", "whisperclip", 1.0, "",
    )  # fmt: skip
    assert (second.sound, second.path) == ("", (folder / "mine.wav").resolve())
    assert (second.title, second.encoder, second.share, second.notes) == (
        "What is this?", "whisper", 0.5, "Wait for answers.",
    )  # fmt: skip
    assert third.share == 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[step]]\nsound = "dog"\nencodr = "whisper"', "step 1: “encodr” is not known"),
        ('titel = "x"\n[[step]]\nsound = "dog"', "“titel” is not known"),
        ('[[step]]\nsound = "dog"\n[[step]]\ntitle = "x"', "step 2: there is no sound"),
        ('[[step]]\nsound = "cat"', "there is no sound “cat”"),
        ('[[step]]\nsound = "dog"\nencoder = "yamnet"', "there is no encoder “yamnet”"),
        ('[[step]]\nsound = "dog"\nshare = 1.5', "share must lie between"),
        ('[[step]]\nsound = "dog"\nshare = nan', "share must lie between"),
        ('[[step]]\nsound = "dog"\nshare = 0.5\nmode = "raw"', "say the same thing"),
        ('[[step]]\nsound = "dog"\nmode = "loud"', "there is no mode “loud”"),
        ('[[step]]\nsound = 3', "“sound” has a value of the wrong kind"),
        ('[[step]]\nsound = "dog"\nshare = true', "“share” has a value of the wrong kind"),
        ('title = "nothing else"', "needs 1 to"),
        ("[[step", "not valid TOML"),
        ('step = [1]', "a step is written under"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("[", r"\[")):
        order(folder, text)


def test_a_running_order_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        read(folder / "none.toml", {}.get, ENCODERS)


def test_a_rehearsed_caption_is_not_written_again(
    engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal = Rehearsal(engine)
    rehearsal.start([(clip_sound, SHORT)]).join()
    assert (rehearsal.done, rehearsal.wanted) == (1, 1)
    assert len(rehearsal.clips) == SHORT.top  # whose videos a browser may fetch now
    sound = engine.load_sound(clip_sound)
    with calls_of(type(engine), "_caption", monkeypatch) as written:
        events = list(rehearsal.run(sound, SHORT))
        assert not written
        same = list(rehearsal.run(sound, replace(SHORT, mode="blend", t=1.0, protocol=engine.protocols()[-1])))
        assert not written
        list(rehearsal.run(sound, replace(SHORT, prompt="Another question?")))
        list(rehearsal.run(sound, SHORT, 0.0))  # another window
        assert len(written) == 2
    caption = of(CaptionPart, events)
    assert caption.done and caption.rehearsed
    assert of(CaptionPart, same).text == caption.text
    assert "caption" in of(Timing, events).ms
    assert isinstance(events[-1], Timing)
    (fresh,) = [e for e in engine.run(sound, SHORT) if isinstance(e, CaptionPart) and e.done]
    assert fresh.text == caption.text
    assert not fresh.rehearsed
    assert of(Matches, events).hits


def test_a_broken_scene_leaves_the_others(engine: Engine, clip_sound: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    rehearsal = Rehearsal(engine)
    rehearsal.start([(broken, SHORT), (clip_sound, SHORT)]).join()
    assert rehearsal.done == 2
    assert of(CaptionPart, list(rehearsal.run(engine.load_sound(clip_sound), SHORT))).rehearsed
