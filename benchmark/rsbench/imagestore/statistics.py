"""Mean, deviation and range of the stored values, counted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rsbench.imagestore.files import read_histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench.imagestore.store import ImageSet

Channels = tuple[float, ...]
"""One number for each band."""


def channel_statistics(source: ImageSet, full_scale: float = 255.0) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each band over all pixels, in units of ``full_scale``.

    They are exact: counted, not summed up in floats.
    """
    return histogram_statistics(read_histogram(source.folder), full_scale)


def histogram_statistics(
    histogram: NDArray[np.int64], full_scale: float
) -> tuple[Channels, Channels]:
    """Mean and standard deviation of each band from how often each value occurs.

    Args:
        histogram: shape (bands, levels).
        full_scale: value that stands for 1.0.
    """
    levels = np.arange(histogram.shape[1]) / full_scale
    share = histogram / np.maximum(histogram.sum(axis=1, keepdims=True), 1)
    mean = share @ levels
    deviation = np.sqrt((share * (levels - mean[:, None]) ** 2).sum(axis=1))
    return tuple(map(float, mean)), tuple(map(float, deviation))


def value_range(source: ImageSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest stored value of each band, shape (bands,) each; 0 without pixels."""
    present = read_histogram(source.folder) > 0
    lowest = present.argmax(axis=1).astype(np.float64)
    highest = present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
    return lowest, np.where(present.any(axis=1), highest, 0).astype(np.float64)
