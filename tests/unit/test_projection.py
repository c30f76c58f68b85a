"""The two token constructions and what lies between them."""

from pathlib import Path

import pytest
import torch

from soundclip_demo.projection import Projector, blend, raw

EMBEDDING = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def projector() -> Projector:
    torch.manual_seed(0)
    made = Projector(8, 12, hidden=(16, 20), dropout=0.3)
    made.mean.copy_(torch.linspace(-1, 1, 8))
    made.std.copy_(torch.linspace(0.5, 2, 8))
    made.norm.fill_(7.5)
    return made.eval()


def test_raw_pads_with_zeros() -> None:
    token = raw(EMBEDDING, 12)
    assert torch.equal(token[:, :8], EMBEDDING)
    assert torch.equal(token[:, 8:], torch.zeros(5, 4))


@pytest.mark.parametrize("width", [3, 8])
def test_raw_truncates(width: int) -> None:
    assert torch.equal(raw(EMBEDDING, width), EMBEDDING[:, :width])


@torch.inference_mode()
def test_blend_runs_straight_from_raw_to_projected(projector: Projector) -> None:
    ends = raw(EMBEDDING, 12), projector(EMBEDDING)
    assert torch.equal(blend(EMBEDDING, projector, 12, 0.0), ends[0])
    assert torch.equal(blend(EMBEDDING, projector, 12, 1.0), ends[1])
    torch.testing.assert_close(blend(EMBEDDING, projector, 12, 0.5), (ends[0] + ends[1]) / 2)
    torch.testing.assert_close(blend(EMBEDDING, projector, 12, 0.25), ends[0] + 0.25 * (ends[1] - ends[0]))


@torch.inference_mode()
def test_tokens_are_as_long_as_a_picture(projector: Projector) -> None:
    token = projector(EMBEDDING)
    assert token.shape == (5, 12)
    torch.testing.assert_close(token.norm(dim=1), torch.full((5,), 7.5))


@torch.inference_mode()
def test_the_input_is_standardised(projector: Projector) -> None:
    plain = Projector(8, 12, hidden=(16, 20)).eval()
    plain.load_state_dict(projector.state_dict() | {"mean": torch.zeros(8), "std": torch.ones(8)})
    standard = (EMBEDDING - projector.mean) / projector.std
    torch.testing.assert_close(plain(standard), projector(EMBEDDING))


@torch.inference_mode()
def test_saved_and_opened_again(projector: Projector, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    projector.save(file, {"encoder_spec": "abc"})
    opened = Projector.load(file, "abc")
    assert opened.shape == projector.shape
    assert not opened.training
    assert all(p.dtype == torch.float32 for p in opened.parameters())
    for name, value in projector.state_dict().items():
        assert torch.equal(opened.state_dict()[name], value.half().float()), name
    torch.testing.assert_close(opened(EMBEDDING), projector(EMBEDDING), atol=0.02, rtol=0.02)


def test_a_projector_of_another_encoder_is_refused(projector: Projector, tmp_path: Path) -> None:
    projector.save(tmp_path / "a.safetensors", {"encoder_spec": "abc"})
    with pytest.raises(ValueError, match="trained on encoder spec abc, not xyz"):
        Projector.load(tmp_path / "a.safetensors", "xyz")
