"""Load weights strictly: every key, every shape, and numbers that a trained network can have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from rsbench.errors import CheckpointError
from rsbench_baselines.backbones.choosing import choose_weights
from rsbench_baselines.backbones.computed import without_computed
from rsbench_baselines.backbones.positions import fit_position_table
from rsbench_baselines.backbones.reading import Stored, outline
from rsbench_baselines.backbones.windows import fit_windows

if TYPE_CHECKING:
    from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions
    from rsbench_baselines.backbones.positions import PositionResize

#: So many keys of a kind are named in a message.
_NAMED = 8


def network_weights(
    stored: Stored, network: nn.Module, options: CheckpointOptions, path: Path
) -> dict[str, Tensor]:
    """What of a file is the network's, under its own keys, as it is stored.

    Args:
        stored: what the file holds.
        network: the network; on the ``meta`` device what timm computes is not compared.
        options: ``key``, ``prefix`` and ``ignore_keys``.
        path: file to name in messages.

    Raises:
        CheckpointError: the weights are not found, are there several times, or are for other
            windows.
    """
    wanted = network.state_dict().keys()
    found = choose_weights(stored, wanted, options.key, options.prefix, path)
    kept = {k: v for k, v in found.items() if not k.startswith(options.ignore_keys)}
    return without_computed(fit_windows(kept, network, path), network, path)


def load_strictly(
    network: nn.Module,
    weights: dict[str, Tensor],
    resize: PositionResize,
    path: Path,
    *,
    assign: bool = False,
) -> None:
    """Load ``weights`` into ``network``; every key must match.

    Args:
        network: the network.
        weights: its state dict, in any precision.
        resize: how a position table of another grid is resized.
        path: file to name in messages.
        assign: take the tensors themselves; for a network without memory (``meta`` device).

    Raises:
        CheckpointError: keys are missing or unexpected, shapes differ, or the numbers are not
            those of a trained network; they are named.
    """
    _check_numbers(network, weights, path)
    weights = fit_position_table(weights, network, resize, path)
    misfits = _misfits(network.state_dict(), weights)
    if misfits:
        raise CheckpointError(
            f"the weights do not fit the architecture: {'; '.join(misfits)}. Their keys: "
            f"{outline(weights)}",
            where=path,
            remedy="check the architecture and its arguments; keys that are meant to be left out "
            "go into ignore_keys (--ignore)",
        )
    network.load_state_dict(weights, strict=True, assign=assign)


def _check_numbers(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Refuse integers, complex numbers, infinities, and matrices of one number throughout.

    A file that was cut short and filled up holds such matrices; biases, scales and tokens may well
    be zero.
    """
    matrices = {
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, (nn.Linear, _ConvNd))
    }
    faults: defaultdict[str, list[str]] = defaultdict(list)
    for key, own in network.state_dict().items():
        tensor = weights.get(key)
        if tensor is None or not own.is_floating_point():
            continue
        if tensor.is_meta:
            faults["without values (on the meta device)"].append(key)
        elif tensor.layout != torch.strided or not tensor.is_floating_point():
            faults["not floating-point"].append(f"{key} ({_kind(tensor)})")
        elif tensor.numel():
            low, high = tensor.float().aminmax()  # both are nan where one entry is
            if not (torch.isfinite(low) and torch.isfinite(high)):
                faults["not finite"].append(key)
            elif low == high and key in matrices and tensor.numel() > 1:
                faults["constant"].append(key)
    told = [f"{what}: {_some(keys)}" for what, keys in faults.items()]
    if told:
        raise CheckpointError(
            f"the file does not hold the weights of a trained network; {'; '.join(told)}",
            where=path,
            remedy="get the file again from where it was published, or write it again as "
            "floating-point numbers (float32, float16 or bfloat16)",
        )


def _kind(tensor: Tensor) -> str:
    layout = "" if tensor.layout == torch.strided else f"{tensor.layout} ".removeprefix("torch.")
    return layout + str(tensor.dtype).removeprefix("torch.")


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
