"""Normalised image batches on the training device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsbench.backbone import Normalisation
from rsbench.crops import ImageSource, centre_view, flip_views, random_boxes, training_view
from rsbench.settings import Augmentation


class BatchReader:
    """Reads batches of one split for one backbone.

    Args:
        source: decoded images.
        labels: class indices, shape (samples,).
        image_size: side of the network's input.
        normalisation: resolved: ``statistics`` is "fixed".
        augmentation: for ``train``.
        device: where batches go.
        channels: which stored channel feeds each input channel, or None where all do, in order.
        full_scale: stored value that stands for 1.0.
        readers: threads that make views; None: as many as torch has where an accelerator leaves
            them idle, else the calling one.
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
        readers: int | None = None,
    ) -> None:
        self.source = source
        self.labels = labels
        self.image_size = image_size
        self.augmentation = augmentation
        self.device = device
        self.readers = readers or (1 if device.type == "cpu" else torch.get_num_threads())
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
        views = self._views(indices, training_view, boxes)
        flip_views(views, boxes)
        return self._normalised(views), self._labels(indices)

    def test(self, indices: NDArray[np.int64], short_side: int) -> tuple[Tensor, Tensor]:
        """Centre crops after resizing the short side to ``short_side`` pixels, and labels."""
        views = self._views(indices, centre_view, [short_side] * len(indices))
        return self._normalised(views), self._labels(indices)

    def _views(
        self,
        indices: NDArray[np.int64],
        view: Callable[[NDArray[Any], Any, int, Sequence[int] | None], Tensor],
        where: Sequence[Any],
    ) -> Tensor:
        images = self.source.images([int(i) for i in indices])
        each = map if self.readers == 1 else self._pool.map
        views = each(view, images, where, repeat(self.image_size), repeat(self._channels))
        return torch.stack(list(views)).to(self.device, non_blocking=True)

    def _normalised(self, images: Tensor) -> Tensor:
        images = images.to(torch.float32, memory_format=torch.contiguous_format)
        return images.mul_(self._factor).add_(self._shift)  # in place: memory is what takes time

    def _labels(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.labels[indices]).to(self.device)

    @property
    def reads_ahead(self) -> bool:
        """Whether a batch may be read while a step runs: not where both need the same cores."""
        return self.device.type != "cpu" or not self.source.decoded

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.readers, thread_name_prefix="views")
