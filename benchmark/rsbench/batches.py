"""Normalised image batches on the training device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsbench.backbone import Normalisation
from rsbench.crops import (
    Boxes,
    ImageSource,
    centre_boxes,
    cut,
    cut_exactly,
    need_no_resize,
    random_boxes,
    resize,
)
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
        channels: which stored channel feeds each input channel, or None where all do, in order.
        full_scale: stored value that stands for 1.0.
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
        channels: Sequence[int] | None = None,
        full_scale: float = 255.0,
    ) -> None:
        self.source = source
        self.labels = labels
        self.image_size = image_size
        self.augmentation = augmentation
        self.device = device
        self._channels = None if channels is None else list(channels)
        mean = torch.tensor(normalisation.mean, device=device).view(-1, 1, 1)
        std = torch.tensor(normalisation.std, device=device).view(-1, 1, 1)
        # (x - mean) / std * multiplier + offset with x = value / full_scale, as one
        # multiplication and one addition
        self._factor = normalisation.multiplier / std / full_scale
        self._shift = normalisation.offset - mean * normalisation.multiplier / std

    def train(self, indices: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Augmented images, shape (batch, channels, size, size), and labels, shape (batch,)."""
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
        listed = [int(i) for i in indices]
        exact = need_no_resize(boxes, self.image_size)
        if exact.all():
            return self._normalised(self._exact(listed, boxes))
        if not exact.any():
            return self._normalised(self._resized(listed, boxes))
        # an image gets the same pixels whatever else is in its batch
        parts = [np.flatnonzero(exact), np.flatnonzero(~exact)]
        chosen = [([listed[i] for i in part], boxes.at(part)) for part in parts]
        images = torch.cat([self._exact(*chosen[0]).float(), self._resized(*chosen[1])])
        order = torch.from_numpy(np.argsort(np.concatenate(parts))).to(self.device)
        return self._normalised(images[order])

    def _exact(self, indices: Sequence[int], boxes: Boxes) -> Tensor:
        pixels = cut_exactly(self.source, indices, boxes, self.image_size)
        return pixels.to(self.device, non_blocking=True)

    def _resized(self, indices: Sequence[int], boxes: Boxes) -> Tensor:
        pixels, frames = cut(self.source, indices, boxes)
        pixels = pixels.to(self.device, non_blocking=True)
        return resize(pixels, frames.to(self.device), boxes, self.image_size)

    def _normalised(self, images: Tensor) -> Tensor:
        images = images.to(torch.float32, memory_format=torch.contiguous_format)
        if self._channels is not None and self._channels != list(range(images.shape[1])):
            images = images[:, self._channels]
        return images.mul_(self._factor).add_(self._shift)  # in place: memory is what takes time

    def _labels(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.labels[indices]).to(self.device)
