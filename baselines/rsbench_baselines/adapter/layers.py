"""The bottleneck delta of Adapter and AdaptFormer."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsbench.insertion import InsertedModule


class BottleneckDelta(InsertedModule):
    """``gamma * s * up(ReLU(down(LN(x))))`` on a residual branch (paper section 1.3).

    x is the branch's output (sequential: Adapter) or its un-normalised input (parallel:
    AdaptFormer). ``down`` is normal with standard deviation sqrt(1 / (3 d)), that is
    kaiming-normal with a = sqrt(5); ``up`` and both biases start at zero, so that the delta does;
    the LayerNorm has a trained affine part (section 1.4).

    Args:
        width: d.
        rank: bottleneck width r.
        scale: s, a number, or a parameter where it is trained.
        reads_output: whether x is the branch's output.
        norm: whether the LayerNorm is there.
        generator: random stream for ``down``.
    """

    def __init__(
        self,
        width: int,
        rank: int,
        *,
        scale: float | nn.Parameter,
        reads_output: bool,
        norm: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__(scale)
        self.reads_output = reads_output
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.down = nn.Linear(width, rank)
        self.up = nn.Linear(rank, width)
        with torch.no_grad():
            self.down.weight.normal_(0.0, math.sqrt(1.0 / (3.0 * width)), generator=generator)
            self.down.bias.zero_()
            self.up.weight.zero_()
            self.up.bias.zero_()

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The scaled delta, shape of ``outputs``."""
        source = outputs if self.reads_output else inputs
        hidden = functional.relu(self.down(self.norm(source)))
        factor = self.factor()
        # into the weights, in float32: a factor of the hidden is rounded where that is bfloat16
        rows = factor[:, None] if isinstance(factor, Tensor) and factor.ndim else factor
        return functional.linear(hidden, self.up.weight * rows, self.up.bias * factor)
