"""What the blocks of timm's ViT and Swin have in common: their layers are called alike."""

from __future__ import annotations

from torch import nn

from rsbench.insertion import Site
from rsbench_baselines.backbones.sites.layers import bias_sites, fused_sites, linear_site


def linear_sites(network: nn.Module, block: int, name: str) -> list[Site]:
    """q, k, v, out, mlp1 and mlp2 of the block with dotted name ``name``."""
    return [
        *fused_sites(network, block, f"{name}.attn.qkv"),
        linear_site(network, block, "out", f"{name}.attn.proj"),
        linear_site(network, block, "mlp1", f"{name}.mlp.fc1"),
        linear_site(network, block, "mlp2", f"{name}.mlp.fc2"),
    ]


def pre_norm_biases(network: nn.Module, block: int, name: str) -> list[Site]:
    """ln1, qkv, out, ln2, mlp1 and mlp2 of a pre-norm block, where they have a bias."""
    layers = {
        "ln1": f"{name}.norm1",
        "qkv": f"{name}.attn.qkv",
        "out": f"{name}.attn.proj",
        "ln2": f"{name}.norm2",
        "mlp1": f"{name}.mlp.fc1",
        "mlp2": f"{name}.mlp.fc2",
    }
    return bias_sites(network, block, layers)
