"""Rank correlation of two measurements, for instance feature distance against accuracy gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from rsbench.errors import NotComparableError
from rsbench.statistics.bootstrap import DRAWS, percentiles
from rsbench.statistics.intervals import Interval

#: With fewer points any rank correlation is common by chance.
MINIMUM_POINTS = 4


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rho.

    Attributes:
        rho: from -1 to 1; None where ``reason`` says why.
        interval: bootstrap over the pairs, in the unit of rho; None likewise.
        points: number of pairs in which both are known.
        reason: why there is no number, "" where there is one.
    """

    rho: float | None
    interval: Interval | None
    points: int
    reason: str = ""


def rank_correlation(
    first: Sequence[float | None],
    second: Sequence[float | None],
    generator: np.random.Generator,
    draws: int = DRAWS,
) -> RankCorrelation:
    """Spearman's rank correlation (ties averaged) with a percentile interval.

    Pairs are drawn with replacement; draws in which one of the two is constant have no
    correlation and are left out, and the interval's note counts them. With few points the interval
    is rough: resampling repeats points, which makes ties.

    Args:
        first: one number per point; None where it is unknown (the pair is left out).
        second: the same points.
        generator: draws the pairs.
        draws: number of resamples.

    Raises:
        NotComparableError: the two differ in length.
    """
    if len(first) != len(second):
        raise NotComparableError(
            f"{len(first)} and {len(second)} points cannot be correlated",
            remedy="pass one pair of numbers per point",
        )
    known = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    points = len(known)
    if points < MINIMUM_POINTS:
        return RankCorrelation(None, None, points, f"{points} points: at least 4 are needed")
    x, y = np.array(known, dtype=np.float64).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return RankCorrelation(None, None, points, "all values of one of the two are equal")
    rows = generator.integers(points, size=(draws, points))
    drawn = _correlations(x[rows], y[rows])
    usable = drawn[~np.isnan(drawn)]
    lost = draws - usable.size
    note = f"{lost} of {draws} draws were constant" if lost else ""
    interval = Interval(*percentiles(usable), "pairs", note) if usable.size else None
    return RankCorrelation(float(_correlations(x[None], y[None])[0]), interval, points)


def _correlations(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rho of each row, shape (rows, points) -> (rows,); not a number if constant."""
    first, second = _centred_ranks(x), _centred_ranks(y)
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    product = (first * second).sum(axis=1)
    constant = scale == 0
    return np.where(constant, np.nan, product / np.where(constant, 1.0, scale))


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks: NDArray[np.float64] = scipy.stats.rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return ranks
