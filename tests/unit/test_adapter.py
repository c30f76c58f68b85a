"""Frozen and tuned: two captioners that share what the adapter leaves alone, and one folder that holds both merged."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import toy
import toy_llava
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlavaForConditionalGeneration, LlavaNextForConditionalGeneration

from soundclip_demo import adapter, llava_next
from soundclip_demo.captioner import Captioner
from soundclip_demo.engine import Engine
from soundclip_demo.errors import UserError
from soundclip_demo.events import CaptionPart, Setting
from soundclip_demo.packed import Packed
from soundclip_demo.parts import Parts
from training import manifest, merge

CPU = torch.device("cpu")
SHORT = Setting(max_new_tokens=6)
PROJECTOR = "multi_modal_projector.safetensors"
ATTENTION = ["q_proj", "o_proj"]


@torch.inference_mode()
def logits(captioner: Captioner, width: int) -> torch.Tensor:
    token = torch.randn(1, width, generator=torch.Generator().manual_seed(1))
    return captioner.llava(inputs_embeds=captioner.embed(token, "What is this?")).logits


def layers(captioner: Captioner) -> dict[str, torch.nn.Module]:
    return {name: module for name, module in captioner.llava.named_modules() if not list(module.children())}


def written(engine: Engine, sound: Path, setting: Setting) -> str:
    """The whole caption."""
    *_, last = (event for event in engine.run_file(sound, setting) if isinstance(event, CaptionPart))
    assert last.done
    return last.text


def beside(workspace: toy.Workspace, folder: Path) -> Engine:
    """An engine on the workspace's checkpoints, with a folder of its own for LLaVA's, which holds no adapter yet."""
    for file in workspace.checkpoints.iterdir():
        if file.name != "llava":
            (folder / file.name).symlink_to(file)
    (folder / "llava" / "adapter").mkdir(parents=True)
    (folder / "llava" / PROJECTOR).symlink_to(workspace.checkpoints / "llava" / PROJECTOR)
    return Engine(replace(workspace.config(), checkpoints=folder))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaVA-1.6 in `hub/`, and in `trained/` an adapter for it as somebody else might have trained it."""
    folder = tmp_path_factory.mktemp("published")
    toy_llava.checkpoint(folder / "hub")
    model = llava_next.load(folder / "hub", CPU, four_bit=False).llava
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=ATTENTION, init_lora_weights=False))
    adapted.save_pretrained(folder / "trained" / "adapter")
    (folder / "trained" / "card.json").write_text('{"data": "made up"}')
    return folder


def test_the_tuned_one_shares_what_the_adapter_leaves_alone(engine: Engine) -> None:
    frozen, tuned = (layers(engine.parts.captioner(name)) for name in ("frozen", "tuned"))
    own = {name for name in frozen if tuned[name] is not frozen[name]}
    assert own
    assert all(("_proj" in name and "language_model" in name) or "multi_modal_projector" in name for name in own)
    assert not any("mlp" in name or "embed" in name or "vision_tower" in name for name in own)
    for name in own:
        assert type(tuned[name]) is type(frozen[name]) is Packed
        assert not torch.equal(tuned[name].linear().weight, frozen[name].linear().weight)


def test_loading_the_tuned_one_changes_nothing_of_the_frozen_one(toy_parts: Parts) -> None:
    frozen = toy_parts.captioner("frozen")
    before = logits(frozen, 1280)
    tuned = logits(toy_parts.captioner("tuned"), 1280)
    assert torch.equal(logits(frozen, 1280), before)
    assert (tuned - before).abs().max() > 0.5


@pytest.fixture
def toy_parts(workspace: toy.Workspace) -> Parts:
    return Parts(workspace.config())


def test_a_setting_chooses_who_writes(engine: Engine, clip_sound: Path) -> None:
    texts = {name: written(engine, clip_sound, replace(SHORT, protocol=name)) for name in ("frozen", "tuned", None)}
    assert texts["frozen"] != texts["tuned"]
    assert texts[None] == texts["tuned"]


