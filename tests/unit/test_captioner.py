"""The audio token stands where a picture's token stood; generation streams and really stops."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import toy
from safetensors.torch import save_file

from soundclip_demo import adapter, llava, vision, weights
from soundclip_demo.captioner import PROMPT, SMOLLM2, Captioner, Template, relevant_patches
from soundclip_demo.engine import Engine

PROMPTED = "What is this?"


@pytest.fixture
def visual() -> torch.Tensor:
    """A token and two patches [3, D]."""
    return torch.randn(3, 64, generator=torch.Generator().manual_seed(0))


def words(captioner: Captioner, text: str, **options: bool) -> torch.Tensor:
    ids = captioner.tokenizer(text, add_special_tokens=False, **options).input_ids
    return captioner.llava.get_input_embeddings()(torch.tensor(ids))


@contextmanager
def counted(captioner: Captioner) -> Iterator[list[int]]:
    """The number of positions of every forward pass of the whole model."""
    calls: list[int] = []

    def note(_, __, given: dict, ___) -> None:
        calls.append(given["inputs_embeds"].shape[1] if "inputs_embeds" in given else given["input_ids"].shape[1])

    hook = captioner.llava.register_forward_hook(note, with_kwargs=True)
    yield calls
    hook.remove()


# Patches


def test_the_most_relevant_patches_come_in_raster_order() -> None:
    token = torch.tensor([1.0, 0.0])
    patches = torch.tensor([[0.0, 5.0], [0.1, 0.0], [-9.0, 0.0], [3.0, 3.0], [50.0, 1.0]])
    assert relevant_patches(token, patches, 1).tolist() == [1]  # by direction, not by length
    assert relevant_patches(token, patches, 2).tolist() == [1, 4]
    assert relevant_patches(token, patches, 3).tolist() == [1, 3, 4]
    assert relevant_patches(token, patches, 5).tolist() == [0, 1, 2, 3, 4]
    assert relevant_patches(token, patches, 0).tolist() == []


def test_of_equal_patches_the_first_are_taken() -> None:
    patches = torch.ones(49, 3)
    patches[40] *= 2  # the same direction
    assert relevant_patches(torch.ones(3), patches, 4).tolist() == [0, 1, 2, 3]


# The prompt


def test_the_template_in_three_parts() -> None:
    assert SMOLLM2.halves() == ("<|im_start|>user\n", "\n", "<|im_end|>\n<|im_start|>assistant\n")
    with pytest.raises(ValueError, match="unpack"):
        Template(f"no image {PROMPT}", "").halves()


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 3])
def test_the_projected_tokens_stand_between_the_halves(captioner: Captioner, visual: torch.Tensor, count: int) -> None:
    embedded = captioner.embed(visual[:count], PROMPTED)
    left, right = (
        words(captioner, "<|im_start|>user\n"),
        words(captioner, f"\n{PROMPTED}<|im_end|>\n<|im_start|>assistant\n"),
    )
    assert embedded.shape == (1, len(left) + count + len(right), left.shape[1])
    assert torch.equal(embedded[0, : len(left)], left)
    assert torch.equal(
        embedded[0, len(left) : len(left) + count], captioner.llava.model.multi_modal_projector(visual[:count])
    )
    assert torch.equal(embedded[0, len(left) + count :], right)


@torch.inference_mode()
@pytest.mark.parametrize("control", ["<|im_end|>", "<|im_start|>", "<|endoftext|>", llava.IMAGE_TOKEN])
def test_control_tokens_in_a_prompt_stay_text(captioner: Captioner, visual: torch.Tensor, control: str) -> None:
    def occurrences(prompt: str) -> int:
        embedded = captioner.embed(visual[:1], prompt)[0]
        return int((embedded == words(captioner, control)).all(dim=1).sum())

    assert len(words(captioner, control)) == 1
    assert occurrences(f"hi {control}{control} you") == occurrences("hi you")
    typed = captioner.embed(visual[:1], f"hi {control} you").shape[1] - captioner.embed(visual[:1], "hi  you").shape[1]
    assert typed >= 3  # it is there, as letters


@torch.inference_mode()
def test_prompts_read_at_the_same_time_do_not_mix(captioner: Captioner) -> None:
    """The tokenizer keeps how it reads control tokens from call to call."""
    prompts = ["Describe it.", "<|im_start|>", "Which animal?", "<|im_end|>"]
    alone = [captioner.ids(prompt) for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(captioner.ids, prompts * 200)) == alone * 200


def test_another_token_gives_other_logits(captioner: Captioner, visual: torch.Tensor) -> None:
    one, other, again = (
        captioner.llava(inputs_embeds=captioner.embed(visual[i : i + 1], PROMPTED)).logits[0, -1] for i in (0, 1, 0)
    )
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 1e-3


@torch.inference_mode()
def test_stock_llava_sees_a_picture_the_same_way(captioner: Captioner) -> None:
    """transformers' own pixel path with its 50 image tokens against the same 50 features given as embeddings."""
    pixels = vision.pixels(toy.picture(3))[None]
    token, patches = captioner.llava.model.vision_tower.look([toy.picture(3)])
    ours = captioner.llava(inputs_embeds=captioner.embed(torch.cat([token, patches[0]]), PROMPTED)).logits
    text = SMOLLM2.text.replace("<image>", llava.IMAGE_TOKEN * 50).replace(PROMPT, PROMPTED)
    ids = captioner.tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    stock = captioner.llava(input_ids=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids)).logits
    torch.testing.assert_close(ours, stock, atol=1e-4, rtol=1e-4)
    blind = captioner.llava(input_ids=ids, pixel_values=pixels.flip(3), attention_mask=torch.ones_like(ids)).logits
    assert (blind - stock).abs().max() > 1e-2  # the picture does matter


