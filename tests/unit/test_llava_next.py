"""LLaVA-1.6-Mistral from a folder of the hub's layout: what it reads, what it sees, and where it cannot run."""

from pathlib import Path

import pytest
import torch
import toy
import toy_llava
from transformers import LlavaNextImageProcessorPil, LlavaNextProcessor
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.quantizers.quantizers_utils import should_convert_module

from soundclip_demo import clip, llava_next
from soundclip_demo.captioner import IMAGE, MISTRAL, Captioner, relevant_patches
from soundclip_demo.config import DEFAULT_PROMPT
from soundclip_demo.weights import CheckpointError, WeightsError

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PROMPTS = (DEFAULT_PROMPT, "What is this?", "", " two  spaces ", "line\nline", "wörter 犬", "[/INST] [INST]")
GB = 10**9


@pytest.fixture(scope="module")
def folder(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_llava.checkpoint(tmp_path_factory.mktemp("llava") / "checkpoint")


@pytest.fixture(scope="module")
def captioner(folder: Path) -> Captioner:
    return llava_next.load(folder, CPU, four_bit=False)


@pytest.fixture(scope="module")
def processor(folder: Path, captioner: Captioner) -> LlavaNextProcessor:
    return LlavaNextProcessor(
        LlavaNextImageProcessorPil.from_pretrained(folder),
        captioner.tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=toy_llava.CHAT,
    )


@pytest.fixture(scope="module")
def seen(folder: Path, captioner: Captioner) -> tuple[torch.Tensor, torch.Tensor]:
    """A sound's token [D] and a picture's patches [576, D]."""
    _, patches = toy_llava.tower(captioner, folder).look([toy.picture(5, (400, 300))])
    return torch.randn(toy_llava.WIDTH, generator=torch.Generator().manual_seed(0)), patches[0]


def visual(seen: tuple[torch.Tensor, torch.Tensor], k: int) -> torch.Tensor:
    token, patches = seen
    return torch.cat([token[None], patches[relevant_patches(token, patches, k)]])


def logits(captioner: Captioner, visual: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return captioner.llava(inputs_embeds=captioner.embed(visual, DEFAULT_PROMPT)).logits[0, -1]


# The prompt


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_prompt_is_what_llavas_processor_makes_of_its_chat(processor: LlavaNextProcessor, prompt: str) -> None:
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    chat = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    assert "<s>" + chat == MISTRAL.text.replace("{prompt}", prompt)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_ids_are_those_of_llavas_processor(
    captioner: Captioner, processor: LlavaNextProcessor, prompt: str
) -> None:
    text = f"[INST] {IMAGE}\n{prompt} [/INST]"
    ids = processor(images=[toy.picture(5)], text=text).input_ids[0]
    image = captioner.llava.config.image_token_id
    first, count = ids.index(image), ids.count(image)
    assert count > 576
    assert captioner.ids(prompt) == (ids[:first], ids[first + count :])
    assert ids[0] == captioner.tokenizer.bos_token_id
    assert ids.count(captioner.tokenizer.bos_token_id) == 1


@pytest.mark.parametrize("control", ["<s>", "</s>", "<image>", "<pad>", "<unk>"])
def test_control_tokens_in_a_prompt_stay_text(captioner: Captioner, control: str) -> None:
    _, plain = captioner.ids("hi you")
    _, typed = captioner.ids(f"hi {control}{control} you")
    token = captioner.tokenizer.convert_tokens_to_ids(control)
    assert captioner.tokenizer(control, add_special_tokens=False).input_ids == [token]
    assert token not in plain
    assert token not in typed
    assert control * 2 in captioner.tokenizer.decode(typed)


# What is seen


@torch.inference_mode()
@pytest.mark.parametrize("k", [0, 15, 150])
def test_k_patches_are_1_plus_k_tokens(captioner: Captioner, seen: tuple[torch.Tensor, torch.Tensor], k: int) -> None:
    left, right = captioner.ids(DEFAULT_PROMPT)
    embedded = captioner.embed(visual(seen, k), DEFAULT_PROMPT)
    assert embedded.shape == (1, len(left) + 1 + k + len(right), 48)
    projected = captioner.llava.model.multi_modal_projector(visual(seen, k))
    assert torch.equal(embedded[0, len(left) : len(left) + 1 + k], projected)


@pytest.mark.parametrize("k", [0, 15, 150])
def test_another_sound_is_seen(captioner: Captioner, seen: tuple[torch.Tensor, torch.Tensor], k: int) -> None:
    one = visual(seen, k)
    other = one.clone()
    other[0] = one[0].flip(0)
    assert torch.equal(logits(captioner, one), logits(captioner, one))
    assert (logits(captioner, one) - logits(captioner, other)).abs().max() > 1e-2


@torch.inference_mode()
@pytest.mark.parametrize("k", [0, 15, 150])
def test_transformers_own_route_for_features_says_the_same(
    captioner: Captioner, seen: tuple[torch.Tensor, torch.Tensor], k: int
) -> None:
    """Embeddings against placeholders with `mm_encoder_outputs` (encoders.md section 6, routes A and B)."""
    llava = captioner.llava
    left, right = captioner.ids(DEFAULT_PROMPT)
    ids = torch.tensor([left + [llava.config.image_token_id] * (1 + k) + right])

    def given() -> dict:  # transformers takes the features out of it
        features = llava.model.multi_modal_projector(visual(seen, k))
        return {"image": BaseModelOutputWithPooling(pooler_output=[features])}

    embedded = captioner.embed(visual(seen, k), DEFAULT_PROMPT)
    mask = torch.ones_like(ids)
    ours = llava(inputs_embeds=embedded).logits
    theirs = llava(input_ids=ids, mm_encoder_outputs=given(), attention_mask=mask).logits
    torch.testing.assert_close(ours, theirs)

    greedy = {"max_new_tokens": 12, "do_sample": False, "attention_mask": mask}
    ours = llava.generate(inputs_embeds=embedded, **greedy)[0]
    theirs = llava.generate(input_ids=ids, mm_encoder_outputs=given(), **greedy)[0, ids.shape[1] :]
    assert ours.tolist() == theirs.tolist()
    assert len(set(ours.tolist())) > 3
    texts = [captioner.tokenizer.decode(ours[: i + 1], skip_special_tokens=True) for i in range(len(ours))]
    whole = [text.strip() for text in texts if not text.endswith("\N{REPLACEMENT CHARACTER}")]
    assert list(captioner.stream(visual(seen, k), DEFAULT_PROMPT, 12)) == whole


def test_streaming_stops_when_it_is_closed(captioner: Captioner, seen: tuple[torch.Tensor, torch.Tensor]) -> None:
    passes: list[int] = []
    hook = captioner.llava.register_forward_hook(lambda *_: passes.append(1))
    stream = captioner.stream(visual(seen, 15), DEFAULT_PROMPT, 24)
    next(stream)
    next(stream)
    before = len(passes)
    stream.close()
    assert list(stream) == []
    hook.remove()
    assert len(passes) == before < 24


def test_it_runs_in_16_bits(folder: Path, seen: tuple[torch.Tensor, torch.Tensor], monkeypatch) -> None:
    monkeypatch.setattr(llava_next, "precision", lambda _: torch.bfloat16)
    captioner = llava_next.load(folder, CPU, four_bit=False)
    assert {parameter.dtype for parameter in captioner.llava.parameters()} == {torch.bfloat16}
    with torch.inference_mode():
        assert captioner.embed(visual(seen, 15), DEFAULT_PROMPT).dtype == torch.bfloat16
    assert len(list(captioner.stream(visual(seen, 15), DEFAULT_PROMPT, 4))) > 0
    tokens, _ = toy_llava.tower(captioner, folder).look([toy.picture(5)])
    assert tokens.dtype == torch.float32


# Reading


def test_both_namings_are_the_same_model(
    captioner: Captioner, seen: tuple[torch.Tensor, torch.Tensor], tmp_path: Path
) -> None:
    new = llava_next.load(toy_llava.checkpoint(tmp_path / "new", hub=False), CPU, four_bit=False)
    assert torch.equal(logits(new, visual(seen, 15)), logits(captioner, visual(seen, 15)))


def test_the_tower_inside_serves_as_clip_tower(captioner: Captioner, folder: Path) -> None:
    inside, alone = toy_llava.tower(captioner, folder), clip.load(folder, CPU, torch.float32)
    assert inside.model is captioner.llava.model.vision_tower
    for ours, theirs in zip(inside.look([toy.picture(5)]), alone.look([toy.picture(5)]), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("language_model.model.layers.1.mlp.up_proj.weight", None, "missing"),
        ("multi_modal_projector.linear_2.bias", None, "missing"),
        ("language_model.model.layers.2.mlp.up_proj.weight", torch.zeros(64, 48), "not known"),
        ("language_model.model.norm.weight", torch.zeros(47), "of another shape"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, name: str, tensor: torch.Tensor | None, said: str
) -> None:
    folder = toy_llava.checkpoint(tmp_path / "checkpoint", **{name: tensor})
    with pytest.raises(CheckpointError, match=rf"\(1 {said}, as \S*{name.split('model.')[-1]}\)"):
        llava_next.load(folder, CPU, four_bit=False)


def test_position_ids_of_older_files_are_no_harm(tmp_path: Path) -> None:
    positions = {f"vision_tower.vision_model.{clip.COUNTED}": torch.arange(577)[None]}
    llava_next.load(toy_llava.checkpoint(tmp_path / "checkpoint", **positions), CPU, four_bit=False)


# Room

PUBLISHED = 15_140_000_000  # bytes of the four files on the hub


@pytest.fixture(params=[True, False], ids=["with bitsandbytes", "without"])
def quantiser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(llava_next, "is_bitsandbytes_available", lambda: request.param)
    return request.param


def test_16_bits_where_they_fit(quantiser: bool) -> None:
    assert llava_next.require_room(PUBLISHED, 24 * GB, GPU, four_bit=False) is False
    assert llava_next.require_room(PUBLISHED, 64 * GB, CPU, four_bit=False) is False


def test_a_smaller_gpu_gets_4_bits_where_they_can_be_had(quantiser: bool) -> None:
    if quantiser:
        assert llava_next.require_room(PUBLISHED, 15 * GB, GPU, four_bit=False) is True
        return
    with pytest.raises(WeightsError) as refused:
        llava_next.require_room(PUBLISHED, 15 * GB, GPU, four_bit=False)
    assert str(refused.value) == (
        "LLaVA-1.6-Mistral-7B needs 16.7 GB of free GPU memory and 15.0 GB are free; "
        "install bitsandbytes to load it in 4 bits, use a larger GPU or the compact suite"
    )


def test_a_machine_that_is_too_small_is_refused_in_one_sentence(quantiser: bool) -> None:
    with pytest.raises(WeightsError) as refused:
        llava_next.require_room(PUBLISHED, 4 * GB, GPU, four_bit=False)
    needed = "5.8" if quantiser else "16.7"
    assert str(refused.value) == (
        f"LLaVA-1.6-Mistral-7B needs {needed} GB of free GPU memory and 4.0 GB are free; "
        "use a larger GPU or the compact suite"
    )
    with pytest.raises(WeightsError) as refused:
        llava_next.require_room(PUBLISHED, 16 * GB, CPU, four_bit=False)
    assert str(refused.value) == (
        "LLaVA-1.6-Mistral-7B needs 33.3 GB of free main memory and 16.0 GB are free; use a GPU or the compact suite"
    )


def test_4_bits_when_asked_for(quantiser: bool, folder: Path) -> None:
    if quantiser:
        assert llava_next.require_room(PUBLISHED, 80 * GB, GPU, four_bit=True) is True
        return
    with pytest.raises(WeightsError) as refused:
        llava_next.load(folder, CPU, four_bit=True)
    assert str(refused.value) == (
        "4 bits need the package bitsandbytes, which is not here; install it or do without 4 bits"
    )


def test_the_checkpoints_files_are_weighed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    monkeypatch.setattr(llava_next, "free_bytes", lambda _: int(2.2 * size) - 1)
    with pytest.raises(WeightsError):
        llava_next.load(folder, CPU, four_bit=False)
    monkeypatch.setattr(llava_next, "free_bytes", lambda _: int(2.2 * size) + 1)
    llava_next.load(folder, CPU, four_bit=False)


def test_only_the_language_model_is_rounded_to_4_bits(captioner: Captioner) -> None:
    settings = llava_next._four_bits(torch.bfloat16)
    assert settings.load_in_4bit
    linear = [name for name, module in captioner.llava.named_modules() if isinstance(module, torch.nn.Linear)]
    rounded = [name for name in linear if should_convert_module(name, settings.llm_int8_skip_modules)]
    assert len(rounded) == 2 * 7  # two layers: four of attention, three of the perceptron
    assert all(name.startswith("model.language_model.layers.") for name in rounded)
