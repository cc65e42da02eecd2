"""The classifiers on top of the features: the cosine classifier of the paper, and a linear one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rsbench.settings import HeadFeatures


class Head(nn.Module):
    """One row of weights for each class, on features as they are, centred or standardised.

    Computed in float32 whatever the precision of the network: logits near 16 in bfloat16 are
    0.125 apart, and argmax gives every tie to the lower class.

    Args:
        weight: shape (classes, width).
        mean: what the features are centred with, shape (width,); None leaves them as they are.
        deviation: what they are then divided by, positive, shape (width,); None for no division.
    """

    mean: Tensor | None
    deviation: Tensor | None

    def __init__(
        self, weight: Tensor, mean: Tensor | None = None, deviation: Tensor | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.float())
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, features: Tensor) -> Tensor:
        """Logits, shape (batch, classes), of features, shape (batch, width)."""
        with torch.autocast(features.device.type, enabled=False):
            return self.logits(standardised(features.float(), self.mean, self.deviation))

    def logits(self, features: Tensor) -> Tensor:
        """Logits of what ``standardised`` made of the features."""
        raise TypeError(f"{type(self).__name__} does not define logits")


class CosineClassifier(Head):
    """``scale * <x / |x|, w_c / |w_c|>``: no bias, C * d parameters (paper section 3).

    Args:
        weight: initial class weights, shape (classes, width); only directions matter.
        scale: factor of the cosine, so that every logit lies in [-scale, scale].
        mean: as in ``Head``.
        deviation: as in ``Head``.
    """

    def __init__(
        self,
        weight: Tensor,
        scale: float = 25.0,
        mean: Tensor | None = None,
        deviation: Tensor | None = None,
    ) -> None:
        super().__init__(functional.normalize(weight.float(), dim=-1), mean, deviation)
        self.scale = scale

    def logits(self, features: Tensor) -> Tensor:
        """Scaled cosines."""
        directions = functional.normalize(features, dim=-1)
        return self.scale * functional.linear(directions, functional.normalize(self.weight, dim=-1))


class LinearClassifier(Head):
    """``<(x - mean) / deviation, w_c> + b_c``: C * (d + 1) parameters.

    Args:
        weight: shape (classes, width).
        bias: shape (classes,).
        mean: as in ``Head``.
        deviation: as in ``Head``.
    """

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor) -> None:
        super().__init__(weight, mean, deviation)
        self.bias = nn.Parameter(bias.float())

    def logits(self, features: Tensor) -> Tensor:
        """Weighted sums."""
        return functional.linear(features, self.weight, self.bias)


def standardised(
    features: Tensor, mean: Tensor | None = None, deviation: Tensor | None = None
) -> Tensor:
    """``(features - mean) / deviation``, without what is None."""
    centred = features if mean is None else features - mean
    return centred if deviation is None else centred / deviation


def feature_statistics(features: Tensor, kind: HeadFeatures) -> dict[str, Tensor]:
    """What a head needs to see the features in this way, as its arguments.

    Args:
        features: of what is trained on, shape (samples, width).
        kind: raw, centred or standardised.

    Returns:
        Nothing, ``mean``, or ``mean`` and ``deviation``; float32, shape (width,) each.
    """
    if kind == "raw":
        return {}
    exact = features.double()
    mean = exact.mean(dim=0)
    if kind == "centred":
        return {"mean": mean.float()}
    deviation = exact.std(dim=0, correction=0)
    # what varies this little is rounding, which must not count as much as a feature
    noise = 1e-6 * torch.maximum(mean.abs(), deviation.max())
    deviation = torch.where(deviation > noise, deviation, 1.0)
    return {"mean": mean.float(), "deviation": deviation.float()}


def mean_cosine(features: Tensor) -> float:
    """Mean cosine of all pairs of features, shape (samples, width), each with itself included."""
    unit = functional.normalize(features, dim=-1)
    return float(unit.mean(dim=0, dtype=torch.float64).square().sum())


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
