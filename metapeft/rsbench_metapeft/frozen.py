"""Gammas that no step moves: drawn once, or given (controls of paper section 9.7)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rsbench.insertion import Attachment
from rsbench.streams import stream
from rsbench_metapeft.config import Granularity
from rsbench_metapeft.modulator import group_of


class FrozenGammas:
    """Gives every inserted module a constant gamma.

    Args:
        attachment: the inserted modules.
        values: gamma by key of the module, >= 0.
        device: where the constants live.
    """

    def __init__(
        self, attachment: Attachment, values: Mapping[str, float], device: torch.device
    ) -> None:
        self._constants = {
            key: torch.tensor(value, dtype=torch.float32, device=device)
            for key, value in values.items()
        }
        for site, module in attachment.modules():
            module.gamma = self._constants[site.key].clone

    def tensors(self) -> dict[str, Tensor]:
        """Gamma of every inserted module by key, on the CPU."""
        return {key: gamma.cpu().clone() for key, gamma in self._constants.items()}

    def values(self) -> dict[str, float]:
        """Gamma of every inserted module by key."""
        return {key: float(gamma) for key, gamma in self._constants.items()}


def random_gammas(
    attachment: Attachment, granularity: Granularity, spread: float, seed: int
) -> dict[str, float]:
    """One log-normal draw per modulator: ``gamma = exp(spread * z)``, z standard normal.

    Args:
        attachment: the inserted modules.
        granularity: what shares one draw.
        spread: standard deviation of log gamma; the median of gamma is 1.
        seed: of the cell.

    Returns:
        gamma by key of the inserted module.
    """
    rng = stream(seed, "random gamma")
    groups: dict[str, float] = {}
    values = {}
    for site, _ in attachment.modules():
        group = group_of(site, granularity)
        if group not in groups:
            groups[group] = math.exp(spread * float(rng.standard_normal()))
        values[site.key] = groups[group]
    return values
