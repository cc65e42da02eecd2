"""Bootstrap over test images (within classes) and over seeds; percentile intervals.

An accuracy averaged over classes is linear in the outcomes, so a resampled test set is nothing but
how often each image was drawn. ``Resamples`` holds those counts; one is drawn for each target and
serves all of its rows, which is fast and makes the resampled test sets the same for all.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import NotComparableError
from rsbench.statistics.outcomes import ClassSet, inside

#: Resampled test sets by default: the ends of a 95 % interval are then good to about 5 % of it.
DRAWS = 2000
#: Up to this many seeds all resamples (S to the power of S) are enumerated instead of drawn.
ENUMERATED_SEEDS = 5
#: Resampled means that are held at a time, in numbers.
_ELEMENTS = 400_000


@dataclass(frozen=True, eq=False)
class Resamples:
    """Test sets drawn with replacement within each class, so that class sizes stay.

    Attributes:
        classes: those that occur, ascending, shape (C,).
        sizes: test images of each, shape (C,).
        order: images sorted by class, shape (n,).
        counts: how often each image (in ``order``) was drawn, shape (n, draws).
    """

    classes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    order: NDArray[np.intp]
    counts: NDArray[np.uint8]

    @staticmethod
    def draw(
        labels: NDArray[np.int64], generator: np.random.Generator, draws: int = DRAWS
    ) -> Resamples:
        """Draw ``draws`` test sets; the same generator state gives the same sets."""
        classes, sizes = np.unique(labels, return_counts=True)
        size = np.repeat(sizes, sizes)
        start = np.repeat(np.cumsum(sizes) - sizes, sizes)
        # 255 copies of one image would need a class of thousands and a chance below 1e-500
        counts = np.empty((draws, labels.size), dtype=np.uint8)
        for draw in range(draws):
            counts[draw] = np.bincount(start + generator.integers(size), minlength=labels.size)
        order = np.argsort(labels, kind="stable")
        return Resamples(classes, sizes, order, np.ascontiguousarray(counts.T))

    def means(self, values: NDArray[np.integer], sets: Sequence[ClassSet]) -> NDArray[np.float64]:
        """Class-balanced mean of ``values`` in every resampled test set.

        Args:
            values: small whole numbers, one per image in the order of the labels, shape (n,).
            sets: sets of classes to average over; one without test images gives zeros.

        Returns:
            Shape (len(sets), draws).

        Raises:
            NotComparableError: there are not as many values as labels.
        """
        if values.shape != self.order.shape:
            raise NotComparableError(
                f"{values.size} outcomes were given for resamples of {self.order.size} images",
                remedy="draw the resamples from the labels of the same test set",
            )
        return next(self.means_of_rows([values], sets))

    def means_of_rows(
        self, rows: Sequence[NDArray[np.integer]], sets: Sequence[ClassSet]
    ) -> Iterator[NDArray[np.float64]]:
        """The same for many rows, several times faster than one by one.

        Args:
            rows: small whole numbers, each of shape (n,) in the order of the labels.
            sets: sets of classes to average over.

        Yields:
            For each row an array of shape (len(sets), draws).
        """
        weights = self._weights(sets)
        at_once = max(1, _ELEMENTS // (max(len(sets), 1) * self.counts.shape[1]))
        for begin in range(0, len(rows), at_once):
            block = np.stack(rows[begin : begin + at_once])[:, self.order].astype(np.float32)
            found = np.zeros((len(sets), len(block), self.counts.shape[1]))
            for part, sums in self._class_sums(block):
                for number in np.flatnonzero(weights[:, part]):
                    found[number] += weights[number, part] * sums
            yield from found.transpose(1, 0, 2)

    def _weights(self, sets: Sequence[ClassSet]) -> NDArray[np.float64]:
        """What one image of a class adds to each mean, shape (sets, C)."""
        weights = np.zeros((len(sets), len(self.classes)))
        for row, each in enumerate(sets):
            members = inside(self.classes, each)
            weights[row, members] = 1.0 / self.sizes[members]
            weights[row] /= max(np.count_nonzero(weights[row]), 1)
        return weights

    def _class_sums(self, block: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Position of a class and, for each row and draw, the sum of its values, (rows, draws).

        Classes whose values are all zero are left out. The sums are whole numbers far below 2^24,
        which single precision holds exactly: they do not depend on the order of the additions, and
        so not on the machine.
        """
        # images with value 0 add nothing: where errors are few, most of the work falls away
        images = np.flatnonzero(block.any(axis=0))
        ends = np.searchsorted(images, np.cumsum(self.sizes))
        begin = 0
        for part, end in enumerate(ends.tolist()):
            if end > begin:
                chosen = images[begin:end]
                yield part, block[:, chosen] @ self.counts[chosen].astype(np.float32)
            begin = end


def percentiles(values: NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """Ends of the percentile interval, linear between order statistics as in ``np.quantile``."""
    # sorting is what np.quantile avoids, and still several times faster for arrays this small
    ordered = np.sort(values)
    places = np.array([0.5 - confidence / 2, 0.5 + confidence / 2]) * (values.size - 1)
    low, high = np.interp(places, np.arange(values.size), ordered).tolist()
    return low, high


def two_sided_p(differences: NDArray[np.float64]) -> float:
    """P of "no difference" from resampled differences: twice the smaller tail.

    It is the largest alpha at which the percentile interval still holds zero. The observed sample
    counts as one more resample on the side of zero ((1 + k) / (1 + B)), so p is never 0; all
    differences equal to zero give 1.
    """
    tail = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2.0 * (1 + tail) / (1 + differences.size))


def resampled_seeds(
    by_seed: NDArray[np.float64], generator: np.random.Generator, draws: int = DRAWS
) -> NDArray[np.float64] | None:
    """Means over seeds drawn with replacement; None with one seed.

    All S^S resamples up to five seeds (then nothing is random), else ``draws`` of them. With few
    seeds the interval from these is much too narrow: with three it cannot reach beyond the
    smallest and largest seed and holds the truth 67 % of the time instead of 95 % (with five 83 %).
    """
    seeds = len(by_seed)
    if seeds < 2:
        return None
    few = seeds <= ENUMERATED_SEEDS
    rows = _all_resamples(seeds) if few else generator.integers(seeds, size=(draws, seeds))
    means: NDArray[np.float64] = by_seed[rows].mean(axis=1)
    return means


@functools.cache
def _all_resamples(seeds: int) -> NDArray[np.int64]:
    return np.array(list(itertools.product(range(seeds), repeat=seeds)), dtype=np.int64)
