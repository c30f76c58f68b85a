"""The captioner's losses and its two stages of training."""

import pytest
import torch
import toy

from soundclip_demo import adapter, weights
from soundclip_demo import llava as compact_llava
from soundclip_demo.captioner import SMOLLM2, Captioner
from training import llava

PROMPT = "What is this?"
TEXTS = ["A dog makes a sound.", "A cat.", "A cow makes a sound, and a dog."]


def settings(**changes: float) -> llava.Config:
    return toy.settings_of(llava.Config, "llava", batch=3, match_rate=1e-2, rate=1e-2, **changes)


@pytest.fixture
def fresh(workspace: toy.Workspace) -> Captioner:
    """A toy captioner that a test may train."""
    return toy.captioner(weights.folder("language", workspace.cache))


def draw(size: int) -> llava.Batch:
    """A fixed token and caption for each of three kinds."""
    tokens = torch.randn(3, 1, 64, generator=torch.Generator().manual_seed(0))
    kinds = torch.arange(size) % 3
    return tokens[kinds], [TEXTS[kind] for kind in kinds]


@torch.inference_mode()
@pytest.mark.parametrize("text", TEXTS)
def test_the_loss_of_one_caption_is_the_stock_models(fresh: Captioner, text: str) -> None:
    visual = draw(1)[0]
    asked = fresh.embed(visual[0], PROMPT)
    ids = torch.tensor([[*fresh.tokenizer(text, add_special_tokens=False).input_ids, fresh.tokenizer.eos_token_id]])
    embedded = torch.cat([asked, fresh.llava.get_input_embeddings()(ids)], dim=1)
    labels = torch.cat([torch.full(asked.shape[:2], -100), ids], dim=1)
    stock = fresh.llava(inputs_embeds=embedded, labels=labels).loss
    assert float(llava.caption_loss(fresh, visual, PROMPT, [text])) == pytest.approx(float(stock), abs=1e-4)


@torch.inference_mode()
def test_padding_in_a_batch_does_not_count(fresh: Captioner) -> None:
    visual, texts = draw(3)
    alone = [float(llava.caption_loss(fresh, visual[i : i + 1], PROMPT, [texts[i]])) for i in range(3)]
    lengths = [len(fresh.tokenizer(text, add_special_tokens=False).input_ids) + 1 for text in texts]
    wanted = sum(loss * length for loss, length in zip(alone, lengths, strict=True)) / sum(lengths)
    assert float(llava.caption_loss(fresh, visual, PROMPT, texts)) == pytest.approx(wanted, abs=1e-4)


def loss_of(captioner: Captioner) -> float:
    with torch.inference_mode():
        return float(llava.caption_loss(captioner, *draw(3)[:1], PROMPT, draw(3)[1]))


def test_stage_one_changes_the_projector_alone(fresh: Captioner) -> None:
    before = {name: value.clone() for name, value in fresh.llava.state_dict().items()}
    began = loss_of(fresh)
    config = settings(picture_match=10, picture_steps=15)
    losses = llava.train_projector(fresh.llava, fresh.tokenizer, draw, draw, config)
    assert losses.keys() == {"words", "captions"}
    assert loss_of(fresh) < began - 0.2
    for name, value in fresh.llava.state_dict().items():
        assert torch.equal(value, before[name]) != ("multi_modal_projector" in name), name


def test_matching_words_moves_tokens_to_their_words(fresh: Captioner) -> None:
    def named(size: int) -> llava.Batch:
        visual, _ = draw(size)
        return visual, [toy.CLASSES[i % 3] for i in range(size)]

    def nearest() -> list[int]:
        words = fresh.llava.get_input_embeddings()
        ids = [fresh.tokenizer(f" {name}", add_special_tokens=False).input_ids for name in toy.CLASSES]
        goals = torch.stack([words(torch.tensor(row)).mean(0) for row in ids])
        return torch.cdist(fresh.llava.model.multi_modal_projector(named(3)[0])[:, 0], goals).argmin(1).tolist()

    parameters = list(fresh.llava.model.multi_modal_projector.parameters())
    first = llava.match_words(fresh, parameters, named, 1, settings())
    last = llava.match_words(fresh, parameters, named, 40, settings())
    assert last < 0.5 * first
    assert nearest() == [0, 1, 2]


def test_stage_two_trains_an_adapter_that_the_product_opens(
    fresh: Captioner, workspace: toy.Workspace, tmp_path
) -> None:
    began = loss_of(fresh)
    before = {name: value.clone() for name, value in fresh.llava.state_dict().items()}
    config = settings(sound_match=5, sound_steps=12, rank=4, projector_rank=8)
    adapted, losses = llava.train_adapter(fresh.llava, fresh.tokenizer, draw, draw, config)
    assert losses["captions"] < began - 0.2
    now = loss_of(Captioner(adapted.get_base_model(), fresh.tokenizer, SMOLLM2))
    assert now < began - 0.2
    kept = {
        name.replace(".base_layer", ""): value
        for name, value in adapted.get_base_model().state_dict().items()
        if "lora" not in name
    }
    assert kept.keys() == before.keys()
    assert all(torch.equal(kept[name], value) for name, value in before.items())

    adapted.save_pretrained(tmp_path / "adapter")
    from safetensors.torch import save_file

    entering = "model.multi_modal_projector."
    state = {k.removeprefix(entering): v for k, v in before.items() if k.startswith(entering)}
    save_file(state, tmp_path / "multi_modal_projector.safetensors")
    frozen = compact_llava.load(toy.tower(), weights.folder("language", workspace.cache), tmp_path)
    opened = adapter.tuned(frozen, tmp_path)
    assert loss_of(opened) == pytest.approx(now, abs=0.01)
