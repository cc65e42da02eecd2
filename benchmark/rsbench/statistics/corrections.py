"""Many comparisons at once: Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rsbench.statistics.pairs import PairedDifference
from rsbench.statistics.verdicts import ALPHA, Verdict, verdict


@dataclass(frozen=True)
class Judged:
    """One comparison of a family.

    Attributes:
        p: adjusted by Holm's method over the family; None where there was no test.
        verdict: from the adjusted p.
        family: number of tests in the family.
    """

    p: float | None
    verdict: Verdict
    family: int


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values (Holm 1979), in the order given; None stays None and counts as no test.

    The k-th smallest of m (from 0) is multiplied by m - k, then made no smaller than those before
    it and no larger than 1. Rejecting where the result is at most alpha keeps the chance of any
    false rejection in the family at alpha, whatever the dependence between tests.
    """
    tested = [index for index, p in enumerate(p_values) if p is not None]
    values = np.array([p_values[index] for index in tested], dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(tested), 0, -1)
    raised = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    adjusted: list[float | None] = [None] * len(p_values)
    for place, value in zip(order.tolist(), raised.tolist(), strict=True):
        adjusted[tested[place]] = value
    return tuple(adjusted)


def judge_family(
    pairs: Sequence[PairedDifference | None], alpha: float = ALPHA
) -> tuple[Judged | None, ...]:
    """Verdicts on all pairs of a family together.

    A pair with too few seeds gets no verdict, and its p (over images alone) is no test of the
    family. None (a set without test images) stays None.
    """
    usable = [None if pair is None or not _tested(pair) else pair.p for pair in pairs]
    family = sum(p is not None for p in usable)
    return tuple(
        None
        if pair is None
        else Judged(p, verdict(pair.difference, p, len(pair.seeds), alpha), family)
        for pair, p in zip(pairs, holm(usable), strict=True)
    )


def _tested(pair: PairedDifference) -> bool:
    return pair.verdict in (Verdict.HIGHER, Verdict.LOWER, Verdict.WITHIN_NOISE)
