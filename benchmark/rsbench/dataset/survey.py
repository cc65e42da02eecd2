"""Decode every image of a split, with all cores, and keep what is known of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import BandError
from rsbench.imagery import check_values
from rsbench.imagestore.build import decode_all
from rsbench.imagestore.decode import Job

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench.target import Progress, SplitName, Target

#: No image is shrunk: its own size is what is asked for.
_ANY_SIZE = 1 << 30
_CHUNK = 64


@dataclass(frozen=True)
class Survey:
    """What the images of one split are.

    Attributes:
        sizes: int32, shape (images, 2): height and width as decoded; 0 where that failed.
        digests: uint64, shape (images,): equal for equal pixels; 0 where that failed.
        bad: index and message of each image that does not decode.
        histogram: int64, shape (bands, levels): how often each stored value occurs.
    """

    sizes: NDArray[np.int32]
    digests: NDArray[np.uint64]
    bad: tuple[tuple[int, str], ...]
    histogram: NDArray[np.int64]

    def problem(self, target: Target) -> str:
        """Why the values cannot be what ``target`` says, in one line; "" where they can."""
        if not self.histogram.any():
            return ""
        levels = np.arange(self.histogram.shape[1], dtype=np.float64)
        highest = np.where(self.histogram > 0, levels, 0).max(axis=1)
        try:
            check_values(target.name, target.imagery, highest)
        except BandError as error:
            return f"{error.what}; {error.remedy}"
        return ""

    def readable_sizes(self) -> NDArray[np.int32]:
        """Sizes of the images that decode, shape (images, 2)."""
        return self.sizes[(self.sizes > 0).all(axis=1)]


def survey(target: Target, split: SplitName, progress: Progress | None = None) -> Survey:
    """Decode ``split``; nothing is kept on disk.

    Raises:
        TargetError: the target yields something that is no image, or too few or too many.
    """
    with tempfile.TemporaryDirectory() as nowhere:
        job = Job(target, split, _ANY_SIZE, Path(nowhere), keep=False, chunk=_CHUNK)
        chunks = decode_all(job, progress)
    return Survey(
        sizes=np.concatenate([chunk.sizes for chunk in chunks]),
        digests=np.concatenate([chunk.digests for chunk in chunks]),
        bad=tuple(pair for chunk in chunks for pair in chunk.bad),
        histogram=np.sum([chunk.histogram for chunk in chunks], axis=0),
    )
