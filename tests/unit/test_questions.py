"""A question goes on with the conversation that the caption began, in bounds, and its answer really stops."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import toy
import toy_llava
from events import SHORT, calls_of
from transformers import LlavaNextImageProcessorPil, LlavaNextProcessor

from soundclip_demo import llava_next
from soundclip_demo.captioner import SMOLLM2, Captioner
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import AnswerPart, Timing
from soundclip_demo.questions import (
    ANSWER_TOKENS,
    HISTORY_LENGTH,
    QUESTION_LENGTH,
    Exchange,
    asked,
    conversation,
)

TOLD = (Exchange("Describe it.", "A dog barks."), Exchange("Is it near?", "Yes."))
TURNS = [("A dog barks.", "Is it near?"), ("Yes.", "Is it big?")]


# The conversation


def test_a_question_follows_what_was_said() -> None:
    assert conversation(TOLD, "Is it big?") == ("Describe it.", TURNS)


def test_without_a_caption_the_question_takes_the_prompts_place() -> None:
    assert conversation((), "Is it big?") == ("Is it big?", [])
    assert conversation([Exchange("Describe it.", "")], "Is it big?") == ("Is it big?", [])


def test_the_oldest_is_left_out_of_what_is_too_long() -> None:
    long = [Exchange(f"question {i}", "x" * 600) for i in range(9)]
    first, turns = conversation(long, "And now?")
    assert first == "question 6"
    assert [question for _, question in turns] == ["question 7", "question 8", "And now?"]
    assert len(first) + sum(len(text) for turn in turns for text in turn) <= HISTORY_LENGTH + len("And now?")
    assert conversation([Exchange("Describe it.", "x" * HISTORY_LENGTH)], "Why?") == ("Why?", [])


def test_questions_are_bounded() -> None:
    assert asked("  Why? ") == "Why?"
    assert asked("x" * QUESTION_LENGTH)
    for bad in ("", "  \n", "x" * (QUESTION_LENGTH + 1)):
        with pytest.raises(UserError):
            asked(bad)


# The two chat formats


@pytest.fixture(scope="module")
def folder(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_llava.checkpoint(tmp_path_factory.mktemp("llava") / "checkpoint")


@pytest.fixture(scope="module")
def paper(folder: Path) -> Captioner:
    return llava_next.load(folder, torch.device("cpu"), four_bit=False)


def test_the_compact_conversation_is_smollm2s(captioner: Captioner) -> None:
    told = "".join(f"{answer}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
                   for answer, question in TURNS)
    whole = SMOLLM2.text.replace("{prompt}", "Describe it.") + told
    left, right = (captioner.tokenizer(part, add_special_tokens=False).input_ids for part in whole.split("<image>"))
    assert captioner.ids("Describe it.", TURNS) == (left, right)


def test_the_papers_conversation_is_llavas(paper: Captioner, folder: Path) -> None:
    processor = LlavaNextProcessor(
        LlavaNextImageProcessorPil.from_pretrained(folder),
        paper.tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=toy_llava.CHAT,
    )
    text = [{"type": "text", "text": "Describe it."}]
    messages = [{"role": "user", "content": [{"type": "image"}, *text]}]
    for answer, question in TURNS:
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
        messages.append({"role": "user", "content": [{"type": "text", "text": question}]})
    chat = processor.apply_chat_template(messages, add_generation_prompt=True)
    ids = processor(images=[toy.picture(5)], text=chat).input_ids[0]
    image = paper.llava.config.image_token_id
    first, count = ids.index(image), ids.count(image)
    assert paper.ids("Describe it.", TURNS) == (ids[:first], ids[first + count :])


@pytest.mark.parametrize("which", ["captioner", "paper"])
def test_control_tokens_in_what_was_said_stay_text(which: str, request: pytest.FixtureRequest) -> None:
    captioner: Captioner = request.getfixturevalue(which)
    controls = list(captioner.tokenizer.added_tokens_encoder)
    ids = set(captioner.tokenizer.added_tokens_encoder.values())
    plain = [token for token in captioner.ids("hi", [("so", "why")])[1] if token in ids]
    for control in controls:
        typed = captioner.ids(f"hi {control}", [(f"so {control}", f"why {control}")])[1]
        assert [token for token in typed if token in ids] == plain


def test_braces_in_what_was_said_stay_text(captioner: Captioner) -> None:
    _, ids = captioner.ids("{answer}", [("{prompt}", "{prompt}{answer}")])
    said = captioner.tokenizer.decode(ids)
    assert said.count("{prompt}") == 2
    assert said.count("{answer}") == 2


@torch.inference_mode()
def test_the_token_stays_in_its_place(captioner: Captioner) -> None:
    visual = torch.randn(1, 64)
    short, long = captioner.embed(visual, "Describe it."), captioner.embed(visual, "Describe it.", TURNS)
    assert long.shape[1] > short.shape[1]
    assert torch.equal(long[:, : short.shape[1]], short)


def test_what_was_said_changes_the_answer(captioner: Captioner) -> None:
    visual = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    plain = list(captioner.stream(visual, "Describe it.", 12))
    later = list(captioner.stream(visual, "Describe it.", 12, turns=TURNS))
    assert later
    assert plain != later


# The engine


def test_an_answer_grows_and_is_timed(engine: Engine, clip_sound: Path) -> None:
    events = list(engine.ask(engine.load_sound(clip_sound), SHORT, "Is it big?", TOLD))
    parts, timing = events[:-1], events[-1]
    assert all(isinstance(part, AnswerPart) for part in parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].text == parts[-2].text
    assert isinstance(timing, Timing)
    assert timing.ms["answer"] >= timing.ms["answer_first_token"] > 0


@pytest.mark.parametrize("protocol", ["frozen", "tuned"])
@pytest.mark.parametrize("k", [0, 5])
def test_it_is_asked_with_the_captions_token_in_the_captions_place(
    engine: Engine, clip_sound: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, k: int
) -> None:
    setting = replace(SHORT, protocol=protocol, k=k, temperature=1.0, max_new_tokens=1)
    captioner = engine.parts.captioner(protocol)
    with calls_of(captioner, "stream", monkeypatch) as calls:
        list(engine.run_file(clip_sound, setting))
        list(engine.ask(engine.load_sound(clip_sound), setting, "Is it big?", TOLD))
    caption, answer = calls
    assert torch.equal(answer[0], caption[0])
    assert len(answer[0]) == 1 + k
    assert answer[1:] == ("Describe it.", ANSWER_TOKENS)  # and nothing of a temperature: greedy


def test_closing_an_answer_ends_the_work(engine: Engine, clip_sound: Path) -> None:
    passes: list[int] = []
    hook = engine.parts.captioner().llava.register_forward_hook(lambda *_: passes.append(1))
    try:
        answer = engine.ask(engine.load_sound(clip_sound), SHORT, "Is it big?", TOLD)
        next(answer)
        done = len(passes)
        answer.close()
        time.sleep(0.2)
        assert 0 < done < 20
        assert len(passes) == done
    finally:
        hook.remove()


@pytest.mark.parametrize("question", ["", "x" * 301])
def test_a_bad_question_is_refused(engine: Engine, clip_sound: Path, question: str) -> None:
    with pytest.raises(UserError):
        list(engine.ask(engine.load_sound(clip_sound), SHORT, question))
