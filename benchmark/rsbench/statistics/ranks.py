"""Average ranks over targets, with a verdict only where there are enough of them (section 9.10)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from rsbench.errors import NotComparableError
from rsbench.statistics.verdicts import ALPHA

#: Fewer targets give average ranks without a verdict.
MINIMUM_TARGETS = 6


@dataclass(frozen=True)
class AverageRanks:
    """Methods ranked on each target (1 is best, ties averaged), and the ranks averaged.

    Attributes:
        ranks: by method, best first (methods with equal ranks in the order given).
        targets: those used: where every method has a score.
        targets_left_out: those where one is missing.
        friedman_p: p of "all methods are equal"; None where ``reason`` says why.
        critical_difference: of average ranks (Nemenyi's test at 5 %); None likewise.
        cliques: largest groups of neighbours in rank whose outer members do not differ by more
            than the critical difference, two methods or more: the bars of the diagram. Empty where
            there is no verdict.
        reason: why there is no verdict, "" where there is one.
    """

    ranks: dict[str, float]
    targets: tuple[str, ...]
    targets_left_out: tuple[str, ...]
    friedman_p: float | None
    critical_difference: float | None
    cliques: tuple[tuple[str, ...], ...]
    reason: str


def average_ranks(
    scores: Mapping[str, Sequence[float | None]], targets: Sequence[str]
) -> AverageRanks:
    """Rank methods over targets (Friedman 1937; Nemenyi's test as in Demsar 2006).

    Args:
        scores: by method, one score per target, higher is better; None where there is none.
        targets: their names.

    Raises:
        NotComparableError: a method has not one entry per target.
    """
    for method, row in scores.items():
        if len(row) != len(targets):
            raise NotComparableError(
                f"{method} has {len(row)} scores for {len(targets)} targets",
                remedy="give None where a score is missing",
            )
    complete = [all(row[t] is not None for row in scores.values()) for t in range(len(targets))]
    used = [t for t, whole in enumerate(complete) if whole and scores]
    table = np.array([[row[t] for t in used] for row in scores.values()], dtype=np.float64)
    means = scipy.stats.rankdata(-table, axis=0).mean(axis=1) if used else np.empty(0)
    best_first = np.argsort(means, kind="stable").tolist()
    names = list(scores)
    ranks = {names[method]: float(means[method]) for method in best_first}
    reason = _reason(len(used), len(names))
    critical = None if reason else critical_difference(len(names), len(used))
    return AverageRanks(
        ranks=ranks,
        targets=tuple(targets[t] for t in used),
        targets_left_out=tuple(name for t, name in enumerate(targets) if t not in used),
        friedman_p=None if reason else _friedman_p(table),
        critical_difference=critical,
        cliques=() if critical is None else cliques(ranks, critical),
        reason=reason,
    )


def critical_difference(methods: int, targets: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of average ranks: q sqrt(k (k + 1) / (6 N)).

    Args:
        methods: k, at least 2.
        targets: N.
        alpha: level.
    """
    return nemenyi_quantile(methods, alpha) * math.sqrt(methods * (methods + 1) / (6 * targets))


@functools.cache
def nemenyi_quantile(methods: int, alpha: float = ALPHA) -> float:
    """Quantile of the studentized range with infinite degrees of freedom, over sqrt 2."""
    return float(scipy.stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)


def cliques(ranks: Mapping[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Largest runs of methods, in order of rank, that span no more than ``critical``."""
    names = sorted(ranks, key=lambda name: ranks[name])
    found: list[tuple[str, ...]] = []
    reached = 0
    for first, name in enumerate(names):
        end = first
        while end < len(names) and ranks[names[end]] - ranks[name] <= critical:
            end += 1
        if end > reached and end - first > 1:
            found.append(tuple(names[first:end]))
        reached = max(reached, end)
    return tuple(found)


def _reason(targets: int, methods: int) -> str:
    if methods < 3:
        return f"{methods} methods: the rank test needs at least 3"
    if targets < MINIMUM_TARGETS:
        return f"{targets} targets with all methods: too few for a verdict (at least 6 are needed)"
    return ""


def _friedman_p(table: NDArray[np.float64]) -> float:
    """Friedman's chi-square with its correction for ties; 1 where all methods always tie."""
    if (table == table[0]).all():
        return 1.0
    return float(scipy.stats.friedmanchisquare(*table).pvalue)
