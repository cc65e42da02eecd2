"""The demo network's weights as a masked autoencoder's checkpoint, as SatMAE's are stored.

The encoder is the shipped demo network: it has a class token, a position table with the class
token's entry first and biases in qkv, as MAE's encoder has, so nothing of it is adapted. (MAE's
position table is computed and this one was trained; both are stored.) The decoder around it is
made up and never used, for a checkpoint in this format holds one.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.atomic import new_file
from rsbench_baselines.demo_backbone.network import ARCHITECTURE, WEIGHTS

if TYPE_CHECKING:
    from torch import Tensor

_DECODER_WIDTH = 64


def write_mae_checkpoint(path: Path) -> None:
    """Write the shipped weights to ``path`` in the layout that MAE's ``save_model`` writes.

    Args:
        path: file to write, in one step; its folder is made.

    Raises:
        OSError: the folder cannot be written.
    """
    import torch
    from safetensors.torch import load_file

    encoder = {key: value.float() for key, value in load_file(WEIGHTS).items()}
    checkpoint = {
        "model": {**encoder, **_decoder(patches=encoder["pos_embed"].shape[1] - 1)},
        "optimizer": {"state": {}, "param_groups": []},
        "epoch": 0,
        "scaler": {},
        "args": argparse.Namespace(model="mae_vit_demo_patch8", mask_ratio=0.75, lr=None),
    }
    with new_file(path) as temporary:
        torch.save(checkpoint, temporary)


def _decoder(patches: int) -> dict[str, Tensor]:
    """A decoder of one block, all zeros, under MAE's names."""
    import torch

    width, encoder, patch = _DECODER_WIDTH, ARCHITECTURE["embed_dim"], ARCHITECTURE["patch_size"]
    block = "decoder_blocks.0."
    shapes = {
        "mask_token": (1, 1, width),
        "decoder_pos_embed": (1, patches + 1, width),
        "decoder_embed.weight": (width, encoder),
        "decoder_embed.bias": (width,),
        f"{block}norm1.weight": (width,),
        f"{block}norm1.bias": (width,),
        f"{block}attn.qkv.weight": (3 * width, width),
        f"{block}attn.qkv.bias": (3 * width,),
        f"{block}attn.proj.weight": (width, width),
        f"{block}attn.proj.bias": (width,),
        f"{block}norm2.weight": (width,),
        f"{block}norm2.bias": (width,),
        f"{block}mlp.fc1.weight": (4 * width, width),
        f"{block}mlp.fc1.bias": (4 * width,),
        f"{block}mlp.fc2.weight": (width, 4 * width),
        f"{block}mlp.fc2.bias": (width,),
        "decoder_norm.weight": (width,),
        "decoder_norm.bias": (width,),
        "decoder_pred.weight": (3 * patch * patch, width),
        "decoder_pred.bias": (3 * patch * patch,),
    }
    return {name: torch.zeros(shape) for name, shape in shapes.items()}
