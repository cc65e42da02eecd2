"""The low-rank delta."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rsbench.insertion import InsertedModule


class LoraDelta(InsertedModule):
    """``gamma * scale * (x A) B`` with A: (d_in, r), B: (r, d_out); no bias, no dropout.

    The factor is multiplied into B in float32, which is the same function as scaling the delta
    and costs next to nothing (paper section 1.3; gamma as in figure 2). Multiplied into the hidden
    of an autocast layer it would be rounded to that layer's bfloat16 first.

    Args:
        input_dim: d_in.
        output_dim: d_out.
        rank: r.
        scale: alpha / r.
        bound: A is drawn uniformly from (-bound, bound); B starts at zero.
        reads_output: whether x is the layer's output (sequential) instead of its input.
        generator: random stream for A.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        rank: int,
        *,
        scale: float,
        bound: float,
        reads_output: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__(scale)
        self.reads_output = reads_output
        self.down = nn.Parameter(torch.empty(input_dim, rank))
        self.up = nn.Parameter(torch.zeros(rank, output_dim))
        with torch.no_grad():
            self.down.uniform_(-bound, bound, generator=generator)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The scaled delta, shape of ``outputs``."""
        source = outputs if self.reads_output else inputs
        return source @ self.down @ (self.up * self.factor())


def bound_of(init: str, input_dim: int, rank: int) -> float:
    """Largest absolute value of A's initial entries (paper section 1.4)."""
    return 1.0 / math.sqrt(rank if init == "released" else input_dim)
