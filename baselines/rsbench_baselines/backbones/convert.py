"""Convert published weights to what the backbones load: timm's keys, as safetensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from rsbench.atomic import new_file
from rsbench.errors import CheckpointError
from rsbench_baselines.backbones.architecture import empty_network
from rsbench_baselines.backbones.computed import computed_buffers
from rsbench_baselines.backbones.file_hash import file_hash
from rsbench_baselines.backbones.mae import DECODER_KEYS, what_else
from rsbench_baselines.backbones.reading import Stored, read_stored
from rsbench_baselines.backbones.weights import load_strictly, network_weights

if TYPE_CHECKING:
    from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions


@dataclass(frozen=True)
class Converted:
    """What a conversion did.

    Attributes:
        sha256: SHA-256 of the file that was written.
        keys: number of tensors in it.
        parameters: numbers in it.
        left_out: number of tensors of the source that are no part of the network.
    """

    sha256: str
    keys: int
    parameters: int
    left_out: int

    def lines(self) -> list[str]:
        """What was done, for the reader."""
        return [
            f"converted {self.keys} tensors, {self.parameters:,} parameters; every key of the "
            f"network is there, and {self.left_out} others were left out",
            f"sha256 {self.sha256}",
        ]


def convert_file(
    source: Path, out: Path, options: CheckpointOptions, remedy: str = ""
) -> Converted:
    """Write the weights in ``source`` to ``out``: timm's keys, safetensors, dtype as it is.

    The position table keeps its own grid; it is resized when the network is built. The same
    source gives the same bytes.

    Args:
        source: safetensors, or a torch file; the weights are taken out of what surrounds them.
        out: safetensors file to write, in one step.
        options: the network that must take the weights strictly; ``key``, ``prefix`` and
            ``ignore_keys``.
        remedy: what the reader can do where they do not fit; "": look at the architecture.

    Raises:
        CheckpointError: a key is missing or unexpected, a shape differs, the source cannot be
            read, or ``out`` cannot be written.
    """
    stored = read_stored(source)
    weights = _checked(stored, options, source, remedy)
    sha256 = _save(weights, out)
    return Converted(
        sha256=sha256,
        keys=len(weights),
        parameters=sum(tensor.numel() for tensor in weights.values()),
        left_out=sum(len(tensors) for tensors in stored.values()) - len(weights),
    )


def _checked(
    stored: Stored, options: CheckpointOptions, source: Path, remedy: str
) -> dict[str, Tensor]:
    """The weights of the network without what it computes itself, once it has taken them."""
    network = _skeleton(options, source, "meta")
    computed = {_last(name) for name in computed_buffers(network)}
    if any(_last(key) in computed for tensors in stored.values() for key in tensors):
        network = _skeleton(options, source, "cpu")  # they are compared
    weights = network_weights(stored, network, options, source)
    resize = "bicubic" if options.position_resize == "none" else options.position_resize
    try:
        load_strictly(network, weights, resize, source, assign=True)
    except CheckpointError as error:
        encoder_wanted = set(DECODER_KEYS) <= set(options.ignore_keys)
        advice = (what_else(weights) if encoder_wanted else "") or remedy
        if not advice:
            raise
        raise CheckpointError(error.what, where=source, remedy=advice) from error
    return weights


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _skeleton(options: CheckpointOptions, source: Path, device: str) -> nn.Module:
    """The network; on the ``meta`` device without memory for its weights."""
    with torch.device(device):
        return empty_network(
            options.architecture,
            options.network_arguments,
            image_size=options.image_size,
            norm_eps=options.norm_eps,
            path=source,
        )


def _save(weights: dict[str, Tensor], out: Path) -> str:
    """Write ``weights`` in one step; return the SHA-256 of the file.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    try:
        with new_file(out) as part:
            part.touch()
            mode = part.stat().st_mode  # what the user's umask makes of a new file
            save_file({name: _own(weights[name]) for name in sorted(weights)}, part)
            part.chmod(mode)  # safetensors lets only its owner read a file
            digest = file_hash(part)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"the weights cannot be written: {error}",
            where=out,
            remedy="free some disk space, or name another place (RSBENCH_DATA, --out)",
        ) from error
    return digest


def _own(tensor: Tensor) -> Tensor:
    """``tensor`` in memory of its own, copied only where it shares it."""
    whole = tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
    return tensor.contiguous() if whole else tensor.clone(memory_format=torch.contiguous_format)
