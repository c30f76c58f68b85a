"""The published annotators' classes, tiny and with random weights, saved to disk with their processors."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
import toy
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioEncoderConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Qwen2Config,
    WhisperFeatureExtractor,
)

from training import annotators, annotators_paper
from training.own_clips import Clip
from training.scoring import TRIES, Question

SIDE, PATCH, FRAMES = 56, 14, 8  # two by two tokens a frame after pooling
CHAT = "{% for turn in messages %}[INST] {{ turn.content }}[/INST]{% endfor %}"
pytestmark = pytest.mark.usefixtures("one_thread")


def words(*control: str) -> PreTrainedTokenizerFast:
    made = toy.tokenizer()
    made.add_tokens(list(control), special_tokens=True)
    return made


def text(made: PreTrainedTokenizerFast) -> dict[str, Any]:
    """Settings of a small language model."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return sizes | heads | {"vocab_size": len(made), "eos_token_id": made.eos_token_id, "initializer_range": 0.3}


def save(model: PreTrainedModel, folder: Path) -> None:
    """Weights lively enough that what is seen or heard changes what is said."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(len(name)))
    model.save_pretrained(folder)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CAPTION_TOKENS", "REPLY_TOKENS"):
        monkeypatch.setattr(annotators_paper, name, 12)
    monkeypatch.setattr(annotators_paper, "device", lambda: torch.device("cpu"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """What the models are given."""
    seen: list[dict[str, torch.Tensor]] = []
    generate = annotators_paper._generate
    monkeypatch.setattr(annotators_paper, "_generate", lambda m, i, n: seen.append(i) or generate(m, i, n))
    return seen


def video_folder(folder: Path) -> Path:
    made = words("<video>", "<image>")
    eye = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = LlavaNextVideoConfig(
        vision_config=CLIPVisionConfig(**eye, image_size=SIDE, patch_size=PATCH),
        text_config=LlamaConfig(**text(made)),
        video_token_index=made.convert_tokens_to_ids("<video>"),
        image_token_index=made.convert_tokens_to_ids("<image>"),
    )
    made.save_pretrained(folder)
    shape = {"height": SIDE, "width": SIDE}
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=shape).save_pretrained(folder)
    save(LlavaNextVideoForConditionalGeneration(config), folder)
    return folder


def test_a_video_is_captioned(tmp_path: Path, asked: list[dict[str, torch.Tensor]]) -> None:
    captioner = annotators_paper.LlavaVideo(video_folder(tmp_path))
    said = [captioner([toy.picture(seed + i) for i in range(FRAMES)]) for seed in (0, 100)]
    assert said[0] != said[1]
    assert said[0] == captioner([toy.picture(i) for i in range(FRAMES)])
    video = captioner._model.config.video_token_index
    assert [int((given["input_ids"] == video).sum()) for given in asked] == [FRAMES * 4] * 3
    assert asked[0]["pixel_values_videos"].shape == (1, FRAMES, 3, SIDE, SIDE)
    ids = asked[0]["input_ids"][0].tolist()
    prompt = captioner._tokenizer.decode(ids)
    assert prompt == annotators_paper.VICUNA.format(video="<video>" * FRAMES * 4, prompt=annotators_paper.SEE)


def sound_folder(folder: Path) -> Path:
    made = words("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    ear = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "num_mel_bins": 16}
    config = Qwen2AudioConfig(
        audio_config=Qwen2AudioEncoderConfig(**ear),
        text_config=Qwen2Config(**text(made)),
        audio_token_index=made.convert_tokens_to_ids("<|AUDIO|>"),
    )
    Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=16), made).save_pretrained(folder)
    save(Qwen2AudioForConditionalGeneration(config), folder)
    return folder


def test_a_sound_is_described(tmp_path: Path, asked: list[dict[str, torch.Tensor]]) -> None:
    describer = annotators_paper.QwenAudio(sound_folder(tmp_path))
    said = [describer(window, 48_000) for window in (toy.noise(3.0, 48_000), toy.tone(440, 3.0, 48_000))]
    assert said[0] != said[1]
    audio = describer._model.config.audio_token_index
    assert int((asked[0]["input_ids"] == audio).sum()) == 75  # 3 s, a position every 40 ms
    assert annotators_paper.HEAR in describer._processor.tokenizer.decode(asked[0]["input_ids"][0])


def language_folder(folder: Path) -> Path:
    made = words("[INST]", "[/INST]")
    made.chat_template = CHAT
    made.save_pretrained(folder)
    save(MistralForCausalLM(MistralConfig(**text(made), sliding_window=None)), folder)
    return folder


def test_a_question_is_answered(tmp_path: Path, asked: list[dict[str, torch.Tensor]]) -> None:
    scorer = annotators_paper.Mistral(language_folder(tmp_path))
    first, again = Question("A dog.", "A bark."), Question("A dog.", "A bark.", "it is empty")
    assert scorer(first) != scorer(again)  # each attempt is greedy, but not the same
    prompt = scorer._tokenizer.decode(asked[0]["input_ids"][0])
    assert prompt == f"[INST] {first.text}[/INST]"


def test_the_scorer_reads_the_two_texts_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    questions: list[Question] = []
    names = {part: f"{name}@abc" for part, name in annotators_paper.REPOSITORIES.items()}
    monkeypatch.setattr(annotators_paper, "_fetch", lambda name: tmp_path)
    monkeypatch.setattr(annotators_paper, "Mistral", lambda folder: lambda asked: questions.append(asked) or "no")
    made = annotators.of("paper", names)
    found = made.scorer()("A dog.", "A bark.", Clip("a", tmp_path / "there is no clip here.mp4", "a", "test"))
    assert (made.kind, found.attempts, found.alignment) == ("paper", TRIES, None)
    assert {(question.seen, question.heard) for question in questions} == {("A dog.", "A bark.")}


def test_pickles_are_not_read(tmp_path: Path) -> None:
    folder = language_folder(tmp_path)
    model = MistralForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"safetensors"):
        annotators_paper.Mistral(folder)


def test_models_are_named_with_the_commit_and_fetched_at_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fetched: list[tuple[str, dict[str, Any]]] = []

    def fetch(name: str, **options: Any) -> str:
        fetched.append((name, options))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, name: SimpleNamespace(sha=f"sha-of-{name}"))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    opened: list[Path] = []
    monkeypatch.setattr(annotators_paper, "Mistral", opened.append)
    made = annotators.of("paper")
    assert made.names == {part: f"{name}@sha-of-{name}" for part, name in annotators_paper.REPOSITORIES.items()}
    assert not fetched  # until its stage comes
    earlier = made.names | {"scorer": "mistralai/Mistral-7B-Instruct-v0.3@abc"}
    assert annotators.of("paper", earlier).scorer()
    assert opened == [tmp_path]
    assert fetched[0][0] == "mistralai/Mistral-7B-Instruct-v0.3"
    assert fetched[0][1]["revision"] == "abc"
    assert not any(pattern.endswith((".bin", "*")) for pattern in fetched[0][1]["allow_patterns"])


def test_offline_the_commit_is_that_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: "/cache/snapshots/abc")
    assert annotators.of("paper").names["sound"] == "Qwen/Qwen2-Audio-7B-Instruct@abc"
    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(OSError, match=r"LLaVA-NeXT-Video-7B-hf can neither be reached nor is it in the cache"):
        annotators.of("paper")
