"""Read weights files, fit the position table, and load them strictly."""

from __future__ import annotations

import argparse
import math
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from rsbench.errors import CheckpointError

PositionResize = Literal["none", "bicubic", "bicubic_antialias"]

#: So many keys of a kind are named in a message.
_NAMED = 8
#: Characters of a library's message that are told.
_LONGEST = 120
#: Keys under which a training checkpoint keeps the weights.
_WRAPPERS = ("model", "state_dict")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in ``path`` in float32, as :func:`read_stored` finds it.

    Raises:
        CheckpointError: the file cannot be read, or holds no dictionary of tensors.
    """
    return {key: value.float() for key, value in read_stored(path).items()}


def read_stored(path: Path) -> dict[str, Tensor]:
    """The state dict in ``path`` as it is stored: safetensors, or a torch file without code.

    Where a torch file holds more than weights (MAE: ``model`` beside ``optimizer``, ``epoch``,
    ``args``), the dictionary under ``model`` or ``state_dict`` is taken. Nothing in the file is
    executed: ``argparse.Namespace``, which MAE's checkpoints hold, is the only class allowed
    beside tensors.

    Raises:
        CheckpointError: the file cannot be read, wants to run code, or holds no dictionary of
            tensors.
    """
    try:
        loaded = _load(path)
    except (
        OSError,
        ValueError,
        RuntimeError,
        EOFError,
        KeyError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        raise _unreadable(path, error) from error
    weights = _unwrapped(loaded)
    if weights is None:
        raise CheckpointError(
            "the file holds no flat dictionary of tensors, nor one under "
            + " or ".join(repr(name) for name in _WRAPPERS),
            where=path,
            remedy="save the state dict of a timm network itself",
        )
    return weights


def _load(path: Path) -> object:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    mapped = zipfile.is_zipfile(path)  # then what is not used of it is not read
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)


def _unwrapped(loaded: object) -> dict[str, Tensor] | None:
    """The flat dictionary of tensors in ``loaded``, or None."""
    if not isinstance(loaded, dict):
        return None
    if all(isinstance(value, Tensor) for value in loaded.values()):
        return dict(loaded)
    inner = next((loaded[name] for name in _WRAPPERS if name in loaded), None)
    if not isinstance(inner, dict) or not all(isinstance(v, Tensor) for v in inner.values()):
        return None
    return dict(inner)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    wanted = re.search(r"GLOBAL (\S+)", str(error))
    if wanted:
        return CheckpointError(
            f"the file wants to run {wanted[1]} when it is read, and was refused",
            where=path,
            remedy="do not use this file unless you trust its author; only tensors and "
            "argparse.Namespace are read",
        )
    if isinstance(error, OSError):
        return CheckpointError(
            f"the weights cannot be read: {error.strerror or error}",
            where=path,
            remedy="check the path",
        )
    return CheckpointError(
        "the weights cannot be read: this is neither a safetensors file nor a torch file that "
        f"can be read without running code ({_reason(error)})",
        where=path,
        remedy="check that it is the right file and that it is complete; safetensors files end "
        "in .safetensors",
    )


def _reason(error: Exception) -> str:
    """One short line of what the library says, never its advice to run the file's code."""
    told = str(error).rpartition("WeightsUnpickler error:")[2]
    first = next(iter(told.strip().splitlines()), "").split(". This is an internal")[0]
    if not first:
        return "it ends too early"
    unknown = first.startswith("Unsupported operand") or isinstance(error, KeyError)
    if unknown or "weights_only" in first:
        return "its content is of another kind"
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 3]}..."


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


def load_strictly(
    network: nn.Module, weights: dict[str, Tensor], path: Path, *, assign: bool = False
) -> None:
    """Load ``weights`` into ``network``; every key must match.

    Args:
        network: the network.
        weights: its state dict.
        path: file to name in messages.
        assign: take the tensors themselves; for a network without memory (``meta`` device).

    Raises:
        CheckpointError: keys are missing or unexpected, or shapes differ; they are named.
    """
    misfits = _misfits(network.state_dict(), weights)
    if misfits:
        raise CheckpointError(
            f"the weights do not fit the architecture: {'; '.join(misfits)}",
            where=path,
            remedy="check the architecture and its arguments; keys that are meant to be left out "
            "go into ignore_keys (--ignore)",
        )
    network.load_state_dict(weights, strict=True, assign=assign)


def _misfits(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> list[str]:
    """What differs, by kind: "missing a, b"."""
    reshaped = [
        f"{key} {tuple(weights[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in own.items()
        if key in weights and weights[key].shape != tensor.shape
    ]
    kinds = {
        "missing": [key for key in own if key not in weights],
        "unexpected": [key for key in weights if key not in own],
        "of another shape": reshaped,
    }
    return [f"{kind} {_some(names)}" for kind, names in kinds.items() if names]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
