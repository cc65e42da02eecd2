"""The modulator: checks 2, 3 and 4 of the specification."""

from __future__ import annotations

import pytest
import torch
from tiny import TinyBackbone, attach, images, randomise
from torch import nn

from rsbench.insertion import Attachment
from rsbench_metapeft.modulator import Modulator, inverse_softplus


def modulate(attachment: Attachment, rho: float, dtype: torch.dtype) -> dict[str, Modulator]:
    modulators = {}
    for site, module in attachment.modules():
        modulators[site.key] = Modulator(rho).to(dtype)
        module.gamma = modulators[site.key].forward
    return modulators


def adapted(dtype: torch.dtype) -> tuple[nn.Module, Attachment]:
    backbone = TinyBackbone(dtype)
    network = backbone.build()
    attachment = attach("lora", network, backbone, rank=3)
    randomise(attachment, dtype)
    return network, attachment


def test_check_3_rho_of_gamma_one() -> None:
    assert inverse_softplus(1.0) == pytest.approx(0.541325, abs=1e-6)
    assert Modulator(inverse_softplus(1.0))().item() == 1.0
    for gamma in (0.01, 0.5, 3.0):
        assert Modulator(inverse_softplus(gamma))().item() == pytest.approx(gamma, rel=1e-6)


def test_check_3_gamma_one_equals_the_plain_method() -> None:
    network, attachment = adapted(torch.float32)
    plain = network(images())
    modulate(attachment, inverse_softplus(1.0), torch.float32)
    assert torch.equal(network(images()), plain)


def test_check_2_softplus_only_approaches_zero() -> None:
    assert Modulator(-20.0)().item() == pytest.approx(2.06e-9, rel=0.01)
    network, attachment = adapted(torch.float64)
    modulate(attachment, -20.0, torch.float64)
    almost = network(images(dtype=torch.float64))
    attachment.detach()
    frozen = network(images(dtype=torch.float64))
    torch.testing.assert_close(almost, frozen, atol=1e-6, rtol=0)
    assert not torch.equal(almost, frozen)


def test_check_4_gradient_of_rho_against_central_differences() -> None:
    network, attachment = adapted(torch.float64)
    modulators = modulate(attachment, 0.3, torch.float64)
    inputs = images(dtype=torch.float64)

    def loss() -> torch.Tensor:
        value: torch.Tensor = network(inputs).pow(3).mean()
        return value

    loss().backward()
    step = 1e-5
    for key, modulator in modulators.items():
        with torch.no_grad():
            modulator.rho += step
            above = loss()
            modulator.rho -= 2 * step
            below = loss()
            modulator.rho += step
        numeric = ((above - below) / (2 * step)).item()
        assert modulator.rho.grad is not None
        assert modulator.rho.grad.item() == pytest.approx(numeric, rel=1e-6, abs=1e-10), key


def test_check_4_gradient_is_the_inner_product_of_output_gradient_and_delta() -> None:
    """dL/dgamma = sum(dL/dy * delta); dL/drho = sigmoid(rho) times that."""
    network, attachment = adapted(torch.float64)
    modulators = modulate(attachment, 0.3, torch.float64)
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    for site, module in attachment.modules():

        def keep(_m: nn.Module, _i: object, delta: torch.Tensor, key: str = site.key) -> None:
            gamma = modulators[key]().detach()
            delta.register_hook(lambda g: seen.__setitem__(key, (g, delta.detach() / gamma)))

        module.register_forward_hook(keep)
    network(images(dtype=torch.float64)).pow(3).mean().backward()
    assert len(seen) == len(modulators) == 12
    for key, (gradient, delta) in seen.items():
        rho = modulators[key].rho
        expected = torch.sigmoid(rho.detach()) * (gradient * delta).sum()
        torch.testing.assert_close(rho.grad, expected)
