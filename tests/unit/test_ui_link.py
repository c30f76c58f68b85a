"""The address of what is seen."""

import pytest

pytest.importorskip("gradio")
from soundclip_demo.ui.link import Link, read, state

ENCODERS = ("clap", "whisper", "whisperclip")
known = {"dog", "cat-01"}.__contains__
LLAVAS = ("frozen", "tuned")


@pytest.mark.parametrize(
    "link",
    [Link(), Link("whisper", 0.35, 8, "dog"), Link("clap", 0.0), Link(sound="cat-01", k=49), Link(llava="frozen")],
)
def test_an_address_comes_back(link: Link) -> None:
    assert read(link.query, ENCODERS, known, 49, LLAVAS) == (link, [])
    assert read("?" + link.query, ENCODERS, known, 49, LLAVAS) == (link, [])


def test_an_address_is_short_and_names_no_visitor() -> None:
    assert Link("whisper", 0.5, 0, "").query == "encoder=whisper&t=0.5"


@pytest.mark.parametrize(
    ("query", "unknown"),
    [
        ("encoder=yamnet", ["encoder"]),
        ("encoder=<script>", ["encoder"]),
        ("t=1.5", ["t"]),
        ("t=nan", ["t"]),
        ("t=inf", ["t"]),
        ("t=loud", ["t"]),
        ("k=50", ["k"]),
        ("k=-1", ["k"]),
        ("k=2.5", ["k"]),
        ("k=٣", []),  # a digit all the same
        ("sound=../../etc/passwd", ["sound"]),
        ("sound=mouse&t=9", ["t", "sound"]),
        ("llava=thawed", ["llava"]),
        ("other=1&talk=1", []),
        ("", []),
        ("&&==%%%", []),
    ],
)
def test_what_is_not_here_falls_back(query: str, unknown: list[str]) -> None:
    link, said = read(query, ENCODERS, known, 49, LLAVAS)
    assert said == unknown
    usual = {"encoder": "whisperclip", "t": 1.0, "sound": ""}
    assert {"encoder": link.encoder, "t": link.share, "sound": link.sound} == usual


def test_without_the_default_encoder_another_is_taken() -> None:
    assert read("encoder=yamnet", ("clap",), known, 49, LLAVAS)[0].encoder == "clap"


def test_endless_addresses_are_cut() -> None:
    link, _ = read("sound=dog&" + "x" * 10_000 + "&encoder=clap", ENCODERS, known, 49, LLAVAS)
    assert link.encoder == "whisperclip"


def test_a_visitors_own_sound_is_not_in_the_link_and_that_is_said() -> None:
    own = state(Link("whisper"), "Whisper", "my voice.wav")
    assert "voice" not in own["query"]
    assert own["note"]
    assert not state(Link("whisper", sound="dog"), "Whisper", "A dog barks")["note"]
    assert not state(Link("whisper"), "Whisper", "")["note"]
