"""Insertion sites of every family beside those of the ViT: what they are, what they do."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from families import FAMILIES, FamilyBackbone, family_images
from tiny import attach, randomise
from torch import Tensor, nn

from rsbench.errors import PositionError
from rsbench.insertion import Attachment, InsertedModule, Site, SiteKind, choose_sites
from rsbench_baselines.backbones.sites.dispatch import sites_of
from rsbench_baselines.bitfit.layers import BiasDelta
from rsbench_baselines.lora.merge import merged_state

ATTENTION = ["q", "k", "v", "out"]
MLP = ["mlp1", "mlp2"]
TRANSFORMER = {
    "linear": [*ATTENTION, *MLP],
    "bias": ["ln1", "qkv", "out", "ln2", *MLP],
    "branch": ["attn", "ffn"],
}
POSITIONS: dict[str, dict[str, list[str]]] = {
    "vit": TRANSFORMER | {"tokens": ["prompt"]},
    "dinov3": {
        "linear": [*ATTENTION, *MLP],
        "bias": ["ln1", "out", "ln2", *MLP],
        "branch": ["attn", "ffn"],
        "tokens": ["prompt"],
    },
    "rope": TRANSFORMER | {"tokens": ["prompt"]},
    "swin": TRANSFORMER,
    "convnext": {"linear": MLP, "bias": ["ln2", *MLP], "branch": ["ffn"]},
    "convnextv2": {"linear": MLP, "bias": ["ln2", "mlp1", "grn", "mlp2"], "branch": ["ffn"]},
}
BLOCKS = {"vit": 2, "dinov3": 2, "rope": 2, "swin": 4, "convnext": 5, "convnextv2": 5}
OTHERS = [family for family in FAMILIES if family != "vit"]
WITHOUT_TOKENS = [family for family in FAMILIES if "tokens" not in POSITIONS[family]]

every_family = pytest.mark.parametrize("family", FAMILIES)


def options(method: str, family: str) -> dict[str, Any]:
    """Options that insert ``method`` wherever ``family`` takes it."""
    kind = {"lora": "linear", "bitfit": "bias"}.get(method, "branch")
    positions = [name for name in POSITIONS[family][kind] if name != "grn"]
    return {"positions": positions} | ({} if method == "bitfit" else {"rank": 2})


every_method = pytest.mark.parametrize("method", ["lora", "bitfit", "adapter", "adaptformer"])


def built(family: str, dtype: torch.dtype = torch.float64) -> tuple[FamilyBackbone, nn.Module]:
    backbone = FamilyBackbone(family, dtype)
    return backbone, backbone.build()


def features(network: nn.Module) -> Tensor:
    dtype = next(network.parameters()).dtype
    result: Tensor = network(family_images(dtype=dtype))
    return result


def attached(method: str, family: str, **changes: Any) -> tuple[nn.Module, Attachment]:
    """A random network with ``method`` wherever it goes, in float64, still at its start."""
    backbone, network = built(family)
    attachment = attach(method, network, backbone, **(options(method, family) | changes))
    attachment.inserted.double()
    return network, attachment


@every_family
def test_every_block_has_the_positions_of_its_family(family: str) -> None:
    sites = sites_of(built(family)[1])
    assert [site.block for site in sites] == sorted(site.block for site in sites)
    for block in range(BLOCKS[family]):
        found: dict[str, list[str]] = {}
        for site in sites:
            if site.block == block:
                found.setdefault(site.kind, []).append(site.position)
        assert found == POSITIONS[family]
    biases = [site.layer for site in sites if site.kind == "bias"]
    assert len(set(biases)) == len(biases)
    assert max(site.block for site in sites) == BLOCKS[family] - 1


@every_family
def test_blocks_are_counted_in_the_order_in_which_they_run(family: str) -> None:
    _, network = built(family)
    sites = choose_sites(sites_of(network), "linear", ["mlp1"], "all")
    ran: list[str] = []
    for site in sites:
        network.get_submodule(site.layer).register_forward_hook(
            lambda *_, name=site.layer: ran.append(name)
        )
    features(network)
    assert ran == [site.layer for site in sites]
    assert [site.block for site in sites] == list(range(BLOCKS[family]))


def test_widths_follow_the_stages() -> None:
    def widths(family: str, position: str) -> list[tuple[int, int]]:
        sites = choose_sites(sites_of(built(family)[1]), "linear", [position], "all")
        return [(site.input_dim, site.output_dim) for site in sites]

    assert widths("swin", "k") == [(8, 8), (8, 8), (16, 16), (16, 16)]
    assert widths("swin", "mlp2") == [(32, 8), (32, 8), (64, 16), (64, 16)]
    assert widths("convnext", "mlp1") == [(4, 16), (8, 32), (8, 32), (8, 32), (16, 64)]


@every_family
@every_method
def test_at_the_start_the_features_are_those_of_the_frozen_network(
    family: str, method: str
) -> None:
    before = features(built(family)[1])
    network, _ = attached(method, family)
    torch.testing.assert_close(features(network), before, atol=1e-12, rtol=0)


@every_family
@every_method
def test_every_single_module_takes_part(family: str, method: str) -> None:
    before = features(built(family)[1])
    network, attachment = attached(method, family)
    randomise(attachment, torch.float64)
    gammas = {key: torch.zeros((), dtype=torch.float64) for key in attachment.inserted}
    for (_, module), gamma in zip(attachment.modules(), gammas.values(), strict=True):
        module.gamma = lambda gamma=gamma: gamma  # type: ignore[misc]
    torch.testing.assert_close(features(network), before, atol=1e-12, rtol=0)
    for key, gamma in gammas.items():
        gamma.fill_(1.0)
        assert (features(network) - before).abs().max() > 1e-6, key
        gamma.zero_()


@every_family
@pytest.mark.parametrize("method", ["lora", "bitfit", "adapter", "adaptformer", "full"])
def test_detaching_restores_the_network_bit_for_bit(family: str, method: str) -> None:
    backbone, network = built(family)
    bare = copy.deepcopy(network)
    chosen = {} if method == "full" else options(method, family)
    attachment = attach(method, network, backbone, **chosen)
    randomise(attachment, torch.float64)
    assert not torch.equal(features(network), features(bare))
    attachment.detach()
    assert torch.equal(features(network), features(bare))
    expected, state = bare.state_dict(), network.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    hooks = [(m._forward_hooks, m._forward_pre_hooks) for m in network.modules()]
    assert not any(after or before for after, before in hooks)


@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-11)])
def test_merged_lora_gives_the_same_features(
    family: str, dtype: torch.dtype, tolerance: float
) -> None:
    backbone, network = built(family, dtype)
    before = features(network)
    attachment = attach("lora", network, backbone, **options("lora", family))
    randomise(attachment, dtype)
    for number, (_, module) in enumerate(attachment.modules()):
        module.gamma = lambda n=number: torch.tensor(0.1 * n, dtype=dtype)  # type: ignore[misc]
    adapted = features(network)
    merged = merged_state(network, attachment)
    attachment.detach()
    assert (before - adapted).abs().max() > 0.01
    network.load_state_dict(merged)
    torch.testing.assert_close(features(network), adapted, atol=tolerance, rtol=tolerance)


@every_family
def test_a_bias_delta_is_a_change_of_that_very_bias(family: str) -> None:
    _, network = built(family)
    for site in [site for site in sites_of(network) if site.kind == "bias"]:
        attachment = Attachment(network, {site: BiasDelta(torch.zeros(site.output_dim))})
        randomise(attachment, torch.float64)
        adapted = features(network)
        ((_, module),) = attachment.modules()
        attachment.detach()
        changed = copy.deepcopy(network)
        changed.get_parameter(f"{site.layer}.bias").add_(module.change())  # type: ignore[operator]
        torch.testing.assert_close(adapted, features(changed), msg=site.key)


class Recorder(InsertedModule):
    """Adds the same vector everywhere, and keeps what it was given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.vector = torch.randn(width, generator=generator, dtype=torch.float64)
        self.inputs = self.outputs = torch.empty(0)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        self.inputs, self.outputs = inputs, outputs
        return self.vector


