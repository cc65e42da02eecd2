"""Insertion sites of timm's VisionTransformer and of its EVA-style one with rotary positions."""

from __future__ import annotations

from timm.layers import AttentionRope
from timm.models.eva import EvaAttention, EvaBlock
from timm.models.vision_transformer import Attention, Block
from torch import nn

from rsbench.errors import PositionError
from rsbench.insertion import Site
from rsbench_baselines.backbones.sites.layers import FAMILIES, branch_site, linear_layer
from rsbench_baselines.backbones.sites.transformer import linear_sites, pre_norm_biases


def vit_sites(network: nn.Module) -> tuple[Site, ...]:
    """Every site of every block, in forward order.

    Linear: q, k and v are the thirds of the fused ``qkv`` projection, on the full width, before
    the split into heads (and before rotary positions turn them); ``out`` is the projection after
    attention; ``mlp1`` writes before the activation and ``mlp2`` reads after it. A gated MLP with
    two layers side by side (SwiGLU) has no ``mlp1``. Bias: ln1, qkv, out, ln2, mlp1, mlp2, where
    the layer has one. Branch: attn and ffn, from the residual stream to what is added to it,
    layer scale included. Tokens: prompt; rotary positions leave prompts as they are. Blocks that
    are neither timm's pre-norm ``Block`` nor its ``EvaBlock`` have linear sites only.

    Raises:
        PositionError: the network has no such blocks.
    """
    blocks = getattr(network, "blocks", None)
    if blocks is None or not hasattr(blocks[0], "attn") or not hasattr(blocks[0].attn, "qkv"):
        raise PositionError(
            f"{type(network).__name__} has no blocks with attn.qkv, attn.proj, mlp.fc1, mlp.fc2",
            remedy=f"use {FAMILIES}, or a backbone plugin with a table of its own",
        )
    sites: list[Site] = []
    for index, block in enumerate(blocks):
        sites += linear_sites(network, index, f"blocks.{index}")
        if isinstance(block, (Block, EvaBlock)):
            sites += _pre_norm_sites(network, index, block)
    return tuple(sites)


def _pre_norm_sites(network: nn.Module, index: int, block: Block | EvaBlock) -> list[Site]:
    name = f"blocks.{index}"
    # layer scale is a module of a Block and a parameter of an EvaBlock, multiplied in before this
    attn, ffn = ("ls1", "ls2") if isinstance(block, Block) else ("drop_path1", "drop_path2")
    width = linear_layer(network, f"{name}.mlp.fc2").out_features
    sites = [
        *pre_norm_biases(network, index, name),
        branch_site(index, "attn", f"{name}.norm1", f"{name}.{attn}", width),
        branch_site(index, "ffn", f"{name}.norm2", f"{name}.{ffn}", width),
    ]
    if isinstance(block.attn, (Attention, EvaAttention, AttentionRope)):
        sites.append(
            Site(
                index,
                "prompt",
                name,
                _patch_values(network),
                width,
                kind="tokens",
                source=f"{name}.attn",
            )
        )
    return sites


def _patch_values(network: nn.Module) -> int:
    """Number of values in one image patch: channels x side x side.

    Raises:
        PositionError: the network does not cut patches by a convolution.
    """
    try:
        return network.get_parameter("patch_embed.proj.weight")[0].numel()
    except AttributeError as error:
        raise PositionError(
            f"{type(network).__name__} has no layer patch_embed.proj", remedy=f"use {FAMILIES}"
        ) from error
