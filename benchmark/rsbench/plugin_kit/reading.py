"""Read the images of a split once, and keep what the checks need of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import ImageError
from rsbench.plugin_kit.findings import raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench.target import Progress, SplitName, Target


@dataclass
class Reading:
    """What was found in the images of one split.

    Attributes:
        split: "train" or "test".
        total: samples in the split.
        indices: the samples that were to be read, ascending.
        digests: of the decoded pixels, by index; only of images that are arrays.
        constant: indices of images of one colour.
        unreadable: why an image does not decode, by index.
        broken: what else went wrong; reading ended there.
        types: how many images came in each type.
        shapes: how many images have so many dimensions and channels, such as "3 channels".
        sides: smallest and largest side of the images, pixels.
        lowest: smallest value of each band, shape (bands,).
        highest: largest value of each band, shape (bands,).
    """

    split: SplitName
    total: int
    indices: Sequence[int]
    digests: dict[int, str] = field(default_factory=dict)
    constant: set[int] = field(default_factory=set)
    unreadable: dict[int, str] = field(default_factory=dict)
    broken: str = ""
    types: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    sides: tuple[int, int] | None = None
    lowest: NDArray[np.float64] | None = None
    highest: NDArray[np.float64] | None = None

    @property
    def extent(self) -> str:
        """How much of the split was read, in words: ``2,000 of 98,990 train``."""
        read, total = len(self.indices), self.total
        return (
            f"all {total:,} {self.split}"
            if read == total
            else f"{read:,} of {total:,} {self.split}"
        )

    @property
    def whole(self) -> bool:
        """Whether every sample was to be read."""
        return len(self.indices) == self.total


def spread(total: int, limit: int | None) -> list[int]:
    """At most ``limit`` indices, evenly over all; every index where ``limit`` is None."""
    if limit is None or limit >= total:
        return list(range(total))
    return [int(i) for i in np.linspace(0, total - 1, limit).round()]


def read_split(
    target: Target, split: SplitName, limit: int | None, progress: Progress | None = None
) -> Reading:
    """Read ``limit`` images of a split, evenly spread, through ``read_many``.

    Args:
        target: an open target.
        split: "train" or "test".
        limit: number of images, None for all.
        progress: called with (done, total).
    """
    total = len(target.samples(split))
    reading = Reading(split, total, spread(total, limit))
    index = None
    try:
        pairs = zip_longest(reading.indices, target.read_many(split, reading.indices))
        for done, (index, image) in enumerate(pairs, start=1):
            if index is None or image is None:
                what = "fewer" if image is None else "more"
                reading.broken = f"read_many yields {what} images than it was asked for"
                break
            _note(reading, index, image)
            if progress is not None:
                progress(done, len(reading.indices))
    # foreign code may raise anything; that it does is a finding
    except Exception as error:
        after = "" if index is None else f" after {target.samples(split).ids[index]!r}"
        reading.broken = f"{raised(error)}{after}; an image that does not decode is an ImageError"
    return reading


def pixel_digest(image: NDArray[Any]) -> str:
    """SHA-256 over type, shape and values of a decoded image."""
    head = f"{image.dtype.str}{image.shape}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()


def _note(reading: Reading, index: int, image: object) -> None:
    if isinstance(image, ImageError):
        reading.unreadable[index] = raised(image)
        return
    if not isinstance(image, np.ndarray):
        reading.types[type(image).__name__] += 1
        return
    reading.types[str(image.dtype)] += 1
    shape = "an empty image" if 0 in image.shape else f"{image.ndim} dimensions"
    if image.ndim == 3 and image.size:
        shape = f"{image.shape[2]} channels"
        _note_sizes(reading, image.shape[0], image.shape[1])
    reading.shapes[shape] += 1
    reading.digests[index] = pixel_digest(image)
    if image.ndim == 3 and image.size and image.dtype.kind in "biuf":
        _note_values(reading, index, image)


def _note_sizes(reading: Reading, height: int, width: int) -> None:
    low, high = reading.sides or (height, width)
    reading.sides = (min(low, height, width), max(high, height, width))


def _note_values(reading: Reading, index: int, image: NDArray[Any]) -> None:
    low = image.min(axis=(0, 1)).astype(np.float64)
    high = image.max(axis=(0, 1)).astype(np.float64)
    if bool((low == high).all()):
        reading.constant.add(index)
    if reading.lowest is None or reading.highest is None:
        reading.lowest, reading.highest = low, high
    elif reading.lowest.shape == low.shape:  # the shapes have a check of their own
        reading.lowest = np.minimum(reading.lowest, low)
        reading.highest = np.maximum(reading.highest, high)
