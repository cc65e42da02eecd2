"""Prompts in networks with rotary positions: they have none, as a class token has none."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families import ARCHITECTURES, FamilyBackbone, family_images
from tiny import attach, randomise
from torch import Tensor, nn

from rsbench.insertion import Attachment

PROMPTS = 3

rotary = pytest.mark.parametrize("family", ["dinov3", "rope"])


def prompted(family: str, method: str) -> tuple[nn.Module, Attachment]:
    backbone = FamilyBackbone(family, torch.float64)
    network = backbone.build()
    attachment = attach(method, network, backbone, prompts=PROMPTS)
    randomise(attachment, torch.float64)
    return network, attachment


def features(network: nn.Module) -> Tensor:
    result: Tensor = network(family_images(dtype=torch.float64))
    return result


def with_registers(family: str, network: nn.Module, prompts: Tensor) -> nn.Module:
    """The same network with ``prompts``, shape (number, width), as further register tokens."""
    kind, arguments = ARCHITECTURES[family]
    state: dict[str, Any] = dict(network.state_dict())
    own = state.get("reg_token", prompts[None, :0])
    state["reg_token"] = torch.cat([own, prompts[None]], dim=1)
    registers = state["reg_token"].shape[1]
    larger = kind(img_size=32, num_classes=0, **(arguments | {"num_reg_tokens": registers}))
    larger.double().load_state_dict(state)
    return larger.eval()


@rotary
@pytest.mark.parametrize("fused", [False, True])
def test_prompts_through_all_blocks_are_register_tokens(family: str, fused: bool) -> None:
    """timm itself turns no register, and attention knows no order but that of the positions."""
    network, attachment = prompted(family, "vpt_shallow")
    larger = with_registers(family, network, attachment.parameters()[0].detach())
    for module in (*network.modules(), *larger.modules()):
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
    with torch.no_grad():
        expected = features(larger)
        torch.testing.assert_close(features(network), expected, atol=1e-10, rtol=1e-10)
        attachment.detach()
        assert (features(network) - expected).abs().max() > 1e-3


@rotary
@pytest.mark.parametrize("method", ["vpt_shallow", "vpt_deep"])
def test_gamma_gates_them(family: str, method: str) -> None:
    network, attachment = prompted(family, method)
    bare = features(FamilyBackbone(family, torch.float64).build())
    found = {}
    with torch.no_grad():
        plain = features(network)
        for gamma in (0.0, 0.5, 1.0):
            value = torch.tensor(gamma, dtype=torch.float64)
            for _, module in attachment.modules():
                module.gamma = lambda value=value: value  # type: ignore[misc]
            found[gamma] = features(network)
    torch.testing.assert_close(found[0.0], bare, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(found[1.0], plain, atol=1e-10, rtol=1e-10)
    assert min((found[0.5] - found[g]).abs().max() for g in (0.0, 1.0)) > 1e-4
