"""What each method computes, and where it may be inserted."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from tiny import TinyBackbone, attach, images, randomise
from torch import Tensor, nn
from torch.nn import functional

from rsbench.errors import PositionError
from rsbench.insertion import Attachment, InsertedModule, PromptModule
from rsbench_baselines.adapter.layers import BottleneckDelta
from rsbench_baselines.bitfit.layers import BiasDelta
from rsbench_baselines.vpt.layers import Prompts


def attached(method: str, **options: Any) -> tuple[nn.Module, Attachment]:
    """The tiny ViT in float64 with a method of random weights."""
    backbone = TinyBackbone(torch.float64)
    network = backbone.build()
    attachment = attach(method, network, backbone, **options)
    randomise(attachment, torch.float64)
    return network, attachment


def pixels() -> Tensor:
    return images().double()


def lengths_seen(network: nn.Module) -> list[int]:
    """Sequence length inside the attention of every block, in one forward pass."""
    found: list[int] = []
    handles = [
        block.attn.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].shape[1]))
        for block in network.blocks
    ]
    network(pixels())
    for handle in handles:
        handle.remove()
    return found


# BitFit


def test_bitfit_is_the_same_as_changing_the_biases() -> None:
    network, attachment = attached("bitfit")
    changed = network(pixels())
    attachment.detach()
    with torch.no_grad():
        for site, module in attachment.modules():
            assert isinstance(module, BiasDelta)
            network.get_submodule(site.layer).bias += module.change()
    torch.testing.assert_close(network(pixels()), changed, rtol=0, atol=1e-12)


def test_bitfit_scales_the_change_of_a_bias_and_not_the_bias() -> None:
    network, attachment = attached("bitfit", positions=("ln2",), blocks=[1])
    ((_, module),) = attachment.modules()
    layer = network.blocks[1].norm2
    tokens = torch.randn(2, 5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with_one = layer(tokens)
    module.gamma = lambda: torch.tensor(0.25, dtype=torch.float64)
    with_quarter = layer(tokens)
    attachment.detach()
    bare = layer(tokens)
    torch.testing.assert_close(with_quarter - bare, 0.25 * (with_one - bare))


def test_a_bias_alone_at_the_keys_has_no_gradient() -> None:
    """It shifts all of a query's logits alike (section 9.6): why the fused bias counts once."""
    network, attachment = attached("bitfit", positions=("qkv",), blocks=[0])
    network(pixels()).square().sum().backward()
    ((_, module),) = attachment.modules()
    assert isinstance(module, BiasDelta)
    assert module.bias.grad is not None
    query, key, value = module.bias.grad.chunk(3)
    assert key.abs().max() < 1e-12 < min(query.abs().max(), value.abs().max())


def test_weight_decay_pulls_the_bias_and_not_its_change_unless_asked() -> None:
    """The released code trains the bias itself: without a gradient it shrinks towards zero."""
    for decay, moved in (("bias", True), ("change", False)):
        network, backbone = TinyBackbone(torch.float64).build(), TinyBackbone(torch.float64)
        with torch.no_grad():
            network.blocks[0].norm1.bias.fill_(2.0)
        attachment = attach(
            "bitfit", network, backbone, positions=("ln1",), blocks=[0], decay=decay
        )
        ((_, module),) = attachment.modules()
        assert isinstance(module, BiasDelta)
        sgd = torch.optim.SGD(attachment.parameters(), lr=0.1, weight_decay=0.5)
        module.bias.grad = torch.zeros_like(module.bias)
        sgd.step()
        expected = torch.full_like(module.bias, -0.1 if moved else 0.0)
        torch.testing.assert_close(module.change().detach(), expected.detach())


# The factor


@pytest.mark.parametrize("method", ["lora", "adapter", "adaptformer"])
def test_gamma_is_not_rounded_to_the_precision_of_autocast(method: str) -> None:
    """Scales in bfloat16 step by 0.8 %: gamma acts as if the weights were scaled by it."""
    backbone = TinyBackbone()
    network = backbone.build()
    attachment = attach(method, network, backbone, rank=8)
    randomise(attachment)
    gamma = torch.tensor(1.001953125 + 2.0**-11)  # half a step of bfloat16 and more above 1
    for _, module in attachment.modules():
        module.gamma = lambda: gamma
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        scaled = network(images())
        for _, module in attachment.modules():
            module.gamma = None
            up = module.up if isinstance(module.up, nn.Parameter) else None
            for weight in [up] if up is not None else [module.up.weight, module.up.bias]:
                weight.mul_(gamma)
        torch.clear_autocast_cache()
        expected = network(images())
    torch.testing.assert_close(scaled, expected, rtol=0, atol=0)


