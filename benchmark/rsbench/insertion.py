"""Insert modules into a frozen network by forward hooks, and remove them without a trace.

No source of the network is patched and no parameter is replaced: a hook on each affected
linear layer adds the inserted modules' output to the layer's own (paper section 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rsbench.errors import PositionError
from rsbench.where import BlockChoice, choose_blocks


@dataclass(frozen=True)
class Site:
    """One place where a module can be inserted: a position in a block.

    A fused projection holds several sites; each owns a range of its output channels.

    Attributes:
        block: 0-based index of the block.
        position: field's name of the position: q, k, v, out, mlp1, mlp2.
        layer: dotted name of the linear layer inside the network.
        input_dim: width of the layer's input.
        output_dim: number of the layer's output channels that belong to this site.
        output_start: first of them.
    """

    block: int
    position: str
    layer: str
    input_dim: int
    output_dim: int
    output_start: int = 0

    @property
    def key(self) -> str:
        """Text that names the site in state dicts and tables, e.g. ``block3_q``."""
        return f"block{self.block}_{self.position}"


class InsertedModule(nn.Module):
    """Base of what a method inserts: computes an addition to a layer's output.

    Attributes:
        gamma: callable that returns the modulator's value (a tensor without dimensions), or
            None for the plain method, where gamma is 1. It is no registered parameter, so
            that the modulator never ends in the same optimiser as the module.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gamma: Callable[[], Tensor] | None = None

    def modulation(self, scale: float) -> Tensor | float:
        """``gamma * scale``: a float for the plain method, else a 0-dimensional tensor."""
        return scale if self.gamma is None else self.gamma() * scale

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The scaled delta, gamma included.

        Args:
            inputs: what the layer read, shape (..., input_dim).
            outputs: what the layer wrote at this site, shape (..., output_dim).

        Returns:
            What is added to ``outputs``, same shape.
        """
        raise TypeError(f"{type(self).__name__} does not define forward")


class Attachment:
    """A method attached to a network: its modules, their parameters, and how to remove them.

    Attributes:
        inserted: the inserted modules by site key, in forward order.
        sites: the sites by the same keys.
    """

    def __init__(self, network: nn.Module, modules: Mapping[Site, InsertedModule]) -> None:
        self.sites = {site.key: site for site in modules}
        self.inserted = nn.ModuleDict({site.key: module for site, module in modules.items()})
        by_layer: dict[str, list[tuple[Site, InsertedModule]]] = {}
        for site, module in modules.items():
            by_layer.setdefault(site.layer, []).append((site, module))
        self._handles = [
            network.get_submodule(layer).register_forward_hook(_adding_hook(pairs))
            for layer, pairs in by_layer.items()
        ]

    def modules(self) -> Iterator[tuple[Site, InsertedModule]]:
        """Every inserted module with its site, in forward order."""
        for key, module in self.inserted.items():
            if not isinstance(module, InsertedModule):
                raise TypeError(f"{key} is not an InsertedModule")
            yield self.sites[key], module

    def parameters(self) -> list[nn.Parameter]:
        """The parameters that the method trains, modulators and head excluded."""
        return list(self.inserted.parameters())

    def detach(self) -> None:
        """Remove every hook: the network is again what it was, bit for bit."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def choose_sites(
    sites: Sequence[Site], positions: Sequence[str], blocks: BlockChoice
) -> list[Site]:
    """The sites at ``positions`` of ``blocks``, in forward order.

    Raises:
        PositionError: a position or block that the backbone does not have.
    """
    known = list(dict.fromkeys(site.position for site in sites))
    unknown = [position for position in positions if position not in known]
    if unknown or not positions:
        raise PositionError(
            f"this backbone has no position {', '.join(unknown)}"
            if unknown
            else "no position given",
            remedy=f"choose from: {', '.join(known)}",
        )
    depth = 1 + max(site.block for site in sites)
    chosen = set(choose_blocks(blocks, depth))
    return [site for site in sites if site.position in positions and site.block in chosen]


def _adding_hook(
    pairs: Sequence[tuple[Site, InsertedModule]],
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    ordered = sorted(pairs, key=lambda pair: pair[0].output_start)

    def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        pieces: list[Tensor] = []
        filled = 0
        for site, module in ordered:
            if site.output_start > filled:
                pieces.append(_zeros(output, site.output_start - filled))
            filled = site.output_start + site.output_dim
            pieces.append(module(inputs[0], output[..., site.output_start : filled]))
        if filled < output.shape[-1]:
            pieces.append(_zeros(output, output.shape[-1] - filled))
        delta = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=-1)
        return output + delta

    return hook


def _zeros(like: Tensor, width: int) -> Tensor:
    return like.new_zeros((*like.shape[:-1], width))
