"""Statistics of results, from outcomes that are already in memory; imports scipy.

Accuracies are in percent and differences in points, unless a name says "fraction". Nothing here
returns not-a-number: what is undefined is None, and says why where that is not plain.

* ``outcomes``: right or wrong per seed and test image, in one order: where everything starts.
* ``rows``: one row of a table: mean, spread over seeds, intervals.
* ``pairs``: two rows on the same images and seeds: difference, intervals, p-values, verdict.
* ``corrections``: Holm's correction of a family of comparisons.
* ``binomial``: the same from records alone, where predictions are missing.
* ``points``: how many test images a point stands for; means over transfers.
* ``ranks``: average ranks over targets, Friedman, Nemenyi.
* ``correlation``: rank correlation with an interval.
* ``power``: the smallest difference that a design finds.

Below these: ``moments`` and ``crossed`` (seeds and images as two crossed sources of noise),
``bootstrap``, ``intervals`` and ``verdicts``.
"""

from __future__ import annotations

from rsbench.statistics.binomial import UnpairedDifference, binomial_interval, compare_unpaired
from rsbench.statistics.bootstrap import DRAWS, Resamples
from rsbench.statistics.corrections import Judged, holm, judge_family
from rsbench.statistics.correlation import RankCorrelation, rank_correlation
from rsbench.statistics.intervals import Interval
from rsbench.statistics.outcomes import ClassSet, Outcomes, Predictions, gather
from rsbench.statistics.pairs import PairedDifference, compare_pair, compare_pairs
from rsbench.statistics.points import PointsPerImage, mean_over_targets, points_per_image
from rsbench.statistics.power import detectable_difference, power_of
from rsbench.statistics.ranks import AverageRanks, average_ranks, critical_difference
from rsbench.statistics.rows import RowSummary, summarise_row, summarise_rows
from rsbench.statistics.verdicts import Verdict

__all__ = [
    "DRAWS",
    "AverageRanks",
    "ClassSet",
    "Interval",
    "Judged",
    "Outcomes",
    "PairedDifference",
    "PointsPerImage",
    "Predictions",
    "RankCorrelation",
    "Resamples",
    "RowSummary",
    "UnpairedDifference",
    "Verdict",
    "average_ranks",
    "binomial_interval",
    "compare_pair",
    "compare_pairs",
    "compare_unpaired",
    "critical_difference",
    "detectable_difference",
    "gather",
    "holm",
    "judge_family",
    "mean_over_targets",
    "points_per_image",
    "power_of",
    "rank_correlation",
    "summarise_row",
    "summarise_rows",
]
