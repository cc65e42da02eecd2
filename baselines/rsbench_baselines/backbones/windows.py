"""Fit a Swin state dict: numbering of stages, and window sizes."""

from __future__ import annotations

import math
import re
from pathlib import Path

from timm.models.swin_transformer import SwinTransformer
from torch import Tensor, nn

from rsbench.errors import CheckpointError

_TABLE = ".attn.relative_position_bias_table"
_DOWNSAMPLE = re.compile(r"^layers\.(\d+)\.downsample\.")


def fit_windows(weights: dict[str, Tensor], network: nn.Module, path: Path) -> dict[str, Tensor]:
    """``weights`` of a Swin in timm's numbering of stages, once their windows are the network's.

    The authors' own files number the halvings of the image otherwise (``_downsampling_first``).
    Every other network's weights stay as they are.

    Args:
        weights: state dict.
        network: the network that will load it.
        path: file to name in messages.

    Raises:
        CheckpointError: the windows differ from the network's.
    """
    if not isinstance(network, SwinTransformer):
        return weights
    weights = _downsampling_first(weights)
    _check_tables(weights, network, path)
    return weights


def _downsampling_first(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The authors' own files halve the image at the end of a stage, timm at the next one's start.

    The first stage has something to halve in the former alone.
    """
    if "layers.0.downsample.reduction.weight" not in weights:
        return weights
    return {_DOWNSAMPLE.sub(_next_stage, key): value for key, value in weights.items()}


def _next_stage(match: re.Match[str]) -> str:
    return f"layers.{int(match[1]) + 1}.downsample."


def _check_tables(weights: dict[str, Tensor], network: nn.Module, path: Path) -> None:
    """Say which window sizes differ, where that is all that differs in a bias table."""
    for key, own in network.named_parameters():
        stored = weights.get(key)
        if not key.endswith(_TABLE) or stored is None or stored.ndim != own.ndim:
            continue
        if len(stored) != len(own) and stored.shape[1:] == own.shape[1:]:
            raise CheckpointError(
                f"{key.removesuffix(_TABLE)} has windows of side {_side(stored)} in the file and "
                f"{_side(own)} in the network",
                where=path,
                remedy="timm shrinks a window to a feature map that is smaller: state the "
                "file's window_size and always_partition: true among the arguments, or use the "
                "image_size that the weights were trained at",
            )


def _side(table: Tensor) -> str:
    """Side of a square window, from a table of (2 side - 1) squared entries."""
    root = math.isqrt(len(table))
    return str((root + 1) // 2) if root * root == len(table) else f"unknown ({len(table)} entries)"
