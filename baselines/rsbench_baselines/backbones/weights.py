"""Read weights files, fit the position table, and load them strictly."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from rsbench.errors import CheckpointError

PositionResize = Literal["none", "bicubic", "bicubic_antialias"]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in ``path`` in float32; safetensors, or a torch file without pickled code.

    Raises:
        CheckpointError: the file cannot be read, or holds no flat dictionary of tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise CheckpointError(
            f"the weights cannot be read: {error}",
            where=path,
            remedy="check that the file is complete; only safetensors and weights-only torch "
            "files are read",
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise CheckpointError(
            "the file holds no flat dictionary of tensors",
            where=path,
            remedy="save the state dict of a timm network itself",
        )
    return {key: value.float() for key, value in loaded.items()}


def fit_position_table(
    weights: dict[str, Tensor], network: nn.Module, resize: PositionResize, path: Path
) -> dict[str, Tensor]:
    """``weights`` with ``pos_embed`` resized to the network's grid where they differ.

    Args:
        weights: state dict with ``pos_embed`` of shape (1, prefix + rows * columns, width).
        network: the network, with its own ``pos_embed`` and ``num_prefix_tokens``.
        resize: ``bicubic`` without antialiasing, ``bicubic_antialias`` (timm's way), ``none``.
        path: file to name in messages.

    Raises:
        CheckpointError: the tables differ and ``resize`` is ``none``, or the stored table is
            no square grid.
    """
    own, stored = getattr(network, "pos_embed", None), weights.get("pos_embed")
    if not isinstance(own, Tensor) or stored is None or own.shape == stored.shape:
        return weights
    if _other_misfits(weights, network):
        return weights  # the position table is not the cause: strict loading names them all
    prefix = int(getattr(network, "num_prefix_tokens", 0))
    side = math.isqrt(stored.shape[1] - prefix)
    new_side = math.isqrt(own.shape[1] - prefix)
    if resize == "none":
        raise CheckpointError(
            f"the position table holds a {side}x{side} grid; the network has {new_side}x{new_side}",
            where=path,
            remedy="set position_resize to bicubic or bicubic_antialias",
        )
    if side * side + prefix != stored.shape[1]:
        raise CheckpointError(
            f"the position table has {stored.shape[1]} entries, no square grid and {prefix} prefix",
            where=path,
            remedy="check class_token and the other architecture arguments",
        )
    grid = stored[:, prefix:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    grid = functional.interpolate(
        grid, size=(new_side, new_side), mode="bicubic", antialias=resize == "bicubic_antialias"
    )
    table = torch.cat([stored[:, :prefix], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)
    return {**weights, "pos_embed": table}


def _other_misfits(weights: dict[str, Tensor], network: nn.Module) -> bool:
    """Whether a tensor other than the position table has another shape than the network's."""
    own = network.state_dict()
    return any(
        own[key].shape != weights[key].shape
        for key in own.keys() & weights.keys()
        if key != "pos_embed"
    )


def load_strictly(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Load ``weights`` into ``network``; every key must match.

    Raises:
        CheckpointError: keys are missing or unexpected, or shapes differ; all are named.
    """
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights do not fit the architecture: {error}",
            where=path,
            remedy="check the architecture and its arguments; keys that are meant to be left out "
            "go into ignore_keys",
        ) from error