def branches(network: nn.Module, position: str) -> list[Site]:
    return choose_sites(sites_of(network), "branch", [position], "all")


@pytest.mark.parametrize(
    ("family", "position", "last_layer"),
    [
        ("rope", "attn", "attn.proj"),
        ("rope", "ffn", "mlp.fc2"),
        ("swin", "attn", "attn.proj"),
        ("swin", "ffn", "mlp.fc2"),
        ("convnext", "ffn", "mlp.fc2"),
        ("convnextv2", "ffn", "mlp.fc2"),
    ],
)
def test_a_constant_on_a_branch_is_a_bias_of_its_last_layer(
    family: str, position: str, last_layer: str
) -> None:
    """So it is added before the residual sum, and in a ConvNeXt before the layer scale."""
    _, network = built(family)
    for site in branches(network, position):
        recorder = Recorder(site.output_dim)
        attachment = Attachment(network, {site: recorder})
        adapted = features(network)
        attachment.detach()
        changed = copy.deepcopy(network)
        block = site.source.rpartition(".")[0]
        changed.get_parameter(f"{block}.{last_layer}.bias").add_(recorder.vector)
        torch.testing.assert_close(adapted, features(changed), msg=site.key)


def run_with(network: nn.Module, site: Site, layer: str) -> tuple[Recorder, Tensor, Tensor]:
    """The recorder of ``site``, and what the module ``layer`` read and wrote."""
    recorder = Recorder(site.output_dim)
    recorder.vector.zero_()
    seen: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(
        lambda _module, inputs, output: seen.extend((inputs[0], output))
    )
    attachment = Attachment(network, {site: recorder})
    features(network)
    attachment.detach()
    handle.remove()
    return recorder, seen[0], seen[1]


