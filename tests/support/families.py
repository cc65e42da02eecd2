"""Tiny random networks of every family that has a table of insertion sites."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.convnext import ConvNeXt
from timm.models.eva import Eva
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from tiny import TinyBackbone
from torch import nn

from rsbench.insertion import Site

SIZE = 32

VIT: dict[str, Any] = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}

#: Class and arguments by name. The windows of the Swin do not divide its feature maps (8 and 4),
#: so that padding and shifting both take part.
ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "vit": (VisionTransformer, VIT),
    # as DINOv3: rotary positions alone, registers, layer scale, no bias in qkv
    "dinov3": (
        Eva,
        VIT | {"qkv_bias": False, "init_values": 0.1, "num_reg_tokens": 2, "global_pool": "token",
               "use_abs_pos_emb": False, "use_rot_pos_emb": True, "rope_type": "dinov3",
               "rope_temperature": 100, "rope_rotate_half": True, "dynamic_img_size": True},
    ),
    # as RoPE-ViT: rotary positions of each block beside a position table
    "rope": (
        Eva,
        VIT | {"attn_type": "rope", "global_pool": "token", "no_embed_class": True,
               "use_rot_pos_emb": True, "rope_type": "mixed"},
    ),
    "swin": (
        SwinTransformer,
        {"patch_size": 4, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 3},
    ),
    "convnext": (ConvNeXt, {"depths": [1, 1, 2, 1], "dims": [4, 8, 8, 16], "kernel_sizes": 3}),
    "convnextv2": (
        ConvNeXt,
        {"depths": [1, 1, 2, 1], "dims": [4, 8, 8, 16], "kernel_sizes": 3,
         "use_grn": True, "ls_init_value": None},
    ),
}  # fmt: skip
FAMILIES = tuple(ARCHITECTURES)


def empty(family: str, **changes: Any) -> nn.Module:
    """The network with timm's own initial weights, without gradients, in evaluation mode."""
    kind, arguments = ARCHITECTURES[family]
    size = {} if kind is ConvNeXt else {"img_size": SIZE}
    network = kind(num_classes=0, **size, **{**arguments, **changes})
    return network.requires_grad_(False).eval()


class FamilyBackbone(TinyBackbone):
    """A random tiny network of one family; every parameter, biases included, is random."""

    def __init__(self, family: str, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(dtype)
        self.family = family

    def build(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = empty(self.family)
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.3)
        return network.to(self.dtype)

    def sites(self, network: nn.Module) -> tuple[Site, ...]:
        from rsbench_baselines.backbones.sites.dispatch import sites_of

        return sites_of(network)


def family_images(number: int = 3, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Random normalised images, shape (number, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(number, 3, SIZE, SIZE, generator=generator, dtype=dtype)
