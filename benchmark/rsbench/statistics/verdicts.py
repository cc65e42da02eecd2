"""What may be said about a difference."""

from __future__ import annotations

from enum import StrEnum

#: Below this number of seeds nothing is said about the spread over seeds.
MINIMUM_SEEDS = 3
#: Level of every verdict.
ALPHA = 0.05


class Verdict(StrEnum):
    """The second row beside the first, as printed."""

    HIGHER = "higher"
    LOWER = "lower"
    WITHIN_NOISE = "within the noise"
    ONE_SEED = "one seed: no verdict"
    TWO_SEEDS = "two seeds: no verdict"
    FEW_IMAGES = "one test image per class: no verdict"


def too_few_seeds(seeds: int) -> Verdict:
    """The verdict of one or two seeds."""
    return Verdict.ONE_SEED if seeds == 1 else Verdict.TWO_SEEDS


def verdict(difference: float, p: float | None, seeds: int, alpha: float = ALPHA) -> Verdict:
    """Verdict on a difference.

    Args:
        difference: second minus first.
        p: two-sided, over seeds and images, adjusted for its family where there is one; None
            where the images allow no test.
        seeds: number of seeds that both have.
        alpha: level.
    """
    if seeds < MINIMUM_SEEDS:
        return too_few_seeds(seeds)
    if p is None:
        return Verdict.FEW_IMAGES
    if p > alpha or difference == 0.0:
        return Verdict.WITHIN_NOISE
    return Verdict.HIGHER if difference > 0 else Verdict.LOWER