# Adapter and AdaptFormer


def bottleneck(module: InsertedModule, source: Tensor, scale: float) -> Tensor:
    assert isinstance(module, BottleneckDelta)
    hidden = functional.relu(module.down(module.norm(source)))
    return scale * module.up(hidden)


@pytest.mark.parametrize("branch", ["ffn", "attn"])
@pytest.mark.parametrize("method", ["adapter", "adaptformer"])
@pytest.mark.parametrize("norm", [True, False])
def test_bottlenecks_read_and_write_where_the_specification_says(
    method: str, branch: str, norm: bool
) -> None:
    network, attachment = attached(
        method, rank=4, alpha=2.0, positions=(branch,), blocks=[1], norm=norm
    )
    ((_, module),) = attachment.modules()
    seen: dict[str, Tensor] = {}
    block = network.blocks[1]
    block.register_forward_pre_hook(lambda _, inputs: seen.update(h=inputs[0]))
    block.register_forward_hook(lambda _, inputs, output: seen.update(h2=output))
    network(pixels())
    attachment.detach()
    h = seen["h"]
    o = block.attn(block.norm1(h))
    if branch == "attn":
        o = o + bottleneck(module, o if method == "adapter" else h, scale=0.5)
    h1 = h + o
    y = block.mlp(block.norm2(h1))
    if branch == "ffn":
        y = y + bottleneck(module, y if method == "adapter" else h1, scale=0.5)
    torch.testing.assert_close(seen["h2"], h1 + y)


def test_a_bottleneck_starts_as_the_released_code_does() -> None:
    module = BottleneckDelta(
        16, 512, scale=1.0, reads_output=True, norm=True, generator=torch.Generator().manual_seed(0)
    )
    assert module.down.weight.std().item() == pytest.approx(math.sqrt(1 / (3 * 16)), rel=0.03)
    for zero in (module.up.weight, module.up.bias, module.down.bias):
        assert not zero.any()


def test_a_learned_scale_is_trained_and_starts_at_alpha_over_rank() -> None:
    network = TinyBackbone().build()
    options = {"rank": 4, "alpha": 2.0, "scale": "learned"}
    for module in attach("adaptformer", network, TinyBackbone(), **options).inserted.values():
        assert isinstance(module, BottleneckDelta)
        assert isinstance(module.scale, nn.Parameter)
        assert module.scale.item() == 0.5


def test_gamma_may_hold_one_value_per_channel() -> None:
    """The released code's modulators of Adapter and AdaptFormer (section 1.2)."""
    _network, attachment = attached("adapter", rank=2, blocks=[1])
    ((_, module),) = attachment.modules()
    outputs = torch.randn(3, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    delta = module(outputs, outputs)
    values = torch.linspace(0.0, 2.0, 16, dtype=torch.float64)
    module.gamma = lambda: values
    torch.testing.assert_close(module(outputs, outputs), delta * values)


# VPT


def test_check_9_prompts_lengthen_the_sequence_inside_and_only_there() -> None:
    for method in ("vpt_shallow", "vpt_deep"):
        network, _ = attached(method, prompts=3)
        assert lengths_seen(network) == [5 + 3, 5 + 3]
        assert network.forward_features(pixels()).shape[1] == 5


def test_check_9_the_order_of_prompts_does_not_matter() -> None:
    for method in ("vpt_shallow", "vpt_deep"):
        network, attachment = attached(method, prompts=3)
        before = network(pixels())
        with torch.no_grad():
            for _, module in attachment.modules():
                assert isinstance(module, Prompts)
                module.prompts.copy_(module.prompts.flip(0))
        torch.testing.assert_close(network(pixels()), before, rtol=0, atol=1e-12)


def test_deep_prompts_live_in_their_own_block_and_shallow_ones_flow_on() -> None:
    assert lengths_seen(attached("vpt_deep", prompts=3, blocks=[0])[0]) == [8, 5]
    assert lengths_seen(attached("vpt_deep", prompts=3, blocks=[1])[0]) == [5, 8]
    assert lengths_seen(attached("vpt_shallow", prompts=3, blocks=[1])[0]) == [5, 8]
    assert lengths_seen(attached("vpt_shallow", prompts=3, blocks="0-1")[0]) == [8, 8]


def test_gamma_multiplies_the_weight_of_prompts_before_the_softmax() -> None:
    """The gate is ``gamma * exp(logit)`` for the prompts' keys, in every head and block."""
    network, attachment = attached("vpt_shallow", prompts=2)
    ((_, module),) = attachment.modules()
    assert isinstance(module, PromptModule)
    gamma = 0.3
    module.gamma = lambda: torch.tensor(gamma, dtype=torch.float64)
    seen: list[tuple[Tensor, Tensor]] = []
    for block in network.blocks:
        block.attn.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    network(pixels())
    assert len(seen) == 2
    for block, (tokens, output) in zip(network.blocks, seen, strict=True):
        attention = block.attn
        batch, length, width = tokens.shape
        qkv = attention.qkv(tokens).reshape(batch, length, 3, attention.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) * attention.scale).exp()
        weights[..., -2:] *= gamma
        mixed = (weights / weights.sum(-1, keepdim=True)) @ v
        expected = attention.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("fused", [True, False])
