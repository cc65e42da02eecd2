"""Normalised image batches on the training device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsbench.backbone import Normalisation
from rsbench.crops import Boxes, ImageSource, centre_boxes, cut, random_boxes, resize
from rsbench.settings import Augmentation


class BatchReader:
    """Reads batches of one split for one backbone.

    Args:
        source: decoded images.
        labels: class indices, shape (samples,).
        image_size: side of the network's input.
        normalisation: resolved: ``statistics`` is "fixed".
        augmentation: for ``train``.
        device: where batches are made.
    """

    def __init__(
        self,
        source: ImageSource,
        labels: NDArray[np.int64],
        *,
        image_size: int,
        normalisation: Normalisation,
        augmentation: Augmentation,
        device: torch.device,
    ) -> None:
        self.source = source
        self.labels = labels
        self.image_size = image_size
        self.augmentation = augmentation
        self.device = device
        mean = torch.tensor(normalisation.mean, device=device).view(-1, 1, 1)
        std = torch.tensor(normalisation.std, device=device).view(-1, 1, 1)
        # (x - mean) / std * multiplier + offset, as one multiplication and one addition
        self._factor = normalisation.multiplier / std
        self._shift = normalisation.offset - mean * self._factor

    def train(self, indices: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Augmented images, shape (batch, 3, size, size), and labels, shape (batch,)."""
        heights, widths = self.source.heights[indices], self.source.widths[indices]
        boxes = random_boxes(heights, widths, self.augmentation, rng)
        return self._images(indices, boxes), self._labels(indices)

    def test(self, indices: NDArray[np.int64], short_side: int) -> tuple[Tensor, Tensor]:
        """Centre crops after resizing the short side to ``short_side`` pixels, and labels."""
        boxes = centre_boxes(
            self.source.heights[indices],
            self.source.widths[indices],
            short_side=short_side,
            image_size=self.image_size,
        )
        return self._images(indices, boxes), self._labels(indices)

    def _images(self, indices: Sequence[int] | NDArray[np.int64], boxes: Boxes) -> Tensor:
        pixels, frames = cut(self.source, [int(i) for i in indices], boxes)
        pixels = pixels.to(self.device, non_blocking=True)
        images = resize(pixels, frames.to(self.device), boxes, self.image_size)
        return images * self._factor + self._shift

    def _labels(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.labels[indices]).to(self.device)