@pytest.mark.parametrize("family", ["swin", "dinov3"])
def test_the_branches_of_a_transformer_read_the_residual_stream(family: str) -> None:
    """attn reads the block's input h; ffn reads h1, and h1 plus its output is h2."""
    _, network = built(family)
    for site in branches(network, "attn"):
        recorder, read, _ = run_with(network, site, site.source.rpartition(".")[0])
        assert torch.equal(recorder.inputs, read)
    for site in branches(network, "ffn"):
        recorder, _, written = run_with(network, site, site.source.rpartition(".")[0])
        stream = recorder.inputs + recorder.outputs
        torch.testing.assert_close(stream.reshape(written.shape), written)


def test_the_branch_of_a_convnext_reads_the_convolution_and_writes_the_mlp() -> None:
    _, network = built("convnext")
    for site in branches(network, "ffn"):
        block = site.source.rpartition(".")[0]
        recorder, _, convolved = run_with(network, site, f"{block}.conv_dw")
        torch.testing.assert_close(recorder.inputs, convolved.permute(0, 2, 3, 1))
        recorder, read, written = run_with(network, site, block)
        scale = network.get_parameter(f"{block}.gamma")
        scaled = (recorder.outputs * scale).permute(0, 3, 1, 2)
        torch.testing.assert_close(read + scaled, written)


@pytest.mark.parametrize("family", WITHOUT_TOKENS)
@pytest.mark.parametrize("method", ["vpt_shallow", "vpt_deep"])
def test_prompts_have_no_place_without_a_sequence_seen_whole(family: str, method: str) -> None:
    backbone, network = built(family)
    message = r"token sequence that every attention[\s\S]*linear \(.*mlp1, mlp2\)"
    with pytest.raises(PositionError, match=message):
        attach(method, network, backbone)
    with pytest.raises(PositionError, match=message):
        choose_sites(sites_of(network), "tokens", ["prompt"], "all")


@pytest.mark.parametrize(
    ("kind", "position", "listed"),
    [
        ("linear", "q", "choose from: mlp1, mlp2$"),
        ("bias", "ln1", "choose from: ln2, mlp1, mlp2$"),
        ("branch", "attn", "choose from: ffn$"),
    ],
)
def test_a_convnext_lists_what_it_has_instead_of_attention(
    kind: SiteKind, position: str, listed: str
) -> None:
    backbone, network = built("convnext")
    with pytest.raises(PositionError, match=rf"no position {position}[\s\S]*{listed}"):
        choose_sites(backbone.sites(network), kind, [position], "all")
    with pytest.raises(PositionError, match=r"no position q, k, v, out[\s\S]*mlp1, mlp2$"):
        attach("lora", network, backbone)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("resnet18", "there is no table for ResNet"),
        ("swinv2_tiny_window8_256", "there is no table for SwinTransformerV2"),
        # a hook on a layer whose weights are read, not called, would silently never run
        ("beit_base_patch16_224", "blocks.0.attn.qkv is never called"),
        ("vit_small_patch16_dinov3_qkvb", "blocks.0.attn.qkv is never called"),
        ("eva02_base_patch14_224", "Eva has no layer blocks.0.attn.qkv"),
        ("naflexvit_base_patch16_gap", "NaFlexVit has no layer patch_embed.proj"),
        (
            "convnext_nano",
            r"stages.0.blocks.0 computes its MLP by 1x1[\s\S]*conv_mlp: false",
        ),
    ],
)
def test_a_network_without_sites_names_the_reason_and_the_methods_that_need_none(
    name: str, why: str
) -> None:
    import timm

    with torch.device("meta"):
        network = timm.create_model(name)
    sites = sites_of(network)
    assert not sites
    with pytest.raises(PositionError, match=rf"no insertion sites: {why}") as caught:
        choose_sites(sites, "linear", ["q"], "all")
    assert "inserts nothing (full, linear" in caught.value.remedy
    assert "use a" in caught.value.remedy.partition("; or ")[2]


def test_a_gated_mlp_has_no_mlp1() -> None:
    """It has two layers there, side by side."""
    import timm

    for name in ("vit_small_plus_patch16_dinov3", "aimv2_large_patch14_224"):
        with torch.device("meta"):
            sites = sites_of(timm.create_model(name))
        assert {s.position for s in sites if s.kind == "linear"} == {*ATTENTION, "mlp2"}
        assert [s.block for s in sites if s.kind == "tokens"] == sorted({s.block for s in sites})
        with pytest.raises(PositionError, match="no position mlp1"):
            choose_sites(sites, "linear", ["mlp1"], "all")


@pytest.mark.parametrize(
    ("name", "blocks", "per_block", "parameters"),
    [
        ("swin_base_patch4_window7_224", 24, {"linear": 6, "bias": 6, "branch": 2}, 86_743_224),
        ("convnext_base", 36, {"linear": 2, "bias": 3, "branch": 1}, 87_566_464),
        ("convnextv2_base", 36, {"linear": 2, "bias": 4, "branch": 1}, 87_692_800),
    ],
)
def test_counts_of_the_full_size_networks(
    name: str, blocks: int, per_block: dict[str, int], parameters: int
) -> None:
    import timm

    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    kinds = [site.kind for site in sites_of(network)]
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        kind: number * blocks for kind, number in per_block.items()
    }
