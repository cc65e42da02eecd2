"""A measured number with its interval, over seeds and over test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Confidence of every interval.
CONFIDENCE = 0.95

SEEDS_AND_IMAGES = "seeds and images"
IMAGES = "images"
SEEDS = "seeds"
EXACT = "exact"


@dataclass(frozen=True)
class Measured:
    """An estimate and how far it can be trusted.

    Attributes:
        value: in percent, points, or whatever unit it is compared in.
        variance: of the estimate, in that unit squared; None where nothing is known of it.
        degrees: degrees of freedom of the variance.
        seeds: how many seeds it is the mean of.
        basis: what the interval is over: "seeds and images", "images" (one seed), "seeds" (no
            predictions were kept), "exact" (a count), or "" for none.
        differing: of a difference paired by image: images on which the two rows differ on
            balance over the seeds; None for all else.
    """

    value: float
    variance: float | None
    degrees: float
    seeds: int
    basis: str
    differing: int | None = None

    @property
    def half_width(self) -> float | None:
        """Half of the two-sided 95 % t interval, or None where nothing is known of it."""
        if self.variance is None:
            return None
        if self.variance == 0.0:
            return 0.0
        from scipy import special

        quantile = float(special.stdtrit(self.degrees, 0.5 + CONFIDENCE / 2))
        return quantile * math.sqrt(self.variance)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        half = self.half_width
        return None if half is None else (self.value - half, self.value + half)

    @property
    def p_value(self) -> float | None:
        """Two-sided p of "the true value is zero" by the same t distribution.

        Not below what swapping the two rows on the images that differ could show at best.
        """
        if self.variance is None:
            return None
        if self.variance == 0.0:
            p = 1.0 if self.value == 0.0 else 0.0
        else:
            from scipy import special

            p = float(2 * special.stdtr(self.degrees, -abs(self.value) / math.sqrt(self.variance)))
        floor = 0.0 if self.differing is None else min(1.0, 2.0 ** (1 - self.differing))
        return max(p, floor)

    def scaled(self, factor: float) -> Measured:
        """The number in another unit; ``factor`` counts as known exactly."""
        variance = None if self.variance is None else self.variance * factor**2
        return Measured(self.value * factor, variance, self.degrees, self.seeds, self.basis)


def exact(value: float, seeds: int) -> Measured:
    """A number without noise, such as a count of parameters."""
    return Measured(value, 0.0, 1.0, seeds, EXACT)


def over_seeds(values: Sequence[float]) -> Measured:
    """Mean of one value per seed; its interval is over the seeds alone."""
    number = len(values)
    mean = math.fsum(values) / number
    if number < 2:
        return Measured(mean, None, 1.0, number, "")
    variance = math.fsum((value - mean) ** 2 for value in values) / (number - 1)
    return Measured(mean, variance / number, float(number - 1), number, SEEDS)


def mean_of(parts: Sequence[Measured]) -> Measured:
    """Plain mean of independent numbers, such as one for each transfer.

    The degrees of freedom are Satterthwaite's: V^2 / sum(v^2 / degrees).
    """
    number = len(parts)
    value = math.fsum(part.value for part in parts) / number
    seeds = min(part.seeds for part in parts)
    known = [(each.variance, each.degrees) for each in parts if each.variance is not None]
    if len(known) < number:
        return Measured(value, None, 1.0, seeds, "")
    shares = [(variance / number**2, degrees) for variance, degrees in known]
    variance = math.fsum(share for share, _ in shares)
    spread = math.fsum(share**2 / degrees for share, degrees in shares)
    degrees = variance**2 / spread if spread > 0 else 1.0
    bases = {part.basis for part in parts}
    return Measured(value, variance, degrees, seeds, bases.pop() if len(bases) == 1 else "mixed")
