"""Fit a table of position embeddings to the network's grid of patches."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsbench.errors import CheckpointError

PositionResize = Literal["none", "bicubic", "bicubic_antialias"]

Grid = tuple[int, int]


def fit_position_table(
    weights: dict[str, Tensor], network: nn.Module, resize: PositionResize, path: Path
) -> dict[str, Tensor]:
    """``weights`` with ``pos_embed`` resized to the network's grid where they differ.

    Images are square in rsbench, so the stored grid is taken to have the shape of the network's:
    square, unless the patches are not.

    Args:
        weights: state dict with ``pos_embed`` of shape (1, prefix + rows * columns, width). The
            prefix are the entries of class token and registers; networks that add the table to
            the patches alone (``no_embed_class``: DeiT III, DINOv2 with registers) have none.
        network: the network, with its own ``pos_embed``.
        resize: ``bicubic`` without antialiasing, ``bicubic_antialias`` (timm's way), ``none``.
        path: file to name in messages.

    Raises:
        CheckpointError: the tables differ and ``resize`` is ``none``, or the stored table is
            no such grid.
    """
    own, stored = getattr(network, "pos_embed", None), weights.get("pos_embed")
    if not isinstance(own, Tensor) or stored is None or own.shape == stored.shape:
        return weights
    if {own.ndim, stored.ndim} != {3} or _other_misfits(weights, network):
        return weights  # the position table is not the cause: strict loading names them all
    alone = bool(getattr(network, "no_embed_class", False))
    prefix = 0 if alone else int(getattr(network, "num_prefix_tokens", 0))
    new = _own_grid(network, own.shape[1] - prefix)
    old = _grid_like(new, stored.shape[1] - prefix)
    if old is None:
        raise CheckpointError(
            f"the position table has {stored.shape[1]} entries: {prefix} for class token and "
            f"registers, and {stored.shape[1] - prefix} that are no grid like the network's, "
            f"{_told(new)}",
            where=path,
            remedy="rsbench takes square images only, so a table for others cannot be resized; "
            "where it is for square ones, check class_token, reg_tokens and no_embed_class "
            "among the arguments",
        )
    if resize == "none":
        raise CheckpointError(
            f"the position table holds a {_told(old)} grid; the network has {_told(new)}",
            where=path,
            remedy="set position_resize to bicubic or bicubic_antialias",
        )
    stored = stored.float()  # a processor may not resize half precision
    grid = stored[:, prefix:].reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(
        grid, size=new, mode="bicubic", antialias=resize == "bicubic_antialias"
    )
    table = torch.cat([stored[:, :prefix], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
    return {**weights, "pos_embed": table}


def _own_grid(network: nn.Module, patches: int) -> Grid:
    """Rows and columns of the network's patches."""
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    if grid is not None:
        return int(grid[0]), int(grid[1])
    return math.isqrt(patches), math.isqrt(patches)


def _grid_like(shape: Grid, patches: int) -> Grid | None:
    """Rows and columns of ``patches`` in the proportions of ``shape``, where there are such."""
    rows = math.isqrt(max(0, patches) * shape[0] // shape[1])
    columns = rows * shape[1] // shape[0]
    fits = rows > 0 and rows * columns == patches and rows * shape[1] == columns * shape[0]
    return (rows, columns) if fits else None


def _told(grid: Grid) -> str:
    return f"{grid[0]}x{grid[1]}"


def _other_misfits(weights: dict[str, Tensor], network: nn.Module) -> bool:
    """Whether a tensor other than the position table has another shape than the network's."""
    own = network.state_dict()
    return any(
        own[key].shape != weights[key].shape
        for key in own.keys() & weights.keys()
        if key != "pos_embed"
    )
