"""The published order of the methods, held against a run (check 23)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from rsbench.compare.outcomes import difference

if TYPE_CHECKING:
    from rsbench.compare.matching import Candidates
    from rsbench.compare.measured import Measured
    from rsbench.compare.outcomes import Measurements
    from rsbench.published import Published, PublishedNumber
    from rsbench.published.reproduction import Order
    from rsbench.report.rows import Row

StepVerdict = Literal["holds", "within tolerance", "reversed", "not run"]


@dataclass(frozen=True)
class Step:
    """Two neighbours in the published order.

    Attributes:
        better: the number of the method that the paper finds better.
        worse: the number of the other one.
        rows: ours, better first; none where one is missing.
        measured: ours, better minus worse, in points, paired by seed; None where one is missing.
        verdict: ``holds`` (not below zero), ``within tolerance``, or ``reversed``.
    """

    better: PublishedNumber
    worse: PublishedNumber
    rows: tuple[Row, ...]
    measured: Measured | None
    verdict: StepVerdict

    @property
    def published(self) -> float:
        """The published difference, in points."""
        return (self.better.value or 0.0) - (self.worse.value or 0.0)


def order_steps(
    order: Order, published: Published, candidates: Candidates, measurements: Measurements
) -> tuple[Step, ...]:
    """Every pair of neighbours, for each backbone that the run has.

    Where several rows fit a method, the first reading of its setting counts.
    """
    numbers = [published.by_id[identifier] for identifier in order.numbers]
    rows = {number.id: _first_rows(candidates, number) for number in numbers}
    labels = list(dict.fromkeys(label for found in rows.values() for label in found)) or [""]
    return tuple(
        _step(
            better,
            worse,
            rows[better.id].get(label),
            rows[worse.id].get(label),
            measurements,
            order,
        )
        for label in labels
        for better, worse in pairwise(numbers)
    )


def _first_rows(candidates: Candidates, number: PublishedNumber) -> dict[str, Row]:
    """The first fitting row by the label of its backbone."""
    found: dict[str, Row] = {}
    for fitting in candidates.fitting(number):
        found.setdefault(fitting.row.backbone, fitting.row)
    return found


def _step(
    better: PublishedNumber,
    worse: PublishedNumber,
    first: Row | None,
    second: Row | None,
    measurements: Measurements,
    order: Order,
) -> Step:
    if first is None or second is None:
        return Step(better, worse, (), None, "not run")
    measured = difference((measurements, first), (measurements, second), better.metric)
    rows = (first, second)
    if measured is None:
        return Step(better, worse, rows, None, "not run")
    verdict: StepVerdict = "reversed"
    if measured.value >= 0:
        verdict = "holds"
    elif measured.value >= -order.tolerance:
        verdict = "within tolerance"
    return Step(better, worse, rows, measured, verdict)
