"""Everything that the statistics of a run are made from, computed once each."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rsbench.report.sections.statistics.comparisons import Comparison, Finding, judge
from rsbench.report.sections.statistics.contrasts import (
    Contrast,
    Family,
    metapeft_contrasts,
    reference_contrasts,
)
from rsbench.report.sections.statistics.intervals import RowInterval, row_intervals
from rsbench.report.sections.statistics.outcomes import TestSets
from rsbench.report.sections.statistics.pairing import compare_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: More rows than this get fewer resamples each.
MANY_ROWS = 1000
#: Resamples then: the ends of an interval move by about a tenth of its half width.
FEW_DRAWS = 400
#: Metrics of the table of intervals.
INTERVAL_METRICS = ("mean", "tail")


class RunStatistics:
    """Intervals and comparisons of a run; what was computed is kept."""

    def __init__(self, results: RunResults) -> None:
        self._results = results
        self._compared: dict[tuple[tuple[str, ...], ...], dict[str, Comparison]] = {}
        self._findings: dict[Family, tuple[Finding, ...]] = {}

    @cached_property
    def draws(self) -> int:
        """Resampled test sets behind each interval, fewer where there are very many rows."""
        from rsbench.statistics import DRAWS

        return DRAWS if len(self._results.rows) <= MANY_ROWS else FEW_DRAWS

    @cached_property
    def test_sets(self) -> TestSets:
        """The resampled test sets."""
        return TestSets(self.draws)

    def compare(self, first: Row, second: Row) -> dict[str, Comparison]:
        """The second row minus the first on each metric."""
        self._compare_all([(first, second)])
        return self._compared[first.ids, second.ids]

    def _compare_all(self, pairs: Sequence[tuple[Row, Row]]) -> None:
        """Compare those pairs that were not compared yet."""
        new = {(one.ids, other.ids): (one, other) for one, other in pairs}
        new = {key: pair for key, pair in new.items() if key not in self._compared}
        found = compare_rows(self._results.files, self.test_sets, list(new.values()))
        self._compared.update(zip(new, found, strict=True))

    def findings(self, family: Family) -> tuple[Finding, ...]:
        """Every comparison of a family on every metric, judged together."""
        if family not in self._findings:
            if family == "metapeft":
                contrasts = metapeft_contrasts(self._results)
            else:
                contrasts = reference_contrasts(self._results, family)
            self._findings[family] = self.judged(contrasts)
        return self._findings[family]

    def judged(self, contrasts: Sequence[Contrast]) -> tuple[Finding, ...]:
        """Comparisons on every metric; those on one metric are corrected together."""
        self._compare_all([(each.first, each.second) for each in contrasts])
        compared = [self.compare(each.first, each.second) for each in contrasts]
        return tuple(judge(contrasts, compared))

    @cached_property
    def of_pair(self) -> dict[tuple[tuple[str, ...], tuple[str, ...], str], Finding]:
        """Findings on MetaPEFT pairs by the cells of both rows and the metric."""
        return {
            (each.contrast.first.ids, each.contrast.second.ids, each.metric): each
            for each in self.findings("metapeft")
        }

    def intervals(self) -> list[dict[str, RowInterval | None]]:
        """Accuracy of every row with its intervals, by metric; None for an empty group."""
        results = self._results
        return row_intervals(results.files, self.test_sets, results.rows, INTERVAL_METRICS)


def statistics_of(results: RunResults) -> RunStatistics:
    """The statistics of a run; sections that ask for them share one object."""
    return results.once(RunStatistics)
