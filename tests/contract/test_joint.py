"""The spaces that encoders share with pictures or words: what transformers' own classes give, and who has which."""

import shutil
from pathlib import Path

import pytest
import torch
import toy
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn import functional as F
from transformers import (
    ClapConfig,
    ClapModel,
    ClapTextConfig,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    PreTrainedModel,
)

from soundclip_demo import convert, encoders, weights
from soundclip_demo.config import Config
from soundclip_demo.encoders import ENCODERS, clap, imagebind, pictures, wav2clip
from soundclip_demo.encoders.joint import Side, Sides, load_words
from soundclip_demo.gallery import read
from soundclip_demo.suites import SUITES
from soundclip_demo.weights import CheckpointError

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
TINY = CLIPVisionConfig(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    patch_size=32,
    projection_dim=24,
    hidden_act="quick_gelu",
)
WORDS = {word: i for i, word in enumerate(("<s>", "<pad>", "</s>", "<unk>", "a", "dog", "cat", "barks", "loudly"))}
TEXT = ClapTextConfig(
    vocab_size=len(WORDS),
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=12,
    projection_dim=20,
)


# Pictures: ImageBind and Wav2CLIP


@pytest.fixture(scope="module")
def clip() -> CLIPModel:
    torch.manual_seed(0)
    text = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=TINY.to_dict(), projection_dim=24)).eval()


@pytest.fixture
def clip_file(clip: CLIPModel, tmp_path: Path) -> Path:
    """As older files on the hub have it, then as the cache has it."""
    older = clip.state_dict() | {"vision_model.embeddings.position_ids": torch.arange(50)[None]}
    save_file({name: tensor.contiguous() for name, tensor in older.items()}, tmp_path / "hub.safetensors")
    convert.clip_pictures(tmp_path / "hub.safetensors", tmp_path)
    return tmp_path / "model.safetensors"


@torch.inference_mode()
def test_pictures_are_where_transformers_clip_puts_them(clip: CLIPModel, clip_file: Path) -> None:
    assert all(name.startswith(("vision_model.", "visual_projection.")) for name in load_file(clip_file))
    joint = pictures.joint(pictures.VisionTransformer(TINY), clip_file, CPU)
    assert joint.texts is None
    images = [toy.picture(i) for i in range(3)]
    pixels = CLIPImageProcessorPil()(images, return_tensors="pt").pixel_values
    assert pixels.shape == (3, 3, 224, 224)
    wanted = F.normalize(clip.get_image_features(pixels).pooler_output, dim=-1)
    assert torch.equal(joint.pictures(images), wanted)
    assert torch.equal(joint.pictures([images[0].convert("RGBA")]), joint.pictures(images[:1]))


def test_pictures_of_another_size_are_refused(clip_file: Path) -> None:
    other = CLIPVisionConfig(**TINY.to_dict() | {"projection_dim": 25})
    with pytest.raises(CheckpointError, match="another shape: visual_projection.weight"):
        pictures.joint(pictures.VisionTransformer(other), clip_file, CPU)


