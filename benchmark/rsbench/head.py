"""The cosine classifier (paper section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CosineClassifier(nn.Module):
    """``scale * <x / |x|, w_c / |w_c|>``: no bias, C * d parameters.

    Computed in float32 whatever the precision of the network: logits near 16 in bfloat16 are
    0.125 apart, and argmax gives every tie to the lower class.

    Args:
        weight: initial class weights, shape (classes, width); only directions matter.
        scale: factor of the cosine, so that every logit lies in [-scale, scale].
    """

    def __init__(self, weight: Tensor, scale: float = 25.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(functional.normalize(weight.float(), dim=-1))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of features, shape (batch, width)."""
        with torch.autocast(features.device.type, enabled=False):
            directions = functional.normalize(features.float(), dim=-1)
            weights = functional.normalize(self.weight, dim=-1)
            return self.scale * functional.linear(directions, weights)


def class_means(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean feature of each class, shape (classes, width); features are not normalised first.

    Args:
        features: shape (samples, width).
        labels: class indices, shape (samples,); each class must occur.
        classes: number of classes C.
    """
    sums = torch.zeros(classes, features.shape[1], dtype=torch.float64)
    sums.index_add_(0, labels, features.double())
    counts = torch.bincount(labels, minlength=classes).clamp_min(1)
    return (sums / counts[:, None]).float()


def random_directions(classes: int, width: int, generator: torch.Generator) -> Tensor:
    """Random unit vectors, shape (classes, width)."""
    return functional.normalize(torch.randn(classes, width, generator=generator), dim=-1)
