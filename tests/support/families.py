"""Tiny random networks of every family that has a table of insertion sites."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.convnext import ConvNeXt
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from tiny import TinyBackbone
from torch import nn

from rsbench.insertion import Site

SIZE = 32

#: Class and arguments by name. The windows of the Swin do not divide its feature maps (8 and 4),
#: so that padding and shifting both take part.
ARCHITECTURES: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "vit": (VisionTransformer, {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}),
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
