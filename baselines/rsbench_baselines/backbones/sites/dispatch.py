"""The table of insertion sites that fits a network."""

from __future__ import annotations

from timm.models.convnext import ConvNeXt
from timm.models.swin_transformer import SwinTransformer
from torch import nn

from rsbench.errors import PositionError
from rsbench.insertion import NoSites, Site
from rsbench_baselines.backbones.sites.convnext import convnext_sites
from rsbench_baselines.backbones.sites.layers import FAMILIES
from rsbench_baselines.backbones.sites.swin import swin_sites
from rsbench_baselines.backbones.sites.vit import vit_sites


def sites_of(network: nn.Module) -> tuple[Site, ...]:
    """Every site of every block of a timm network, in forward order.

    Which ones a family has is told by ``vit_sites``, ``swin_sites`` and ``convnext_sites``. A
    network of another family has none (``NoSites``, with the reason): it can be probed and
    fine-tuned, and nothing can be inserted.
    """
    try:
        return _table(network)
    except PositionError as error:
        return NoSites(error.what, error.remedy)


def _table(network: nn.Module) -> tuple[Site, ...]:
    if isinstance(network, SwinTransformer):
        return swin_sites(network)
    if isinstance(network, ConvNeXt):
        return convnext_sites(network)
    if hasattr(network, "blocks"):
        return vit_sites(network)
    raise PositionError(
        f"there is no table for {type(network).__name__}",
        remedy=f"use {FAMILIES}, or a backbone plugin with a table of its own",
    )
