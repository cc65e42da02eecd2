"""Means and variances of outcomes within each class: all that the closed-form intervals need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.statistics.outcomes import ClassSet, inside


@dataclass(frozen=True, eq=False)
class ClassMoments:
    """Two-way analysis of variance (seeds x images) within each class that occurs.

    Values are outcomes (0 or 1) or paired differences of outcomes (-1, 0 or 1).

    Attributes:
        classes: those that occur, ascending, shape (C,).
        counts: test images of each, shape (C,).
        means: mean over the class's images, by seed, shape (seeds, C).
        images: sample variance, over the images of a class, of the mean over seeds, shape (C,);
            not a number for a class with one image.
        interaction: mean square of what neither image nor seed explains, shape (C,); not a number
            for a class with one image, zero with one seed.
    """

    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    means: NDArray[np.float64]
    images: NDArray[np.float64]
    interaction: NDArray[np.float64]

    def of(self, classes: ClassSet) -> ClassMoments:
        """The same for these classes alone."""
        if classes is None:
            return self
        chosen = inside(self.classes, classes)
        return ClassMoments(
            self.classes[chosen],
            self.counts[chosen],
            self.means[:, chosen],
            self.images[chosen],
            self.interaction[chosen],
        )


def class_moments(labels: NDArray[np.int64], values: NDArray[np.integer]) -> ClassMoments:
    """Moments of integer values, from sums that are exact, so that no rounding makes noise.

    Args:
        labels: class of each image, shape (n,).
        values: shape (seeds, n), small integers.
    """
    every = np.bincount(labels)
    classes = np.flatnonzero(every)
    counts, index = every[classes], (np.cumsum(every > 0) - 1)[labels]
    whole = values.astype(np.int64)
    seeds = len(whole)

    def by_class(each: NDArray[np.int64]) -> NDArray[np.int64]:
        sums = np.zeros(len(classes), dtype=np.int64)
        np.add.at(sums, index, each)
        return sums

    totals = whole.sum(axis=0)
    sums = np.stack([by_class(row) for row in whole])
    of_images, squares = by_class(totals**2), by_class((whole**2).sum(axis=0))
    grand = sums.sum(axis=0)
    between = counts * of_images - grand**2
    rest = seeds * counts * squares - counts * of_images - seeds * (sums**2).sum(axis=0) + grand**2
    alone = counts == 1
    pairs = np.where(alone, 1, counts * (counts - 1))
    images = np.where(alone, np.nan, between / (pairs * seeds**2))
    interaction = np.where(alone, np.nan, rest / (pairs * seeds * max(seeds - 1, 1)))
    return ClassMoments(classes, counts, sums / counts, images, interaction)
