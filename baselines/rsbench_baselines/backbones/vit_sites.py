"""Insertion positions of timm's VisionTransformer family (paper section 1.3)."""

from __future__ import annotations

from torch import nn

from rsbench.errors import PositionError
from rsbench.insertion import Site


def vit_sites(network: nn.Module) -> tuple[Site, ...]:
    """The sites q, k, v, out, mlp1 and mlp2 of every block, in forward order.

    q, k and v are the thirds of the fused ``qkv`` projection, on the full width, before the
    split into heads; ``out`` is the projection after attention; ``mlp1`` writes before the
    activation and ``mlp2`` reads after it.

    Raises:
        PositionError: the network has no such blocks.
    """
    blocks = getattr(network, "blocks", None)
    if blocks is None or not hasattr(blocks[0], "attn") or not hasattr(blocks[0].attn, "qkv"):
        raise PositionError(
            f"{type(network).__name__} has no blocks with attn.qkv, attn.proj, mlp.fc1, mlp.fc2",
            remedy="use a timm VisionTransformer, or a backbone plugin with its own table of sites",
        )
    return tuple(site for index in range(len(blocks)) for site in _block_sites(network, index))


def _block_sites(network: nn.Module, index: int) -> list[Site]:
    qkv = _linear(network, f"blocks.{index}.attn.qkv")
    width = qkv.out_features // 3
    fused = [
        Site(index, position, f"blocks.{index}.attn.qkv", qkv.in_features, width, part * width)
        for part, position in enumerate(("q", "k", "v"))
    ]
    single = []
    for position, layer in (("out", "attn.proj"), ("mlp1", "mlp.fc1"), ("mlp2", "mlp.fc2")):
        linear = _linear(network, f"blocks.{index}.{layer}")
        dims = (linear.in_features, linear.out_features)
        single.append(Site(index, position, f"blocks.{index}.{layer}", *dims))
    return [*fused, *single]


def _linear(network: nn.Module, name: str) -> nn.Linear:
    layer = network.get_submodule(name)
    if not isinstance(layer, nn.Linear):
        raise PositionError(f"{name} is a {type(layer).__name__}, not a linear layer")
    return layer
