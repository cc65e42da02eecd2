"""The change of one bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench.insertion import InsertedModule


class BiasDelta(InsertedModule):
    """``b = b0 + gamma * db``: db is trained, starts at zero, and is added to the output.

    A layer's bias enters its output as a sum, so adding ``gamma * db`` to the output is the
    same function as changing the bias itself (paper sections 1.3 and 9.6).

    Args:
        width: number of values of the bias.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.zeros(width))

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """``gamma * db``, shape (width,)."""
        return self.delta * self.factor()
