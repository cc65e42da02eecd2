"""Insertion sites of timm's SwinTransformer (the first version)."""

from __future__ import annotations

from torch import nn

from rsbench.insertion import Site
from rsbench_baselines.backbones.sites.layers import branch_site, linear_layer, numbered_blocks
from rsbench_baselines.backbones.sites.transformer import linear_sites, pre_norm_biases


def swin_sites(network: nn.Module) -> tuple[Site, ...]:
    """Every site of every block, in forward order; blocks are counted over all stages.

    A Swin block is a pre-norm transformer block whose attention sees one window at a time:
    ``x + attn(norm1(x))``, then ``x + mlp(norm2(x))``. So it has the positions of a vision
    transformer (paper section 1.3), at widths that grow from stage to stage:

    * linear: q, k, v (thirds of the fused projection, before the split into heads), out, mlp1,
      mlp2. Tokens that pad a feature map to whole windows take the delta of q, k and v too, as
      they take the frozen projection.
    * bias: ln1, qkv, out, ln2, mlp1, mlp2.
    * branch: attn and ffn, from the residual stream to what is added to it. ``layer`` is the
      block's stochastic depth, which passes everything on in evaluation mode.

    There are no tokens sites: no attention sees the sequence whole, and the windows have a mask
    of their own, so prompts have no place (section 9.6). The patch merging between stages
    belongs to no block and has no sites.

    Args:
        network: a timm SwinTransformer.

    Raises:
        PositionError: a projection is no linear layer.
    """
    sites: list[Site] = []
    for index, name, _ in numbered_blocks(network.get_submodule("layers"), "layers"):
        sites += _block_sites(network, index, name)
    return tuple(sites)


def _block_sites(network: nn.Module, index: int, name: str) -> list[Site]:
    width = linear_layer(network, f"{name}.mlp.fc2").out_features
    return [
        *linear_sites(network, index, name),
        *pre_norm_biases(network, index, name),
        branch_site(index, "attn", f"{name}.norm1", f"{name}.drop_path1", width),
        branch_site(index, "ffn", f"{name}.norm2", f"{name}.drop_path2", width),
    ]
