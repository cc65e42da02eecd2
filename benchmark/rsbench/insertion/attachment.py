"""A method attached to a network, and how to take it off again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import nn

from rsbench.insertion.modules import InsertedModule
from rsbench.insertion.site import Site
from rsbench.insertion.wiring import wire


class Attachment:
    """A method attached to a network: its modules, their parameters, and how to remove them.

    Args:
        network: the network.
        modules: what is inserted, by site, in forward order.
        sites: every site of the network; needed by prompts that flow through several blocks.
        trained: parameters of the network itself that the method trains (full fine-tuning).
            They take gradients while the method is attached.

    Attributes:
        inserted: the inserted modules by site key, in forward order.
        sites: the sites by the same keys.
        trained: as given.
    """

    def __init__(
        self,
        network: nn.Module,
        modules: Mapping[Site, InsertedModule],
        *,
        sites: Sequence[Site] = (),
        trained: Iterable[nn.Parameter] = (),
    ) -> None:
        self.sites = {site.key: site for site in modules}
        self.inserted = nn.ModuleDict({site.key: module for site, module in modules.items()})
        self._handles = wire(network, list(modules.items()), sites)
        self.trained = list(trained)
        self._originals = [parameter.detach().clone() for parameter in self.trained]
        for parameter in self.trained:
            parameter.requires_grad_(True)

    def modules(self) -> Iterator[tuple[Site, InsertedModule]]:
        """Every inserted module with its site, in forward order."""
        for key, module in self.inserted.items():
            if not isinstance(module, InsertedModule):
                raise TypeError(f"{key} is not an InsertedModule")
            yield self.sites[key], module

    def parameters(self) -> list[nn.Parameter]:
        """The parameters that the method trains, modulators and head excluded."""
        return [*self.inserted.parameters(), *self.trained]

    def detach(self) -> None:
        """Remove every hook and restore what was trained: bit for bit the network it was."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        with torch.no_grad():
            for parameter, original in zip(self.trained, self._originals, strict=True):
                parameter.copy_(original)
                parameter.requires_grad_(False).grad = None
        self.trained, self._originals = [], []
