"""What the blocks of timm's ViT and Swin have in common: their layers are called alike."""

from __future__ import annotations

from torch import nn

from rsbench.insertion import Site
from rsbench_baselines.backbones.sites.layers import bias_sites, fused_sites, linear_site


def linear_sites(network: nn.Module, block: int, name: str) -> list[Site]:
    """q, k, v, out, mlp1 and mlp2 of the block with dotted name ``name``."""
    layers = _mlp_layers(network, name)
    return [
        *fused_sites(network, block, f"{name}.attn.qkv"),
        linear_site(network, block, "out", f"{name}.attn.proj"),
        *(linear_site(network, block, position, layer) for position, layer in layers.items()),
    ]


def pre_norm_biases(network: nn.Module, block: int, name: str) -> list[Site]:
    """ln1, qkv, out, ln2, mlp1 and mlp2 of a pre-norm block, where they have a bias."""
    layers = {
        "ln1": f"{name}.norm1",
        "qkv": f"{name}.attn.qkv",
        "out": f"{name}.attn.proj",
        "ln2": f"{name}.norm2",
        **_mlp_layers(network, name),
    }
    return bias_sites(network, block, layers)


def _mlp_layers(network: nn.Module, name: str) -> dict[str, str]:
    """mlp1 and mlp2; a gated MLP has two layers, fc1_g and fc1_x, where mlp1 would be."""
    layers = {"mlp1": f"{name}.mlp.fc1", "mlp2": f"{name}.mlp.fc2"}
    if hasattr(network.get_submodule(f"{name}.mlp"), "fc1_g"):
        del layers["mlp1"]
    return layers
