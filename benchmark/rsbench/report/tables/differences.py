"""Differences between rows, seed by seed, and means over transfers."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from rsbench.report.artefacts import Measure
from rsbench.report.rows import METRICS, spread_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rsbench.report.rows import Row

SeedValues = dict[int, float]
"""A number for each seed; no seed at all where the number is undefined."""


def accuracies(row: Row, column: str) -> SeedValues:
    """One of ``METRICS`` of each seed, in percent; empty where it is undefined for one of them."""
    values = {record.cell.seed: getattr(record.metrics, METRICS[column]) for record in row.records}
    if any(value is None for value in values.values()):
        return {}
    return {seed: 100.0 * value for seed, value in values.items()}


def minus(second: SeedValues, first: SeedValues) -> SeedValues:
    """``second`` minus ``first`` for the seeds that both have."""
    return {seed: value - first[seed] for seed, value in second.items() if seed in first}


def measure(values: SeedValues) -> Measure:
    """Mean and sample deviation over the seeds."""
    return spread_of(list(values.values()))


def difference(second: Row, first: Row, column: str) -> Measure:
    """``second`` minus ``first`` in points: mean and deviation of the differences by seed."""
    return measure(minus(accuracies(second, column), accuracies(first, column)))


def average(parts: Sequence[SeedValues]) -> Measure:
    """Mean over several sets of values, each counting alike; undefined where one is empty.

    The deviation is that of the averages by seed; where the parts do not have the same seeds
    there is none.
    """
    if not parts or not all(parts):
        return Measure(None)
    if len({frozenset(part) for part in parts}) == 1:
        return measure(average_by_seed(parts))
    return Measure(statistics.fmean(statistics.fmean(part.values()) for part in parts))


def average_by_seed(parts: Sequence[SeedValues]) -> SeedValues:
    """The mean of the parts for each seed that all of them have."""
    common = [seed for seed in parts[0] if all(seed in part for part in parts)] if parts else []
    return {seed: statistics.fmean(part[seed] for part in parts) for seed in common}


def seeds_text(rows: Iterable[Row]) -> str:
    """How many seeds the rows have: "3", or "1 to 3"."""
    numbers = sorted({len(row.seeds) for row in rows})
    return " to ".join(str(each) for each in dict.fromkeys((numbers[0], numbers[-1])))
