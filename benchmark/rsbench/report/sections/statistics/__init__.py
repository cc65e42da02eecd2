"""Statistics: what the noise of seeds and test images allows one to say.

* ``comparison_of``: a MetaPEFT pair on one metric, for other sections.
* ``verdicts``: the findings in plain sentences, for the page's summary and the console.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Artefact
from rsbench.report.section import Section
from rsbench.report.sections.statistics.comparison_tables import comparison_table, reference_table
from rsbench.report.sections.statistics.comparisons import Comparison, Finding
from rsbench.report.sections.statistics.forest import forest_figures
from rsbench.report.sections.statistics.interval_table import interval_table
from rsbench.report.sections.statistics.points import points_table
from rsbench.report.sections.statistics.ranks import rank_artefacts
from rsbench.report.sections.statistics.run import statistics_of
from rsbench.report.sections.statistics.sentences import tallies, verdicts

if TYPE_CHECKING:
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Pair

__all__ = ["SECTION", "Comparison", "Finding", "comparison_of", "finding_of", "tallies", "verdicts"]


def comparison_of(results: RunResults, pair: Pair, metric: str) -> Comparison:
    """The MetaPEFT row of a pair minus the plain one; computed once for all sections.

    Args:
        results: the run.
        pair: one of its pairs, or any two rows of one transfer.
        metric: "head", "medium", "tail" or "mean".
    """
    return statistics_of(results).compare(pair.plain, pair.tuned)[metric]


def finding_of(results: RunResults, pair: Pair, metric: str) -> Finding:
    """The same with its verdict, corrected over all pairs of the run.

    Args:
        results: the run.
        pair: one of ``results.pairs``.
        metric: "head", "medium", "tail" or "mean".
    """
    return statistics_of(results).of_pair[pair.plain.ids, pair.tuned.ids, metric]


def _build(results: RunResults) -> tuple[Artefact, ...]:
    if not results.rows:
        return ()
    return (
        *comparison_table(results),
        *forest_figures(results),
        *reference_table(results),
        interval_table(results),
        *points_table(results),
        *rank_artefacts(results),
    )


SECTION = Section(
    name="statistics",
    title="Statistics",
    introduction=(
        "Which differences are larger than the noise of seeds and test images, and how small a "
        "difference could this run have seen?"
    ),
    files=(
        "comparisons",
        "comparisons_reference",
        "forest_*",
        "intervals",
        "points_per_image",
        "ranks",
        "critical_difference_*",
    ),
    build=_build,
)
