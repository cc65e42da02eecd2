"""Where only records are left: intervals from class accuracies and numbers of test images.

Without predictions nobody knows which images were right, so images cannot be paired: the comparison
here is wider than the paired one, often by far. Each class is a binomial sample with Wilson's
interval (1927); intervals of classes are put together by the squares of their arms (Newcombe 1998,
method 10, for the difference of two; Zou and Donner 2008 in general), so that they stay inside 0 to
100 and have a width even where everything is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rsbench.errors import NotComparableError
from rsbench.statistics.intervals import Interval, source_of
from rsbench.statistics.outcomes import ClassSet
from rsbench.statistics.verdicts import MINIMUM_SEEDS, Verdict, too_few_seeds

#: Accuracy of each class as a fraction, None for a class without test images.
Accuracies = Sequence[float | None]


@dataclass(frozen=True)
class UnpairedDifference:
    """Second row minus first, from records alone.

    Attributes:
        difference: in points.
        by_seed: the same of each seed, in points.
        seeds: those that both rows have.
        seeds_left_out: those that only one has.
        interval: of the difference, in points; images not paired.
        verdict: from the interval; it errs on the side of "within the noise".
    """

    difference: float
    by_seed: tuple[float, ...]
    seeds: tuple[int, ...]
    seeds_left_out: tuple[int, ...]
    interval: Interval
    verdict: Verdict


def wilson(
    accuracies: NDArray[np.float64], counts: NDArray[np.int64], confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of Wilson's score interval of fractions ``accuracies`` of ``counts`` images each."""
    square = float(special.ndtri(0.5 + confidence / 2)) ** 2
    centre = (accuracies + square / (2 * counts)) / (1 + square / counts)
    spread = accuracies * (1 - accuracies) / counts + square / (4 * counts**2)
    half = np.sqrt(square * spread) / (1 + square / counts)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def binomial_interval(
    accuracies: Accuracies, counts: Sequence[int], classes: ClassSet, confidence: float = 0.95
) -> Interval | None:
    """Interval, in percent, of the mean accuracy over classes; for one cell, or the mean of a row.

    The mean over seeds may be given as well: as the seeds met the same images, a class then still
    counts as ``counts`` images. The spread over seeds is no part of it.

    Args:
        accuracies: of each class.
        counts: test images of each class.
        classes: which to average over.
        confidence: of the interval.

    Returns:
        None where no class of the set has a test image.
    """
    values, sizes = _known(accuracies, counts, classes)
    if not values.size:
        return None
    low, high = bounds_of_mean(values, sizes, confidence)
    return Interval(100 * low, 100 * high, "images")


def bounds_of_mean(
    accuracies: NDArray[np.float64], counts: NDArray[np.int64], confidence: float = 0.95
) -> tuple[float, float]:
    """Ends of the interval of the mean of at least one class accuracy; fractions."""
    down, up = _arms(accuracies, counts, confidence)
    mean = float(accuracies.mean())
    return max(mean - down, 0.0), min(mean + up, 1.0)


def compare_unpaired(
    first: Mapping[int, Accuracies],
    second: Mapping[int, Accuracies],
    counts: Sequence[int],
    classes: ClassSet,
    confidence: float = 0.95,
) -> UnpairedDifference | None:
    """Compare two rows by the class accuracies in their records.

    The squared arms of the interval are those of the images of both rows (unpaired) plus the t
    interval over the seeds' differences. It holds the truth at least as often as stated.

    Args:
        first: class accuracies by seed.
        second: class accuracies by seed.
        counts: test images of each class, the same for both.
        classes: which to average over.
        confidence: of the interval.

    Returns:
        None where no class of the set has a test image.

    Raises:
        NotComparableError: the rows share no seed.
    """
    seeds = tuple(sorted(set(first) & set(second)))
    if not seeds:
        raise NotComparableError(
            f"the rows share no seed: {sorted(first)} and {sorted(second)}",
            remedy="run both with the same seeds",
        )
    rows = [[_known(row[seed], counts, classes) for seed in seeds] for row in (first, second)]
    sizes = rows[0][0][1]
    if not sizes.size:
        return None
    ours, theirs = (np.stack([values for values, _ in row]) for row in rows)
    by_seed = (theirs - ours).mean(axis=1)
    difference = float(by_seed.mean())
    ours_arms = _arms(ours.mean(axis=0), sizes, confidence)
    theirs_arms = _arms(theirs.mean(axis=0), sizes, confidence)
    over_seeds = _arm_of_seeds(by_seed, confidence)
    low = difference - math.hypot(theirs_arms[0], ours_arms[1], over_seeds)
    high = difference + math.hypot(theirs_arms[1], ours_arms[0], over_seeds)
    note = "from records alone: images not paired"
    return UnpairedDifference(
        difference=100 * difference,
        by_seed=tuple((100 * by_seed).tolist()),
        seeds=seeds,
        seeds_left_out=tuple(sorted(set(first) ^ set(second))),
        interval=Interval(100 * low, 100 * high, source_of(len(seeds)), note),
        verdict=_verdict(low, high, len(seeds)),
    )


def _known(
    accuracies: Accuracies, counts: Sequence[int], classes: ClassSet
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Accuracies and counts of the classes of the set that have test images."""
    if len(accuracies) != len(counts):
        raise NotComparableError(
            f"there are {len(accuracies)} class accuracies and {len(counts)} test counts",
            remedy="compare records of the same version of the target",
        )
    chosen = sorted(set(range(len(counts)) if classes is None else classes))
    chosen = [c for c in chosen if counts[c] > 0]
    values = [accuracies[c] for c in chosen]
    if None in values:
        missing = chosen[values.index(None)]
        raise NotComparableError(
            f"class {missing} has {counts[missing]} test images and no accuracy",
            remedy="compare records of the same version of the target",
        )
    return np.array(values, dtype=np.float64), np.array([counts[c] for c in chosen], dtype=np.int64)


def _arms(
    values: NDArray[np.float64], sizes: NDArray[np.int64], confidence: float
) -> tuple[float, float]:
    """How far the interval of the mean reaches down and up."""
    low, high = wilson(values, sizes, confidence)
    down, up = np.sqrt(((values - low) ** 2).sum()), np.sqrt(((high - values) ** 2).sum())
    return float(down) / len(values), float(up) / len(values)


def _arm_of_seeds(by_seed: NDArray[np.float64], confidence: float) -> float:
    seeds = len(by_seed)
    if seeds < 2:
        return 0.0
    quantile = float(special.stdtrit(seeds - 1, 0.5 + confidence / 2))
    return quantile * float(by_seed.std(ddof=1)) / math.sqrt(seeds)


def _verdict(low: float, high: float, seeds: int) -> Verdict:
    if seeds < MINIMUM_SEEDS:
        return too_few_seeds(seeds)
    if low > 0:
        return Verdict.HIGHER
    return Verdict.LOWER if high < 0 else Verdict.WITHIN_NOISE
