"""Insertion sites of real checkpoints: all kinds are there, and gamma = 0 removes every module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rsbench.backbone import Normalisation
from rsbench.folders import Folders
from rsbench.insertion import Attachment, InsertedModule, PromptModule, Site
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions

OPTIONS = {
    "galileo_nano": CheckpointOptions(
        architecture="VisionTransformer",
        arguments={"patch_size": 8, "embed_dim": 128, "depth": 4, "num_heads": 8,
                   "class_token": False, "global_pool": "avg", "fc_norm": False},
        weights="weights/galileo_nano_rgb_96px_timm.safetensors",
        image_size=96,
        normalisation=Normalisation(statistics="target"),
        norm_eps=1e-5,
    ),
    "dinov2_vit_s14": CheckpointOptions(
        architecture="vit_small_patch14_dinov2",
        weights="weights/dinov2_vit_s14_timm_fp16.safetensors",
        image_size=98,
        normalisation=Normalisation(statistics="target"),
        position_resize="bicubic",
    ),
}  # fmt: skip
DEPTHS = {"galileo_nano": 4, "dinov2_vit_s14": 12}
SITES = {
    "linear": ["q", "k", "v", "out", "mlp1", "mlp2"],
    "bias": ["ln1", "qkv", "out", "ln2", "mlp1", "mlp2"],
    "branch": ["attn", "ffn"],
    "tokens": ["prompt"],
}

Opened = tuple[str, Checkpoint, nn.Module]


@pytest.fixture(params=list(OPTIONS), scope="module")
def opened(request: pytest.FixtureRequest, shared_data: Path) -> Opened:
    name = request.param
    backbone = Checkpoint.open(name, OPTIONS[name], Folders(base=shared_data))
    return name, backbone, backbone.build()


def random_values(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


class RandomDelta(InsertedModule):
    """Random values, whatever it reads."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.values = random_values(site.output_dim)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return self.values * self.factor()


class RandomPrompts(PromptModule):
    """Random tokens that are cut off after ``last_block``."""

    def __init__(self, site: Site, last_block: int | None) -> None:
        super().__init__(last_block)
        self.values = random_values(5, site.output_dim)

    def tokens(self) -> Tensor:
        return self.values


def features(opened: Opened) -> Tensor:
    _, backbone, network = opened
    size = backbone.info.image_size
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return backbone.features(network, torch.randn(2, 3, size, size, generator=generator))


def with_gamma(module: InsertedModule, gamma: float) -> InsertedModule:
    module.gamma = lambda: torch.tensor(gamma)
    return module


def sites_of_kind(opened: Opened, kind: str) -> list[Site]:
    _, backbone, network = opened
    return [site for site in backbone.sites(network) if site.kind == kind]


def deltas(opened: Opened, kind: str, gamma: float) -> Attachment:
    sites = sites_of_kind(opened, kind)
    return Attachment(opened[2], {site: with_gamma(RandomDelta(site), gamma) for site in sites})


def prompts(opened: Opened, deep: bool, gamma: float) -> Attachment:
    _, backbone, network = opened
    tokens = sites_of_kind(opened, "tokens")
    entries = tokens if deep else tokens[:1]
    last = None if deep else tokens[-1].block
    modules = {site: with_gamma(RandomPrompts(site, last), gamma) for site in entries}
    return Attachment(network, modules, sites=backbone.sites(network))


def test_every_block_has_every_kind_of_site(opened: Opened) -> None:
    name, backbone, network = opened
    for kind, positions in SITES.items():
        found = [(site.block, site.position) for site in sites_of_kind(opened, kind)]
        assert found == [(block, p) for block in range(DEPTHS[name]) for p in positions]
    assert len(backbone.sites(network)) == DEPTHS[name] * 15


@pytest.mark.parametrize(
    "insert",
    [
        lambda opened, gamma: deltas(opened, "linear", gamma),
        lambda opened, gamma: deltas(opened, "bias", gamma),
        lambda opened, gamma: deltas(opened, "branch", gamma),
        lambda opened, gamma: prompts(opened, False, gamma),
        lambda opened, gamma: prompts(opened, True, gamma),
    ],
    ids=["linear", "bias", "branch", "prompts-shallow", "prompts-deep"],
)
def test_gamma_zero_gives_the_frozen_features_and_one_does_not(
    opened: Opened, insert: Callable[[Opened, float], Attachment]
) -> None:
    before = features(opened)
    found = {}
    for gamma in (0.0, 1.0):
        attachment = insert(opened, gamma)
        found[gamma] = features(opened)
        attachment.detach()
    torch.testing.assert_close(found[0.0], before, atol=1e-6, rtol=1e-6)
    assert (found[1.0] - before).abs().max() > 1e-3
    assert torch.equal(features(opened), before)
