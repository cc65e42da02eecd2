"""The modulator: ``gamma = softplus(rho)``, one trained scalar (paper section 1.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Modulator(nn.Module):
    """A non-negative scalar that multiplies an inserted module's delta.

    Args:
        rho: start value before softplus; ``inverse_softplus(1.0)`` = 0.541325 makes gamma 1.
    """

    def __init__(self, rho: float) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.tensor(rho))

    def forward(self) -> Tensor:
        """gamma, a tensor without dimensions."""
        return functional.softplus(self.rho)


def inverse_softplus(gamma: float) -> float:
    """The rho with ``softplus(rho) = gamma``, for gamma > 0."""
    return gamma + math.log(-math.expm1(-gamma))
