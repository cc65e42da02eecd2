"""Checkpoints in the layout that MAE's and SatMAE's ``save_model`` writes, and their forward.

Written from the public repositories' description of the network, not from rsbench's converter:
keys and shapes of ``MaskedAutoencoderViT``, and its encoder without masking.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class MaeSize:
    """Sizes of encoder and decoder; the heads do not show in any shape."""

    width: int
    depth: int
    heads: int
    patch: int = 16
    image: int = 224
    decoder_width: int = 512
    decoder_depth: int = 8


TINY = MaeSize(width=16, depth=2, heads=2, patch=8, image=32, decoder_width=8, decoder_depth=1)
BASE = MaeSize(width=768, depth=12, heads=12)
LARGE = MaeSize(width=1024, depth=24, heads=16)


def _linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _blocks(name: str, depth: int, width: int) -> Shapes:
    found: Shapes = {}
    for block in (f"{name}.{index}" for index in range(depth)):
        found |= _norm(f"{block}.norm1", width)
        found |= _linear(f"{block}.attn.qkv", 3 * width, width)
        found |= _linear(f"{block}.attn.proj", width, width)
        found |= _norm(f"{block}.norm2", width)
        found |= _linear(f"{block}.mlp.fc1", 4 * width, width)
        found |= _linear(f"{block}.mlp.fc2", width, 4 * width)
    return found


def encoder_shapes(size: MaeSize) -> Shapes:
    """Keys and shapes of the encoder."""
    tokens = (size.image // size.patch) ** 2 + 1
    return {
        "cls_token": (1, 1, size.width),
        "pos_embed": (1, tokens, size.width),
        "patch_embed.proj.weight": (size.width, 3, size.patch, size.patch),
        "patch_embed.proj.bias": (size.width,),
        **_blocks("blocks", size.depth, size.width),
        **_norm("norm", size.width),
    }


def decoder_shapes(size: MaeSize) -> Shapes:
    """Keys and shapes of what only pretraining needs."""
    tokens = (size.image // size.patch) ** 2 + 1
    width = size.decoder_width
    return {
        "mask_token": (1, 1, width),
        "decoder_pos_embed": (1, tokens, width),
        **_linear("decoder_embed", width, size.width),
        **_blocks("decoder_blocks", size.decoder_depth, width),
        **_norm("decoder_norm", width),
        **_linear("decoder_pred", 3 * size.patch**2, width),
    }


def random_model(size: MaeSize, seed: int = 0) -> dict[str, Tensor]:
    """Random encoder and decoder; norms are not the identity."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {**encoder_shapes(size), **decoder_shapes(size)}
    return {name: torch.randn(shape, generator=generator) * 0.2 for name, shape in shapes.items()}


def hollow_model(size: MaeSize, dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """Equal rows in full size, which take no room in memory or in a torch file."""
    shapes = {**encoder_shapes(size), **decoder_shapes(size)}
    return {
        name: torch.linspace(-1, 1, shape[-1]).to(dtype).expand(shape)
        for name, shape in shapes.items()
    }


def checkpoint(model: dict[str, Tensor], **args: Any) -> dict[str, Any]:
    """What ``save_model`` writes around the weights."""
    return {
        "model": model,
        "optimizer": {"state": {}, "param_groups": [{"lr": 1.5e-4, "params": [0, 1]}]},
        "epoch": 799,
        "scaler": {"scale": 65536.0, "growth_tracker": 3},
        "args": argparse.Namespace(
            **{"model": "mae_vit", "blr": 1.5e-4, "resume": "", "dist_backend": "nccl", **args}
        ),
    }


def encode(model: dict[str, Tensor], size: MaeSize, images: Tensor) -> Tensor:
    """Tokens behind the last norm, class token first, without masking, by plain formulas."""

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * model[f"{name}.weight"] + model[f"{name}.bias"]

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ model[f"{name}.weight"].T + model[f"{name}.bias"]

    def attention(name: str, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        heads = (batch, tokens, size.heads, width // size.heads)
        q, k, v = (
            part.reshape(heads).transpose(1, 2)
            for part in linear(f"{name}.qkv", x).chunk(3, dim=-1)
        )
        weights = (q @ k.transpose(-1, -2) / (width // size.heads) ** 0.5).softmax(-1)
        return linear(f"{name}.proj", (weights @ v).transpose(1, 2).reshape(x.shape))

    patches = functional.unfold(images, size.patch, stride=size.patch).transpose(1, 2)
    kernel = model["patch_embed.proj.weight"].flatten(1)
    x = patches @ kernel.T + model["patch_embed.proj.bias"] + model["pos_embed"][:, 1:]
    first = (model["cls_token"] + model["pos_embed"][:, :1]).expand(len(x), -1, -1)
    x = torch.cat([first, x], dim=1)
    for block in (f"blocks.{index}" for index in range(size.depth)):
        x = x + attention(f"{block}.attn", norm(f"{block}.norm1", x))
        hidden = functional.gelu(linear(f"{block}.mlp.fc1", norm(f"{block}.norm2", x)))
        x = x + linear(f"{block}.mlp.fc2", hidden)
    return norm("norm", x)