def test_without_an_adapter_the_frozen_one_writes(workspace: toy.Workspace, clip_sound: Path, tmp_path: Path) -> None:
    bare = beside(workspace, tmp_path)
    assert bare.protocols() == ("frozen",)
    assert written(bare, clip_sound, SHORT) == written(bare, clip_sound, replace(SHORT, protocol="frozen"))
    with pytest.raises(UserError, match="no protocol “tuned” here"):
        list(bare.run_file(clip_sound, replace(SHORT, protocol="tuned")))


def test_a_damaged_adapter_costs_only_the_tuned_captions(
    workspace: toy.Workspace, clip_sound: Path, tmp_path: Path
) -> None:
    broken, given = beside(workspace, tmp_path), workspace.checkpoints / "llava" / "adapter"
    for file in given.iterdir():
        (tmp_path / "llava" / "adapter" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "llava" / "adapter" / "adapter_model.safetensors").write_bytes(b"torn")
    events = list(broken.run_file(clip_sound, SHORT))
    assert any("adapter is not available" in getattr(event, "message", "") for event in events)
    assert written(broken, clip_sound, replace(SHORT, protocol="frozen"))


@pytest.mark.parametrize("bits", [32, 16])
def test_the_published_one_takes_an_adapter(published: Path, monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    if bits == 16:
        monkeypatch.setattr(llava_next, "precision", lambda _: torch.bfloat16)
    frozen = llava_next.load(published / "hub", CPU, four_bit=False)
    before = logits(frozen, toy_llava.WIDTH)
    tuned = adapter.tuned(frozen, published / "trained")
    assert (logits(tuned, toy_llava.WIDTH) - before).abs().max() > 0.1
    assert torch.equal(logits(frozen, toy_llava.WIDTH), before)
    assert tuned.llava.get_input_embeddings() is frozen.llava.get_input_embeddings()
    unmerged = any("lora" in name for name, _ in tuned.llava.named_parameters())
    assert unmerged == (bits == 16)


def test_plain_transformers_loads_the_merged_folder(published: Path, tmp_path: Path) -> None:
    frozen = llava_next.load(published / "hub", CPU, four_bit=False)
    wanted = logits(adapter.tuned(frozen, published / "trained"), toy_llava.WIDTH)
    merge.merge(frozen, published / "trained", tmp_path / "merged")

    plain, found = LlavaNextForConditionalGeneration.from_pretrained(tmp_path / "merged", output_loading_info=True)
    assert not any(found.values())
    opened = Captioner(plain, AutoTokenizer.from_pretrained(tmp_path / "merged"), frozen.template)
    torch.testing.assert_close(logits(opened, toy_llava.WIDTH), wanted, atol=1e-4, rtol=1e-4)
    kept, given = (folder / merge.PICTURES for folder in (tmp_path / "merged", published / "hub"))
    assert kept.read_bytes() == given.read_bytes()
    assert "made up" in (tmp_path / "merged" / "README.md").read_text()
    with pytest.raises(ValueError, match="is not empty"):
        merge.merge(frozen, published / "trained", tmp_path / "merged")
    assert manifest.read(tmp_path / "merged" / "manifest.json")["complete"]
    with pytest.raises(ValueError, match="holds no adapter"):
        merge.merge(frozen, published / "hub", tmp_path / "other")


def test_the_compact_one_merges_too(toy_parts: Parts, workspace: toy.Workspace, tmp_path: Path) -> None:
    checkpoint = tmp_path / "llava"
    checkpoint.mkdir()
    (checkpoint / "adapter").symlink_to(workspace.checkpoints / "llava" / "adapter")
    (checkpoint / "card.json").write_text("{}")
    tuned, frozen = toy_parts.captioner("tuned"), toy_parts.captioner("frozen")
    wanted = logits(tuned, 1280)
    merge.merge(frozen, checkpoint, tmp_path / "merged")
    plain = LlavaForConditionalGeneration.from_pretrained(tmp_path / "merged")
    opened = Captioner(plain, AutoTokenizer.from_pretrained(tmp_path / "merged"), frozen.template)
    torch.testing.assert_close(logits(opened, 1280), wanted, atol=1e-4, rtol=1e-4)
    assert "import soundclip_demo.vision" in (tmp_path / "merged" / "README.md").read_text()
