"""Pieces of site tables that all architectures share."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from rsbench.errors import PositionError
from rsbench.insertion import Site

#: The families that have a table, in the words of an error message.
FAMILIES = (
    "a timm VisionTransformer, a DINOv3 or RoPE ViT without separate q and v biases, a "
    "SwinTransformer (the first version) or a ConvNeXt (V1 or V2, conv_mlp: false)"
)


def numbered_blocks(stages: nn.Module, prefix: str) -> Iterator[tuple[int, str, nn.Module]]:
    """Index over the whole network, dotted name, and block, through stages with ``blocks``."""
    index = 0
    for stage_name, stage in stages.named_children():
        for block_name, block in stage.get_submodule("blocks").named_children():
            yield index, f"{prefix}.{stage_name}.blocks.{block_name}", block
            index += 1


def linear_site(network: nn.Module, block: int, position: str, layer: str) -> Site:
    """The site of a linear layer that belongs to one position alone."""
    linear = linear_layer(network, layer)
    return Site(block, position, layer, linear.in_features, linear.out_features)


def fused_sites(network: nn.Module, block: int, layer: str) -> list[Site]:
    """The sites q, k and v: thirds of one projection's output channels.

    Raises:
        PositionError: the attention reads the projection's weights instead of calling it, so
            that a delta at its output would never be computed.
    """
    qkv = linear_layer(network, layer)
    attention = network.get_submodule(layer.rpartition(".")[0])
    own_biases = getattr(attention, "q_bias", None) is not None
    if own_biases and not getattr(attention, "qkv_bias_separate", False):
        raise PositionError(
            f"{layer} is never called: the attention reads its weights and adds biases of its own",
            remedy=f"use {FAMILIES}",
        )
    width = qkv.out_features // 3
    return [
        Site(block, position, layer, qkv.in_features, width, part * width)
        for part, position in enumerate(("q", "k", "v"))
    ]


def bias_sites(network: nn.Module, block: int, layers: dict[str, str]) -> list[Site]:
    """One site per layer that has a bias; a fused qkv bias counts once (paper section 9.6).

    Args:
        network: the network.
        block: index of the block.
        layers: dotted name of the layer by position, in forward order.
    """
    sites = []
    for position, layer in layers.items():
        bias = getattr(network.get_submodule(layer), "bias", None)
        if bias is not None:
            width = len(bias)
            sites.append(Site(block, position, layer, width, width, kind="bias"))
    return sites


def branch_site(block: int, position: str, source: str, layer: str, width: int) -> Site:
    """A residual branch: its first module reads the stream, ``layer`` writes what is added."""
    return Site(block, position, layer, width, width, kind="branch", source=source)


def linear_layer(network: nn.Module, name: str) -> nn.Linear:
    """The linear layer of that dotted name.

    Raises:
        PositionError: there is none, or it is another kind of layer.
    """
    try:
        layer = network.get_submodule(name)
    except AttributeError as error:
        raise PositionError(
            f"{type(network).__name__} has no layer {name}", remedy=f"use {FAMILIES}"
        ) from error
    if not isinstance(layer, nn.Linear):
        raise PositionError(
            f"{name} is a {type(layer).__name__}, not a linear layer", remedy=f"use {FAMILIES}"
        )
    return layer
