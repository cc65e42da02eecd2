"""What every method promises, plain and with MetaPEFT: one test per property, 14 variants.

A variant for which a property does not hold is left out by name, with the reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import CLASSES, TinyBackbone, attach, images, make_context, randomise
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook
from variants import ALL, MODULATED, Variant, over

from rsbench.head import CosineClassifier
from rsbench.insertion import Attachment
from rsbench.registry import method_class
from rsbench.settings import Recipe
from rsbench.training.context import TrainingContext
from rsbench.training.loop import Loop
from rsbench.training.plain import Plain
from rsbench_metapeft.config import MetaPEFTOptions
from rsbench_metapeft.strategy import MetaPEFT

RECIPE = Recipe(epochs=2, batch_size=4, learning_rate=0.05, learning_rate_scaling="none")
#: Prompts lengthen the sequence, so that attention changes from the start (check 1).
NO_IDENTITY = {"vpt_shallow", "vpt_deep"}
WITH_IDENTITY = [variant for variant in ALL if variant.method not in NO_IDENTITY]


def context_of(variant: Variant, seed: int = 0) -> TrainingContext:
    return make_context(RECIPE, method=variant.method, seed=seed, **variant.options)


def strategy_of(variant: Variant) -> Plain | MetaPEFT:
    return MetaPEFT(MetaPEFTOptions(learning_rate=0.1)) if variant.metapeft else Plain()


def train(variant: Variant, context: TrainingContext) -> dict[str, Tensor]:
    """Train and return the final gammas."""
    strategy = strategy_of(variant)
    strategy.begin(context)
    Loop(context, strategy, None, lambda message: None).run()
    return strategy.finish().gammas


def random_phi(variant: Variant) -> tuple[TinyBackbone, nn.Module, Attachment]:
    """The tiny ViT in float64 with a method attached that has random weights."""
    backbone = TinyBackbone(torch.float64)
    network = backbone.build()
    attachment = attach(variant.method, network, backbone, **variant.options)
    randomise(attachment, torch.float64)
    return backbone, network, attachment


def set_gammas(attachment: Attachment, values: dict[str, Tensor]) -> None:
    for site, module in attachment.modules():
        module.gamma = lambda value=values[site.key]: value


def all_gammas(attachment: Attachment, value: float) -> dict[str, Tensor]:
    return {key: torch.tensor(value, dtype=torch.float64) for key in attachment.inserted}


def state_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@over(WITH_IDENTITY)
def test_at_the_start_the_logits_are_those_of_the_frozen_backbone(variant: Variant) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    before = network(images())
    context = context_of(variant)
    strategy_of(variant).begin(context)
    torch.testing.assert_close(context.model.module.features(images()), before, rtol=0, atol=1e-6)


@over(MODULATED)
def test_at_the_start_metapeft_is_the_plain_method(variant: Variant) -> None:
    _, network, attachment = random_phi(variant)
    plain = network(images().double())
    set_gammas(attachment, all_gammas(attachment, 1.0))
    torch.testing.assert_close(network(images().double()), plain, rtol=0, atol=1e-13)


@over(ALL)
def test_training_moves_all_that_is_declared_and_nothing_else(variant: Variant) -> None:
    context = context_of(variant)
    model = context.model.module
    declared = {id(parameter) for parameter in context.inner_parameters}
    names = {name for name, parameter in model.named_parameters() if id(parameter) in declared}
    before = state_of(model)
    gammas = train(variant, context)
    moved = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert moved == names
    assert bool(gammas) == variant.metapeft
    assert set(gammas) == (set(context.attachment.inserted) if variant.metapeft else set())
    assert all(gamma != 1.0 for gamma in gammas.values())


@over([variant for variant in ALL if variant.method != "full"])  # which trains the network itself
def test_the_frozen_weights_are_untouched_and_take_no_gradients(variant: Variant) -> None:
    context = context_of(variant)
    network = context.model.module.network
    before = state_of(network)
    train(variant, context)
    assert same(before, state_of(network))
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


@over(ALL)
def test_no_parameter_is_in_two_optimisers(variant: Variant) -> None:
    seen: dict[int, Optimizer] = {}
    handle = register_optimizer_step_pre_hook(
        lambda opt, *_: seen.setdefault(id(opt), opt) and None
    )
    try:
        train(variant, context_of(variant))
    finally:
        handle.remove()
    assert len(seen) == (2 if variant.metapeft else 1)
    owned = [id(p) for opt in seen.values() for group in opt.param_groups for p in group["params"]]
    assert len(owned) == len(set(owned))


@over(ALL)
def test_detaching_restores_the_backbone_bit_for_bit(variant: Variant) -> None:
    context = context_of(variant)
    network = context.model.module.network
    bare = TinyBackbone().build()
    train(variant, context)
    context.attachment.detach()
    assert same(state_of(bare), state_of(network))
    assert torch.equal(network(images()), bare(images()))
    assert not any(p.requires_grad for p in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


@over(MODULATED)
def test_all_gammas_zero_give_the_frozen_backbone(variant: Variant) -> None:
    _, network, attachment = random_phi(variant)
    frozen = TinyBackbone(torch.float64).build()(images().double())
    assert not torch.allclose(network(images().double()), frozen)
    set_gammas(attachment, all_gammas(attachment, 0.0))
    torch.testing.assert_close(network(images().double()), frozen, rtol=0, atol=1e-13)


@over(MODULATED)
def test_one_gamma_zero_is_the_same_as_removing_that_module(variant: Variant) -> None:
    for key in random_phi(variant)[2].inserted:
        _, network, attachment = random_phi(variant)
        zero = torch.zeros((), dtype=torch.float64)
        set_gammas(attachment, all_gammas(attachment, 1.0) | {key: zero})
        silenced = network(images().double())
        kept = {site: module for site, module in attachment.modules() if site.key != key}
        attachment.detach()
        sites = TinyBackbone(torch.float64).sites(network)
        Attachment(network, kept, sites=sites)
        torch.testing.assert_close(silenced, network(images().double()), rtol=0, atol=1e-12)


@over(MODULATED)
def test_the_gradient_of_gamma_equals_central_differences(variant: Variant) -> None:
    _, network, attachment = random_phi(variant)
    weights = torch.randn(CLASSES, 16, generator=torch.Generator().manual_seed(5))
    head = CosineClassifier(weights).double()
    labels = torch.arange(len(images())) % CLASSES
    gammas = {
        key: torch.tensor(0.6 + 0.05 * number, dtype=torch.float64, requires_grad=True)
        for number, key in enumerate(attachment.inserted)
    }
    set_gammas(attachment, gammas)

    def loss() -> Tensor:
        # features in float64: the head's own forward casts to float32
        features = nn.functional.normalize(network(images().double()), dim=-1)
        directions = nn.functional.normalize(head.weight, dim=-1)
        return nn.functional.cross_entropy(4.0 * features @ directions.T, labels)

    loss().backward()
    step = 1e-5
    for gamma in gammas.values():
        with torch.no_grad():
            gamma += step
            above = loss().item()
            gamma -= 2 * step
            below = loss().item()
            gamma += step
        numeric = (above - below) / (2 * step)
        assert gamma.grad is not None
        assert gamma.grad.item() == pytest.approx(numeric, rel=1e-6, abs=1e-10)


@over(ALL)
def test_saved_and_loaded_the_logits_are_the_same(variant: Variant, tmp_path: Path) -> None:
    context = context_of(variant)
    gammas = train(variant, context)
    model = context.model.module
    expected = model(images())
    save_file(model.trained_state(with_backbone=True), tmp_path / "adapter.safetensors")
    other = context_of(variant, seed=1).model.module
    assert not torch.equal(other(images()), expected)
    missing, unexpected = other.load_state_dict(
        load_file(tmp_path / "adapter.safetensors"), strict=False
    )
    assert not unexpected
    assert all(name.startswith("network.") for name in missing)
    for key, module in other.inserted.items():
        module.gamma = (lambda value=gammas[key]: value) if gammas else None
    assert torch.equal(other(images()), expected)


@over(ALL)
def test_the_same_seed_gives_the_same_training(variant: Variant) -> None:
    one, again, other = (context_of(variant, seed) for seed in (3, 3, 4))
    for context in (one, again, other):
        train(variant, context)
    states = [
        context.model.module.trained_state(with_backbone=True) for context in (one, again, other)
    ]
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


@pytest.mark.parametrize("method", ["linear", "probe", "full"])
def test_metapeft_has_nothing_to_modulate_where_nothing_is_inserted(method: str) -> None:
    from rsbench.errors import SettingsError

    assert not method_class(method).modulates
    with pytest.raises(SettingsError, match="nothing to modulate"):
        MetaPEFT(MetaPEFTOptions()).begin(make_context(RECIPE, method=method))


def test_an_average_pooled_vit_loses_its_prompts_before_pooling() -> None:
    from timm.models.vision_transformer import VisionTransformer

    from rsbench_baselines.backbones.sites.vit import vit_sites

    shape: dict[str, Any] = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 2}
    network = VisionTransformer(
        **shape, num_heads=2, num_classes=0, class_token=False, global_pool="avg", fc_norm=False
    )
    network.requires_grad_(False).eval().double()
    before = network(images().double())
    for method in ("vpt_shallow", "vpt_deep"):
        kind = method_class(method)
        from rsbench.method import AttachContext

        context = AttachContext(CLASSES, 2, torch.Generator().manual_seed(0))
        attachment = kind(kind.Options(prompts=3)).attach(network, vit_sites(network), context)
        randomise(attachment, torch.float64)
        set_gammas(attachment, all_gammas(attachment, 0.0))
        torch.testing.assert_close(network(images().double()), before, rtol=0, atol=1e-13)
        attachment.detach()


#: Trained scalars of the method alone (section 6.9), by rank for ViT-B/16 and at r=1 for ViT-L/16.
#: AdaptFormer's published count includes the learned scale.
B16: dict[str, dict[int, int]] = {
    "vpt_shallow": dict.fromkeys((1,), 7_680),
    "vpt_deep": dict.fromkeys((1,), 92_160),
    "bitfit": dict.fromkeys((1,), 101_376),
    "adapter": {1: 46_092, 4: 101_424, 8: 175_200, 256: 4_749_312},
    "adaptformer": {1: 46_104, 4: 101_436, 8: 175_212, 256: 4_749_324},
    "lora_qv": {1: 36_864, 4: 147_456, 8: 294_912, 256: 9_437_184},
    "lora": {1: 165_888, 4: 663_552, 8: 1_327_104, 256: 42_467_328},
}
L16 = {
    "vpt_shallow": 10_240,
    "vpt_deep": 245_760,
    "bitfit": 270_336,
    "adapter": 122_904,
    "adaptformer": 122_928,
    "lora_qv": 98_304,
    "lora": 442_368,
}
#: Modulators, one per inserted module (sections 1.2 and 9.6): ViT-B/16, ViT-L/16.
MODULATORS = {
    "vpt_shallow": (1, 1),
    "vpt_deep": (12, 24),
    "bitfit": (72, 144),
    "adapter": (12, 24),
    "adaptformer": (12, 24),
    "lora_qv": (24, 48),
    "lora": (72, 144),
}
FROZEN = {"vit_base_patch16_224": 85_798_656, "vit_large_patch16_224": 303_301_632}


def on_meta(architecture: str, method: str, **options: Any) -> tuple[nn.Module, Attachment]:
    """A full-size ViT with a method attached, without memory for any weight."""
    import timm

    from rsbench.method import AttachContext
    from rsbench_baselines.backbones.sites.vit import vit_sites

    with torch.device("meta"):
        network = timm.create_model(architecture, num_classes=0).requires_grad_(False)
        kind = method_class(method)
        context = AttachContext(15, len(network.blocks), torch.Generator())
        attachment = kind(kind.Options(**options)).attach(network, vit_sites(network), context)
    return network, attachment


def count(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters)


def options_for(method: str, rank: int) -> dict[str, Any]:
    if method in ("lora", "lora_qv", "adapter"):
        return {"rank": rank}
    return {"rank": rank, "scale": "learned"} if method == "adaptformer" else {}


@pytest.mark.parametrize(("method", "rank"), [(m, r) for m, ranks in B16.items() for r in ranks])
def test_parameter_counts_on_vit_b16(method: str, rank: int) -> None:
    network, attachment = on_meta("vit_base_patch16_224", method, **options_for(method, rank))
    assert count(attachment.parameters()) == B16[method][rank]
    assert count(network.parameters()) == FROZEN["vit_base_patch16_224"]
    assert len(list(attachment.modules())) == MODULATORS[method][0]


@pytest.mark.parametrize("method", L16)
def test_parameter_counts_on_vit_l16(method: str) -> None:
    network, attachment = on_meta("vit_large_patch16_224", method, **options_for(method, 1))
    assert count(attachment.parameters()) == L16[method]
    assert count(network.parameters()) == FROZEN["vit_large_patch16_224"]
    assert len(list(attachment.modules())) == MODULATORS[method][1]


@pytest.mark.parametrize(
    ("position", "ranks"),
    [
        (position, {1: 18_432, 4: 73_728, 8: 147_456, 256: 4_718_592})
        for position in ("q", "k", "v", "out")
    ]
    + [
        (position, {1: 46_080, 4: 184_320, 8: 368_640, 256: 11_796_480})
        for position in ("mlp1", "mlp2")
    ],
)
def test_parameter_counts_of_lora_at_one_position(position: str, ranks: dict[int, int]) -> None:
    for rank, expected in ranks.items():
        _, attachment = on_meta("vit_base_patch16_224", "lora", rank=rank, positions=(position,))
        assert count(attachment.parameters()) == expected


@pytest.mark.parametrize("architecture", FROZEN)
def test_full_fine_tuning_trains_the_whole_backbone(architecture: str) -> None:
    _, attachment = on_meta(architecture, "full")
    assert count(attachment.parameters()) == FROZEN[architecture]


@pytest.mark.parametrize("architecture", FROZEN)
def test_a_fixed_scale_is_the_default_of_adaptformer(architecture: str) -> None:
    """Its count is then Adapter's (section 9.3)."""
    learned = on_meta(architecture, "adaptformer", rank=1, scale="learned")[1]
    fixed = on_meta(architecture, "adaptformer", rank=1)[1]
    adapter = on_meta(architecture, "adapter", rank=1)[1]
    assert count(fixed.parameters()) == count(adapter.parameters())
    assert count(learned.parameters()) == count(fixed.parameters()) + len(fixed.inserted)