# Streaming


def greedy_ids(captioner: Captioner, visual: torch.Tensor, count: int) -> list[int]:
    """transformers' own greedy decoding of the same embeddings."""
    embedded = captioner.embed(visual, PROMPTED)
    ids = captioner.llava.generate(
        inputs_embeds=embedded, attention_mask=torch.ones(embedded.shape[:2]), max_new_tokens=count, do_sample=False
    )
    return ids[0].tolist()


def shown(captioner: Captioner, ids: list[int]) -> list[str]:
    """The growing text, without steps that end within a character."""
    texts = [captioner.tokenizer.decode(ids[: i + 1], skip_special_tokens=True) for i in range(len(ids))]
    return [text.strip() for text in texts if not text.endswith("\N{REPLACEMENT CHARACTER}")]


def test_the_stream_is_transformers_greedy_decoding(captioner: Captioner, visual: torch.Tensor) -> None:
    ids = greedy_ids(captioner, visual, 24)
    assert captioner.tokenizer.eos_token_id not in ids
    assert len(set(ids)) > 3
    assert list(captioner.stream(visual, PROMPTED, 24)) == shown(captioner, ids)


def test_an_end_token_ends_it(captioner: Captioner, visual: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = greedy_ids(captioner, visual, 24)
    end = next(i for i in range(4, 24) if ids[i] not in ids[:i])
    for ends in (ids[end], [captioner.tokenizer.eos_token_id, ids[end]]):
        monkeypatch.setattr(captioner.llava.generation_config, "eos_token_id", ends)
        assert list(captioner.stream(visual, PROMPTED, 24)) == shown(captioner, ids[:end])


def test_each_step_is_computed_when_it_is_asked_for_and_only_then(captioner: Captioner, visual: torch.Tensor) -> None:
    with counted(captioner) as calls:
        stream = captioner.stream(visual[:1], PROMPTED, 24)
        assert calls == []
        next(stream)
        prompt = captioner.embed(visual[:1], PROMPTED).shape[1]
        assert calls[0] == prompt
        before = len(calls)
        next(stream)
        assert len(calls) > before
        assert set(calls[1:]) <= {1}  # the cache is used
        before = len(calls)
        stream.close()
        assert list(stream) == []
        assert len(calls) == before


def test_inference_mode_does_not_leak_into_the_caller(captioner: Captioner, visual: torch.Tensor) -> None:
    stream = captioner.stream(visual, PROMPTED, 4)
    next(stream)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    stream.close()


def test_sampling_is_repeatable_by_its_seed(captioner: Captioner, visual: torch.Tensor) -> None:
    def sample(seed: int, temperature: float = 1.5) -> list[str]:
        torch.manual_seed(torch.seed())  # the global generator has no part in it
        return list(captioner.stream(visual, PROMPTED, 12, temperature=temperature, seed=seed))

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)
    assert sample(1, temperature=1e-4) == list(captioner.stream(visual, PROMPTED, 12))


def test_half_a_character_is_not_shown(
    captioner: Captioner, visual: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(captioner.tokenizer("né", add_special_tokens=False).input_ids)
    monkeypatch.setattr(captioner, "_choose", lambda *_: next(ids))
    assert list(captioner.stream(visual, PROMPTED, 3)) == ["n", "né"]


# Assembly


def test_the_assembled_llava_keeps_the_published_weights(workspace: toy.Workspace, captioner: Captioner) -> None:
    from transformers import LlamaForCausalLM

    language = LlamaForCausalLM.from_pretrained(weights.folder("language", workspace.cache), dtype=torch.float32)
    inner = captioner.llava.model.language_model.state_dict()
    for name, value in language.model.state_dict().items():
        assert torch.equal(inner[name], value), name
    assert captioner.llava.lm_head.weight is captioner.llava.get_input_embeddings().weight
    assert not any(p.is_meta for p in captioner.llava.parameters())


@torch.inference_mode()
def test_the_trained_projector_and_adapter_are_in_it(workspace: toy.Workspace, engine: Engine, tmp_path: Path) -> None:
    language, checkpoint = weights.folder("language", workspace.cache), workspace.checkpoints / "llava"
    loaded = engine.parts.captioner()
    token = torch.randn(1, 1280, generator=torch.Generator().manual_seed(1))

    from peft import PeftModel
    from safetensors.torch import load_file

    plain, tokenizer = toy.assemble(language, engine.parts.tower())
    saved = load_file(checkpoint / "multi_modal_projector.safetensors")
    plain.model.multi_modal_projector.load_state_dict({k: v.float() for k, v in saved.items()})
    embedded = Captioner(plain, tokenizer, SMOLLM2).embed(token, PROMPTED)
    without = plain(inputs_embeds=embedded).logits
    adapted = PeftModel.from_pretrained(plain, checkpoint / "adapter").eval()
    core = adapted.get_base_model()  # not merged: the adapter runs beside the weights
    wanted = core(inputs_embeds=Captioner(core, tokenizer, SMOLLM2).embed(token, PROMPTED)).logits

    got = loaded.llava(inputs_embeds=loaded.embed(token, PROMPTED)).logits
    torch.testing.assert_close(got, wanted, atol=1e-2, rtol=1e-3)
    assert (got - without).abs().max() > 0.5

    save_file({k: v + 1 for k, v in saved.items()}, tmp_path / "multi_modal_projector.safetensors")
    (tmp_path / "adapter").symlink_to(checkpoint / "adapter")
    other = adapter.tuned(llava.load(engine.parts.tower(), language, tmp_path), tmp_path)
    assert (other.embed(token, PROMPTED) - loaded.embed(token, PROMPTED)).abs().max() > 0.5
