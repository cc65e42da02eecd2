"""LoRA: the acceptance checks 1, 5, 6, 7 and 12 of the specification."""

from __future__ import annotations

import math

import pytest
import torch
from tiny import CLASSES, TinyBackbone, attach, images, randomise

from rsbench.errors import PositionError
from rsbench_baselines.lora.config import LoraOptions
from rsbench_baselines.lora.merge import merged_state
from rsbench_baselines.ranks import rank_by_rule

POSITION_SETS = [("q",), ("k",), ("v",), ("out",), ("mlp1",), ("mlp2",), ("q", "v")]
ALL = ("q", "k", "v", "out", "mlp1", "mlp2")


@pytest.mark.parametrize("positions", [*POSITION_SETS, ALL])
def test_check_1_the_start_equals_the_frozen_backbone(positions: tuple[str, ...]) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    before = network(images())
    attach("lora", network, backbone, rank=3, positions=positions)
    torch.testing.assert_close(network(images()), before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("positions", POSITION_SETS)
def test_random_weights_at_any_position_change_the_features(positions: tuple[str, ...]) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    before = network(images())
    randomise(attach("lora", network, backbone, rank=3, positions=positions))
    assert (network(images()) - before).abs().max() > 1e-3


def test_check_2_gamma_zero_removes_the_module() -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    before = network(images())
    attachment = attach("lora", network, backbone, rank=3)
    randomise(attachment)
    for _, module in attachment.modules():
        module.gamma = lambda: torch.tensor(0.0)
    torch.testing.assert_close(network(images()), before, atol=1e-6, rtol=0)


def test_check_5_gradients_at_the_start() -> None:
    """B = 0: no gradient for A and gamma, a gradient for B proportional to gamma."""
    gradients = []
    for gamma in (1.0, 2.0):
        backbone = TinyBackbone(torch.float64)
        network = backbone.build()
        attachment = attach("lora", network, backbone, rank=3, positions=("mlp2",), blocks=[1])
        attachment.inserted.double()
        ((_, module),) = attachment.modules()
        value = torch.tensor(gamma, dtype=torch.float64, requires_grad=True)
        module.gamma = lambda value=value: value  # type: ignore[misc]
        network(images(dtype=torch.float64)).square().sum().backward()
        assert value.grad == 0
        assert not module.down.grad.any()  # type: ignore[union-attr, operator]
        gradients.append(module.up.grad)
    assert gradients[0].abs().max() > 0  # type: ignore[union-attr]
    torch.testing.assert_close(2 * gradients[0], gradients[1])  # type: ignore[operator]


def test_check_6_scaling_gamma_up_and_b_down_changes_nothing() -> None:
    backbone = TinyBackbone(torch.float64)
    network = backbone.build()
    attachment = attach("lora", network, backbone, rank=3)
    randomise(attachment, torch.float64)
    before = network(images(dtype=torch.float64))
    with torch.no_grad():
        for _, module in attachment.modules():
            module.gamma = lambda: torch.tensor(4.0, dtype=torch.float64)
            module.up /= 4.0  # type: ignore[operator]
    torch.testing.assert_close(network(images(dtype=torch.float64)), before)


@pytest.mark.parametrize("out", ["parallel", "sequential"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_check_7_merged_weights_give_the_same_features(
    out: str, dtype: torch.dtype, tolerance: float
) -> None:
    backbone = TinyBackbone(dtype)
    network = backbone.build()
    attachment = attach("lora", network, backbone, rank=3, out=out, alpha=2.0)
    randomise(attachment, dtype)
    for number, (_, module) in enumerate(attachment.modules()):
        module.gamma = lambda n=number: torch.tensor(0.1 * n, dtype=dtype)  # type: ignore[misc]
    adapted = network(images(dtype=dtype))
    merged = merged_state(network, attachment)
    attachment.detach()
    assert (network(images(dtype=dtype)) - adapted).abs().max() > 0.01
    network.load_state_dict(merged)
    torch.testing.assert_close(
        network(images(dtype=dtype)), adapted, atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize(
    ("classes", "depth", "rank"),
    [(100, 12, 4), (100, 24, 2), (365, 12, 8), (365, 24, 4), (1000, 12, 32), (1000, 24, 16),
     (8142, 12, 256), (8142, 24, 128), (15, 12, 1), (15, 24, 1), (4, 12, 1), (5, 24, 1)],
)  # fmt: skip
def test_check_12_rank_rule(classes: int, depth: int, rank: int) -> None:
    assert rank_by_rule(classes, depth) == rank


@pytest.mark.parametrize(
    ("size", "positions", "rank", "parameters"),
    [
        ("b", ALL, 1, 165_888), ("b", ALL, 4, 663_552), ("b", ALL, 256, 42_467_328),
        ("b", ("q", "v"), 8, 294_912), ("b", ("out",), 4, 73_728), ("b", ("mlp1",), 1, 46_080),
        ("l", ALL, 1, 442_368), ("l", ("q", "v"), 1, 98_304),
    ],
)  # fmt: skip
def test_check_12_parameter_counts_of_the_full_size_networks(
    size: str, positions: tuple[str, ...], rank: int, parameters: int
) -> None:
    """Counts of paper section 6.9, on the meta device: no memory is needed."""
    import timm

    from rsbench.training.model import count

    name = {"b": "vit_base_patch16_224", "l": "vit_large_patch16_224"}[size]
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
        attachment = attach("lora", network, TinyBackbone(), rank=rank, positions=positions)
    assert count(attachment.parameters()) == parameters
    depth, frozen = {"b": (12, 85_798_656), "l": (24, 303_301_632)}[size]
    assert count(list(network.parameters())) == frozen
    assert len(attachment.inserted) == depth * len(positions)


@pytest.mark.parametrize(("init", "bound"), [("released", 1 / math.sqrt(3)), ("canonical", 0.25)])
def test_initial_a_lies_within_the_documented_bound(init: str, bound: float) -> None:
    backbone = TinyBackbone()
    attachment = attach("lora", backbone.build(), backbone, rank=3, init=init, positions=("q",))
    for _, module in attachment.modules():
        assert 0.8 * bound < module.down.abs().max() <= bound  # type: ignore[operator, union-attr]
        assert not module.up.any()  # type: ignore[operator, union-attr]


def test_the_scale_is_alpha_over_rank_unless_alpha_is_rank() -> None:
    backbone = TinyBackbone()
    for alpha, scale in ((2.0, 0.5), ("rank", 1.0)):
        attachment = attach("lora", backbone.build(), backbone, rank=4, alpha=alpha)
        assert {module.scale for _, module in attachment.modules()} == {scale}


def test_blocks_and_positions_choose_the_sites() -> None:
    backbone = TinyBackbone()
    attachment = attach("lora", backbone.build(), backbone, positions=("v", "q"), blocks="last:1")
    assert list(attachment.inserted) == ["block1_q", "block1_v"]
    default = attach("lora_qv", backbone.build(), backbone)
    assert list(default.inserted) == ["block0_q", "block0_v", "block1_q", "block1_v"]


def test_a_block_beyond_the_network_is_an_error() -> None:
    backbone = TinyBackbone()
    with pytest.raises(PositionError, match="blocks 0 to 1"):
        attach("lora", backbone.build(), backbone, blocks=[7])


def test_unknown_positions_and_ranks_are_refused_by_the_options() -> None:
    for wrong in ({"positions": ["w"]}, {"rank": 0}, {"alpha": -1}, {"init": "zeros"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            LoraOptions.model_validate(wrong)
    assert CLASSES == 3
