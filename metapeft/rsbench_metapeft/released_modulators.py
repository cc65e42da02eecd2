"""The released code's modulators (paper section 2.3, rows 1 and 3 to 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rsbench.insertion import Attachment, InsertedModule, Site
from rsbench_metapeft.trajectory import log_spread


class ReleasedModulators:
    """One scalar per LoRA module, one vector per adapter; all start at 1, without softplus.

    Args:
        attachment: the inserted modules.
        device: where the modulators live.

    Attributes:
        parameters: the modulators, in forward order.
    """

    def __init__(self, attachment: Attachment, device: torch.device) -> None:
        self._modules = {site.key: module for site, module in attachment.modules()}
        self._of_module = {
            site.key: nn.Parameter(torch.ones(_shape(site), device=device), requires_grad=False)
            for site, _ in attachment.modules()
        }
        self._branches = {site.key for site, _ in attachment.modules() if site.kind == "branch"}
        self.parameters = list(self._of_module.values())

    @property
    def count(self) -> int:
        """Number of trained scalars."""
        return sum(parameter.numel() for parameter in self.parameters)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Meta mode: while it lasts, the modulators act and take gradients (row 1)."""
        for key, module in self._modules.items():
            module.gamma = self._gamma(key, module)
            self._of_module[key].requires_grad_(True)
        try:
            yield
        finally:
            for key, module in self._modules.items():
                module.gamma = None
                self._of_module[key].requires_grad_(False)

    def values(self) -> dict[str, float]:
        """Modulator by key of the module; of a vector, the mean."""
        return {key: float(each.detach().mean()) for key, each in self._of_module.items()}

    def travel(self) -> dict[str, float]:
        """Mean and largest distance of the scalars from their start, 1."""
        ways = torch.cat([(each.detach() - 1.0).abs().flatten() for each in self.parameters])
        return {"mean": float(ways.mean()), "largest": float(ways.max())}

    def spread(self) -> float | None:
        """Standard deviation of the log of all scalars; None where one is not positive."""
        scalars = torch.cat([each.detach().flatten() for each in self.parameters]).tolist()
        return log_spread({str(number): scalar for number, scalar in enumerate(scalars)})

    def _gamma(self, key: str, module: InsertedModule) -> Callable[[], Tensor]:
        modulator = self._of_module[key]
        if key not in self._branches:
            return lambda: modulator
        # meta mode does not apply alpha / r: take out the factor that the module multiplies by
        return lambda: modulator / module.scale


def _shape(site: Site) -> tuple[int, ...]:
    """A scalar for LoRA, a vector of the branch's width for adapters (row 4)."""
    return (site.output_dim,) if site.kind == "branch" else ()
