"""Packed layers: what they compute, and that nothing is lost by packing."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from soundclip_demo.packed import Packed, pack, unpack


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 7, bias=False)).eval()


def linears(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if type(part) is nn.Linear]


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(1, 24), (3, 24), (2, 9, 24), (1, 150, 24)])
def test_a_packed_layer_computes_the_same(network: nn.Module, shape: tuple[int, ...]) -> None:
    quick, given = pack(deepcopy(network), 8), torch.randn(shape)
    assert [type(quick[0]), type(quick[2])] == [Packed, Packed]
    torch.testing.assert_close(quick(given), network(given), rtol=1e-5, atol=1e-6)


def test_unpacked_weights_are_those_that_were_packed(network: nn.Module) -> None:
    packed, lots = pack(deepcopy(network), 8), torch.get_rng_state()
    again = unpack(packed)
    assert torch.equal(torch.get_rng_state(), lots)  # else a training would begin otherwise
    assert len(linears(again)) == 2
    for one, other in zip(linears(again), linears(network), strict=True):
        assert torch.equal(one.weight, other.weight)
        assert one.bias is None if other.bias is None else torch.equal(one.bias, other.bias)


def test_where_torch_has_no_onednn_nothing_is_packed(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    assert len(linears(pack(network, 8))) == 2