@pytest.mark.parametrize(
    ("module", "source", "parameters"), [(imagebind, "vit-h-14", 632_076_800), (wav2clip, "vit-b-32", 87_849_216)]
)
def test_the_published_pictures_have_the_published_size(
    module, source: str, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def keep(network: PreTrainedModel, file: Path, device: torch.device) -> None:
        opened.append((sum(p.numel() for p in network.parameters()), file, network.config.projection_dim))

    monkeypatch.setattr(pictures, "joint", keep)
    with torch.device("meta"):
        module.joint(Path, CPU)
    dim = encoders.kind(module.__name__.rsplit(".", 1)[1]).config().dim
    assert opened == [(parameters, Path(source, "model.safetensors"), dim)]


# Words: CLAP


@pytest.fixture(scope="module")
def spoken() -> ClapModel:
    torch.manual_seed(0)
    sound = {"patch_embeds_hidden_size": 16, "hidden_size": 128, "depths": [1, 1, 1, 1], "projection_dim": 20}
    sound |= {"num_attention_heads": [1, 2, 4, 8]}
    return ClapModel(ClapConfig(text_config=TEXT.to_dict(), audio_config=sound, projection_dim=20)).eval()


@pytest.fixture(params=[True, False], ids=["with counts", "without"])
def clap_folder(request: pytest.FixtureRequest, spoken: ClapModel, tmp_path: Path) -> Path:
    """Files of the hub, with and without the tables that a network makes for itself."""
    counted = () if request.param else ("position_ids", "token_type_ids")
    state = {name: tensor for name, tensor in spoken.state_dict().items() if not name.endswith(counted or "-")}
    torch.save(state, tmp_path / "pytorch_model.bin")
    convert.clap(tmp_path / "pytorch_model.bin", tmp_path)
    words = Tokenizer(models.WordLevel(WORDS, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@torch.inference_mode()
def test_texts_are_where_transformers_clap_puts_them(spoken: ClapModel, clap_folder: Path) -> None:
    texts = clap.load_texts(clap_folder, CPU, TEXT)
    ids = torch.tensor([[0, 4, 5, 7, 2], [0, 6, 2, 1, 1]])
    wanted = spoken.get_text_features(input_ids=ids, attention_mask=(ids != 1).long()).pooler_output
    assert torch.equal(texts(["a dog barks", "cat"]), wanted)
    torch.testing.assert_close(texts(["cat"])[0], wanted[1])
    torch.testing.assert_close(wanted.norm(dim=1), torch.ones(2))


def test_a_text_of_any_length_is_read(clap_folder: Path) -> None:
    texts = clap.load_texts(clap_folder, CPU, TEXT)
    assert torch.equal(texts(["dog " * 500]), texts(["dog " * 600]))
    assert not torch.allclose(texts(["dog " * 3]), texts(["dog " * 500]))


def test_texts_with_a_key_too_few_are_refused(clap_folder: Path) -> None:
    state = load_file(clap_folder / "texts.safetensors")
    del state["text_projection.linear2.weight"]
    save_file(state, clap_folder / "texts.safetensors")
    with pytest.raises(CheckpointError, match="missing: text_projection.linear2.weight"):
        clap.load_texts(clap_folder, CPU, TEXT)


# Who has which


@pytest.mark.parametrize("suite", ["compact", "paper"])
def test_all_but_whisper_share_a_space(suite: str) -> None:
    shared = {name for name, entry in ENCODERS.items() if entry.variants[suite].joint}
    assert shared == ENCODERS.keys() - {"whisper", "whisperclip"}


def test_each_published_space_is_opened_from_its_own_files() -> None:
    class Asked(Exception):
        pass

    def fetch(source: str) -> Path:
        raise Asked(source)

    asked = {}
    for name, entry in ENCODERS.items():
        if opens := entry.variants["paper"].joint:
            with pytest.raises(Asked) as refused:
                opens(name, fetch, Config(suite="paper"))
            asked[name] = str(refused.value)
    assert asked == {
        "clap": "clap-paper",
        "imagebind": "vit-h-14",
        "wav2clip": "vit-b-32",
        "audioclip": "audioclip-paper",
    }
    assert set(asked.values()) <= weights.SOURCES.keys()


@pytest.mark.parametrize("sides", [("picture",), ("text",), ("picture", "text")])
@torch.inference_mode()
def test_a_retrained_space_is_opened_with_its_encoder(
    sides: tuple[str, ...], workspace: toy.Workspace, tmp_path: Path
) -> None:
    toy.retrained(tmp_path, "audioclip")
    shutil.copy(workspace.checkpoints / "vision-statistics.safetensors", tmp_path)
    config = workspace.config(checkpoints=tmp_path)
    words = load_words(weights.folder("language", config.cache))
    width = read(config.gallery, SUITES["compact"].space(workspace.config())).tokens.shape[1]
    inputs = {"picture": width, "text": words(["dog"]).shape[1]}
    made = Sides({side: Side(inputs[side], 256) for side in sides})
    save_file(made.state_dict(), tmp_path / "audioclip-joint.safetensors")
    joint = encoders.load("audioclip", config).joint()
    assert (joint.pictures is not None, joint.texts is not None) == ("picture" in sides, "text" in sides)
    if joint.pictures:
        seen = joint.pictures([toy.picture(i) for i in range(2)])
        assert seen.shape == (2, 256)
        torch.testing.assert_close(seen.norm(dim=1), torch.ones(2))
        assert not torch.allclose(*seen)
    if joint.texts:
        assert torch.equal(joint.texts(["dog", "cat"]), made["text"](words(["dog", "cat"])))
