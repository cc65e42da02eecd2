"""Insertion sites of timm's ConvNeXt, V1 and V2."""

from __future__ import annotations

from timm.layers import GlobalResponseNormMlp
from timm.models.convnext import ConvNeXtBlock
from torch import nn

from rsbench.errors import PositionError
from rsbench.insertion import Site
from rsbench_baselines.backbones.sites.layers import (
    bias_sites,
    branch_site,
    linear_layer,
    linear_site,
    numbered_blocks,
)


def convnext_sites(network: nn.Module) -> tuple[Site, ...]:
    """Every site of every block, in forward order; blocks are counted over all stages.

    A block is ``x + scale * mlp(norm(conv(x)))`` with a depthwise convolution, channels first,
    and then a normalisation and an MLP, channels last. It has no attention, hence none of the
    attention's positions and no place for prompts (paper section 9.6):

    * linear: mlp1 (before the activation) and mlp2 (after it, and in V2 after the global
      response normalisation).
    * bias: ln2 (the block's one normalisation), mlp1, mlp2, and in V2 grn between them. The
      bias of the depthwise convolution is left out: an inserted bias is added along the last
      dimension, and the channels are the second one there.
    * branch: ffn, around normalisation and MLP. Its input is what the convolution wrote, not
      the residual stream; its delta is added to the MLP's output, BEFORE the layer scale
      (V1) multiplies both.

    Args:
        network: a timm ConvNeXt.

    Raises:
        PositionError: the MLPs are 1x1 convolutions (``conv_mlp``).
    """
    sites: list[Site] = []
    for index, name, block in numbered_blocks(network.get_submodule("stages"), "stages"):
        _check_block(name, block)
        sites += _block_sites(network, index, name)
    return tuple(sites)


def _block_sites(network: nn.Module, index: int, name: str) -> list[Site]:
    width = linear_layer(network, f"{name}.mlp.fc2").out_features
    biases = {"ln2": f"{name}.norm", "mlp1": f"{name}.mlp.fc1"}
    if isinstance(network.get_submodule(f"{name}.mlp"), GlobalResponseNormMlp):
        biases["grn"] = f"{name}.mlp.grn"
    biases["mlp2"] = f"{name}.mlp.fc2"
    return [
        linear_site(network, index, "mlp1", f"{name}.mlp.fc1"),
        linear_site(network, index, "mlp2", f"{name}.mlp.fc2"),
        *bias_sites(network, index, biases),
        branch_site(index, "ffn", f"{name}.norm", f"{name}.mlp", width),
    ]


def _check_block(name: str, block: nn.Module) -> None:
    """Refuse blocks whose channels are not the last dimension of the MLP."""
    if isinstance(block, ConvNeXtBlock) and not block.use_conv_mlp:
        return
    raise PositionError(
        f"{name} computes its MLP by 1x1 convolutions (conv_mlp), which have no linear layers",
        remedy="use a ConvNeXt that is built with conv_mlp: false, such as convnext_base",
    )