def test_the_gate_works_with_fused_and_plain_attention(fused: bool) -> None:
    network, attachment = attached("vpt_deep", prompts=2)
    gammas = []
    for _, module in attachment.modules():
        gammas.append(torch.tensor(0.7, dtype=torch.float64, requires_grad=True))
        module.gamma = lambda value=gammas[-1]: value
    for block in network.blocks:
        block.attn.fused_attn = fused
    network(pixels()).square().sum().backward()
    found = [gamma.grad for gamma in gammas]
    for block in network.blocks:
        block.attn.fused_attn = not fused
    for gamma in gammas:
        gamma.grad = None
    network(pixels()).square().sum().backward()
    torch.testing.assert_close(found, [gamma.grad for gamma in gammas])


def test_prompts_start_within_the_bound_of_the_released_code() -> None:
    bound = math.sqrt(6 / (3 * 8 * 8 + 16))
    network = TinyBackbone().build()
    attachment = attach("vpt_deep", network, TinyBackbone(), prompts=200)
    for module in attachment.inserted.values():
        assert isinstance(module, Prompts)
        assert 0.97 * bound < module.prompts.abs().max().item() <= bound


# where


def test_where_a_method_has_no_such_position_the_error_lists_the_ones_it_has() -> None:
    from pydantic import ValidationError

    for method in ("bitfit", "adapter", "adaptformer"):
        with pytest.raises(ValidationError, match="Input should be"):
            attach(method, TinyBackbone().build(), TinyBackbone(), positions=("q",))


@pytest.mark.parametrize("method", ["bitfit", "adapter", "adaptformer", "vpt_deep", "vpt_shallow"])
def test_where_a_block_does_not_exist_the_error_lists_the_ones_that_do(method: str) -> None:
    with pytest.raises(PositionError, match=r"no block 7[\s\S]*blocks 0 to 1"):
        attach(method, TinyBackbone().build(), TinyBackbone(), blocks=[7])


def test_shallow_prompts_need_a_run_of_blocks() -> None:
    from timm.models.vision_transformer import VisionTransformer

    from rsbench.method import AttachContext
    from rsbench_baselines.backbones.sites.vit import vit_sites
    from rsbench_baselines.vpt import VptShallow

    network = VisionTransformer(img_size=16, patch_size=8, embed_dim=16, depth=3, num_heads=2)
    context = AttachContext(3, 3, torch.Generator())
    with pytest.raises(PositionError, match="no run of neighbours"):
        VptShallow(VptShallow.Options(blocks=[0, 2])).attach(network, vit_sites(network), context)


def test_a_backbone_without_token_sequence_refuses_prompts() -> None:
    from rsbench.insertion import choose_sites

    sites = TinyBackbone().sites(TinyBackbone().build())
    linear_only = [site for site in sites if site.kind == "linear"]
    with pytest.raises(PositionError, match=r"token sequence[\s\S]*linear \(q, k, v"):
        choose_sites(linear_only, "tokens", ("prompt",), "all")
