"""Features, logits and predictions of a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsbench.batches import BatchReader

#: Images per forward pass; it changes speed and memory, not results.
BATCH = 256


@dataclass(frozen=True)
class Outputs:
    """What the trained model says about the images of a split.

    Attributes:
        indices: indices into the split, shape (samples,).
        labels: true classes, int64.
        features: float32, shape (samples, width).
        logits: float32, shape (samples, classes); before any logit adjustment.
    """

    indices: NDArray[np.int64]
    labels: NDArray[np.int64]
    features: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Predicted classes, int64, shape (samples,)."""
        return np.asarray(self.logits.argmax(axis=1), dtype=np.int64)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, shape (samples, classes)."""
        shifted = self.logits.astype(np.float64) - self.logits.max(axis=1, keepdims=True)
        exponentials = np.exp(shifted)
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def forward_all(
    forward: Callable[[Tensor], tuple[Tensor, ...]],
    reader: BatchReader,
    indices: NDArray[np.int64],
    short_side: int,
) -> tuple[NDArray[np.float32], ...]:
    """Run ``forward`` over the test view of ``indices`` and stack each of its results.

    Args:
        forward: images to a tuple of tensors of shape (batch, ...).
        reader: reads the split.
        indices: what to read.
        short_side: short side before the centre crop, pixels.
    """
    parts: list[tuple[Tensor, ...]] = []
    with torch.no_grad():
        for start in range(0, len(indices), BATCH):
            images, _ = reader.test(indices[start : start + BATCH], short_side)
            parts.append(tuple(part.float().cpu() for part in forward(images)))
    return tuple(torch.cat(column).numpy() for column in zip(*parts, strict=True))


def evaluate(
    forward: Callable[[Tensor], tuple[Tensor, ...]],
    reader: BatchReader,
    indices: NDArray[np.int64],
    short_side: int,
) -> Outputs:
    """Features and logits of ``indices``; ``forward`` gives both."""
    features, logits = forward_all(forward, reader, indices, short_side)
    return Outputs(indices, reader.labels[indices], features, logits)
