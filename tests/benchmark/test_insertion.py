"""Hooks add deltas and vanish without a trace; the frozen forward is timm's own."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyBackbone, attach, images, randomise

from rsbench.errors import PositionError


def test_frozen_forward_equals_timms_own_head_pipeline() -> None:
    """Check 8: feature = class token after the final norm."""
    backbone = TinyBackbone()
    network = backbone.build()
    tokens = network.forward_features(images())
    torch.testing.assert_close(backbone.features(network, images()), tokens[:, 0])


def test_detach_restores_the_network_bit_for_bit() -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    before = network(images())
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    attachment = attach("lora", network, backbone, rank=2)
    randomise(attachment)
    assert not torch.equal(network(images()), before)
    attachment.detach()
    assert torch.equal(network(images()), before)
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)
    assert not any(module._forward_hooks for module in network.modules())


def test_sites_name_six_positions_of_every_block() -> None:
    backbone = TinyBackbone()
    sites = backbone.sites(backbone.build())
    linear = [site for site in sites if site.kind == "linear"]
    assert [site.position for site in linear] == ["q", "k", "v", "out", "mlp1", "mlp2"] * 2
    assert {site.block for site in sites} == {0, 1}
    starts = [site.output_start for site in linear if site.layer == "blocks.0.attn.qkv"]
    assert starts == [0, 16, 32]


@pytest.mark.parametrize("position", ["q", "k", "v"])
def test_a_delta_touches_only_its_own_rows_of_the_fused_projection(position: str) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    layer = network.get_submodule("blocks.0.attn.qkv")
    tokens = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(3))
    before = layer(tokens)
    randomise(attach("lora", network, backbone, rank=2, positions=(position,)))
    changed = (layer(tokens) != before).any(dim=0).any(dim=0)
    own = "qkv".index(position)
    expected = torch.zeros(48, dtype=torch.bool)
    expected[16 * own : 16 * (own + 1)] = True
    assert torch.equal(changed, expected)


def test_an_unknown_position_lists_the_known_ones() -> None:
    from rsbench.insertion import choose_sites

    backbone = TinyBackbone()
    sites = backbone.sites(backbone.build())
    with pytest.raises(PositionError, match=r"no position w[\s\S]*q, k, v, out, mlp1, mlp2"):
        choose_sites(sites, "linear", ["w"], "all")
