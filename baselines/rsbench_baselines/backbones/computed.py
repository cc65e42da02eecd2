"""What timm computes itself when it builds a network, and older files store all the same."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from rsbench.errors import CheckpointError

#: Rotary frequencies may be stored in bfloat16.
_TOLERANCE = 1e-2


def computed_buffers(network: nn.Module) -> dict[str, Tensor | None]:
    """Buffers that are no part of the state dict, by dotted name; None where one is not used.

    Index and mask of shifted windows, rotary frequencies, key biases that are zero.
    """
    return {
        f"{place}.{name}" if place else name: module._buffers[name]
        for place, module in network.named_modules()
        for name in module._non_persistent_buffers_set
    }


def without_computed(
    weights: dict[str, Tensor], network: nn.Module, path: Path
) -> dict[str, Tensor]:
    """``weights`` without what the network computes; that must be what was stored.

    What depends on the image size differs in shape at another size and is not compared, nor is
    anything on the ``meta`` device.

    Raises:
        CheckpointError: the file was made with other numbers in that place, so that the tables
            beside them mean something else.
    """
    computed = computed_buffers(network)
    for key, value in weights.items():
        own = computed.get(key)
        if own is None or own.is_meta or own.shape != value.shape:
            continue
        if not torch.allclose(value.float(), own.float(), rtol=_TOLERANCE, atol=1e-6):
            raise CheckpointError(
                f"{key} in the file differs from the network's own",
                where=path,
                remedy="use weights in timm's layout, with the sizes that they were trained at",
            )
    return {key: value for key, value in weights.items() if key not in computed}
