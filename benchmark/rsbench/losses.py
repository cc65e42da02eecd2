"""Long-tail losses (paper section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class LogitAdjustedLoss(nn.Module):
    """``CE(logits + tau * log prior, y)`` with natural logarithm; Balanced Softmax at tau = 1.

    Args:
        counts: training images per class, all positive.
        tau: strength; 0 is plain cross-entropy.
    """

    adjustment: Tensor

    def __init__(self, counts: Sequence[int], tau: float = 1.0) -> None:
        super().__init__()
        number = torch.tensor(counts, dtype=torch.float64)
        adjustment = tau * torch.log(number / number.sum())
        self.register_buffer("adjustment", adjustment.float())

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of logits, shape (batch, classes), and labels, shape (batch,)."""
        return functional.cross_entropy(logits.float() + self.adjustment, labels)
