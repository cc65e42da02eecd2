r"""Both sources of noise at once: the seeds a row was trained with, and the images it met.

The model. Outcome (or paired difference) of image i of class c with seed s::

    x[s, i] = mean of class c + seed effect[s, c] + image effect[i] + interaction[s, i]

Seeds and images are two crossed samples: every seed meets the same images. The estimate is the
mean over S seeds of the mean over G classes of the mean over a class's n_c images. Its variance is

    A/S + B + I,      B = sum_c b_c / (G^2 n_c),      I = sum_c e_c / (S G^2 n_c)

with A the variance over seeds of the mean over classes of the seed effects (effects of different
classes may hang together), b_c the variance of image effects and e_c that of the interaction. What
can be computed are

* the variance of the S seeds' values, divided by S:               it estimates A/S + I;
* the variance over a class's images of their means over seeds,
  summed over classes with the weights of B:                        it estimates B + I;
* the mean square of the interaction with the weights of I:         it estimates I.

Their sum counts I twice, so it is subtracted once. (The pigeonhole bootstrap of Owen 2007 is too
wide by that very term, and the two-way cluster variance of Cameron, Gelbach and Miller 2011 removes
it in the same way.) Neither A nor B can be negative: a negative estimate of one is set to zero.

The estimate divided by the root of its variance is referred to Student's t with the degrees of
freedom of Satterthwaite (1946): V^2 / sum(part^2 / degrees of the part), not below S - 1.

How often a difference is claimed at 5 % where there is none (4,000 runs simulated for each number,
by tests/benchmark/test_statistics_rates.py; seed noise from none to much more than image noise)::

    seeds   this test        images alone     seeds alone (bootstrap)
    2       0.02 to 0.12     0.06 to 0.55     0.52 to 0.62
    3       0.02 to 0.06     0.06 to 0.53     0.35 to 0.48
    6       0.04 to 0.05     0.06 to 0.46     0.16 to 0.40

Hence no verdict below three seeds, and none from one source alone. (For normal noise the worst case
with three seeds is 0.075: seed noise of about three times the image noise.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from rsbench.statistics.moments import ClassMoments


@dataclass(frozen=True)
class Crossed:
    """An estimate with its variance, in fractions.

    Attributes:
        estimate: mean over seeds and classes.
        by_seed: the same of each seed.
        seeds: variance of the seeds' values divided by their number; None with one seed.
        images: variance that the choice of images brings, interaction included; None where no
            class has two images.
        interaction: the part that both of these contain.
        total: variance of the estimate; None where neither source can be estimated.
        degrees: degrees of freedom of ``total``.
    """

    estimate: float
    by_seed: tuple[float, ...]
    seeds: float | None
    images: float | None
    interaction: float
    total: float | None
    degrees: float

    @property
    def error(self) -> float | None:
        """Standard error of the estimate."""
        return None if self.total is None else math.sqrt(self.total)

    def half_width(self, confidence: float = 0.95) -> float | None:
        """Half of the two-sided t interval."""
        if self.error is None:
            return None
        return float(special.stdtrit(self.degrees, 0.5 + confidence / 2)) * self.error

    def p_value(self) -> float | None:
        """Two-sided p of "the true value is zero" by the t distribution."""
        if self.error is None:
            return None
        if self.error == 0.0:
            return 1.0 if self.estimate == 0.0 else 0.0
        return float(2 * special.stdtr(self.degrees, -abs(self.estimate) / self.error))


def crossed(moments: ClassMoments) -> Crossed | None:
    """Estimate and variance over the classes of ``moments``; None where there are none.

    A class with one image says nothing about the spread between its images: it is given the mean
    variance of the other classes (of those with two or more).
    """
    number = len(moments.classes)
    if number == 0:
        return None
    by_seed = moments.means.mean(axis=1)
    seeds = len(by_seed)
    of_seeds = float(by_seed.var(ddof=1)) / seeds if seeds > 1 else None
    weights = 1.0 / (number**2 * moments.counts)
    of_images = _parts(moments.images, weights)
    shared = _parts(moments.interaction, weights / seeds)
    parts = [] if of_seeds is None else [(of_seeds, float(seeds - 1))]
    degrees = np.maximum(moments.counts - 1, 1)
    if of_images is not None and shared is not None:
        parts += _pooled(of_images, degrees)
        parts += _pooled(shared, degrees * max(seeds - 1, 1))
    interaction = 0.0 if shared is None else float(shared.sum())
    images = None if of_images is None else float(of_images.sum())
    total = _total(of_seeds, images, interaction)
    return Crossed(
        estimate=float(by_seed.mean()),
        by_seed=tuple(by_seed.tolist()),
        seeds=of_seeds,
        images=images,
        interaction=interaction,
        total=total,
        degrees=_degrees(total, parts, max(seeds - 1, 1)),
    )


def _parts(
    variances: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Weighted variance of each class, gaps filled with the mean; None if there are only gaps."""
    gaps = np.isnan(variances)
    if gaps.all():
        return None
    if gaps.any():
        variances = np.where(gaps, variances[~gaps].mean(), variances)
    return variances * weights


def _pooled(parts: NDArray[np.float64], degrees: NDArray[np.integer]) -> list[tuple[float, float]]:
    """A sum of variances as one variance with its degrees of freedom."""
    spread = float((parts**2 / degrees).sum())
    whole = float(parts.sum())
    return [(whole, whole**2 / spread)] if spread > 0.0 else []


def _total(seeds: float | None, images: float | None, interaction: float) -> float | None:
    """Sum without counting the interaction twice, neither source below zero."""
    if seeds is None or images is None:
        return images if seeds is None else seeds
    return max(seeds - interaction, 0.0) + max(images - interaction, 0.0) + interaction


def _degrees(total: float | None, parts: list[tuple[float, float]], least: int) -> float:
    spread = sum(variance**2 / degrees for variance, degrees in parts)
    if not total or spread == 0.0:
        return float(least)
    return max(total**2 / spread, float(least))
