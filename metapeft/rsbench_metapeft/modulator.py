"""The modulators: ``gamma = softplus(rho)``, trained scalars (paper section 1.1).

``softplus(rho) = ln(1 + exp(rho))`` keeps gamma non-negative; ``rho0 = ln(e - 1) = 0.541325``
makes it 1, and ``dL/drho = sigmoid(rho) * dL/dgamma``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsbench.insertion import Attachment, Site
from rsbench_metapeft.config import Granularity


class Modulator(nn.Module):
    """A non-negative scalar that multiplies an inserted module's delta.

    Args:
        rho: start value before softplus; ``inverse_softplus(1.0)`` = 0.541325 makes gamma 1.

    Attributes:
        rho: the trained scalar.
        replayed: read in place of rho while inner steps are replayed.
    """

    def __init__(self, rho: float) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.tensor(rho))
        self.replayed: Tensor | None = None

    def forward(self) -> Tensor:
        """gamma, a tensor without dimensions."""
        return functional.softplus(self.rho if self.replayed is None else self.replayed)


class Modulators:
    """Gives the inserted modules their modulators: one each, or one for a group of them.

    Gradients reach rho only inside ``open``: those of inner steps would otherwise add up in
    ``rho.grad`` and end in the next outer step (check 14).

    Args:
        attachment: the inserted modules.
        granularity: what shares one modulator.
        rho0: start value of every rho.
        device: where the modulators live.

    Attributes:
        rhos: the trained scalars, one per group, in forward order.
        rho0: as given.
    """

    def __init__(
        self, attachment: Attachment, granularity: Granularity, rho0: float, device: torch.device
    ) -> None:
        self.rho0 = rho0
        self._groups: dict[str, Modulator] = {}
        self._of_module: dict[str, Modulator] = {}
        for site, module in attachment.modules():
            group = group_of(site, granularity)
            if group not in self._groups:
                self._groups[group] = Modulator(rho0).to(device).requires_grad_(False)
            self._of_module[site.key] = self._groups[group]
            module.gamma = self._groups[group].forward
        self.rhos = [modulator.rho for modulator in self._groups.values()]

    @contextmanager
    def open(self) -> Iterator[None]:
        """While it lasts, gradients reach rho."""
        self._require_gradients(True)
        try:
            yield
        finally:
            self._require_gradients(False)

    @contextmanager
    def replaying(self, values: Sequence[Tensor]) -> Iterator[None]:
        """While it lasts, gamma is the softplus of ``values``, in the order of ``rhos``."""
        modulators = list(self._groups.values())
        for modulator, value in zip(modulators, values, strict=True):
            modulator.replayed = value
        try:
            yield
        finally:
            for modulator in modulators:
                modulator.replayed = None

    def tensors(self) -> dict[str, Tensor]:
        """Gamma of every inserted module by key, on the CPU, each a tensor of its own."""
        with torch.no_grad():
            return {key: each().cpu() for key, each in self._of_module.items()}

    def values(self) -> dict[str, float]:
        """Gamma of every inserted module by key."""
        return {key: float(gamma) for key, gamma in self.tensors().items()}

    def travel(self) -> dict[str, float]:
        """Mean and largest ``|rho - rho0|`` over the modulators."""
        ways = [abs(rho.item() - self.rho0) for rho in self.rhos]
        return {"mean": sum(ways) / len(ways), "largest": max(ways)}

    def _require_gradients(self, required: bool) -> None:
        for rho in self.rhos:
            rho.requires_grad_(required)


def group_of(site: Site, granularity: Granularity) -> str:
    """Name of the group of modules that share ``site``'s modulator."""
    names = {
        "module": site.key,
        "block": f"block{site.block}",
        "position": site.position,
        "one": "all",
    }
    return names[granularity]


def inverse_softplus(gamma: float) -> float:
    """The rho with ``softplus(rho) = gamma``, for gamma > 0."""
    return gamma + math.log(-math.expm1(-gamma))
