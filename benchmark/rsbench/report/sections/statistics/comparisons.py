"""Two rows of a transfer beside each other: paired where predictions allow it, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.errors import NotComparableError
from rsbench.report.rows import METRICS
from rsbench.report.sections.statistics.outcomes import (
    generator_of,
    outcomes_of,
    sorted_outcomes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row
    from rsbench.report.sections.statistics.contrasts import Contrast
    from rsbench.report.sections.statistics.outcomes import TestSets
    from rsbench.statistics import (
        ClassSet,
        Interval,
        Judged,
        Outcomes,
        PairedDifference,
        UnpairedDifference,
    )

EMPTY_GROUP = "no class of the group was tested"


@dataclass(frozen=True)
class Comparison:
    """The second row minus the first on one metric, in points; at most one of the two is there.

    Attributes:
        paired: on the same images and seeds.
        unpaired: from the records alone, where predictions are missing.
        reason: why it is not paired, or why there is no comparison; "" where nothing is missing.
    """

    paired: PairedDifference | None
    unpaired: UnpairedDifference | None
    reason: str = ""

    @property
    def found(self) -> PairedDifference | UnpairedDifference | None:
        """The comparison, None where there is none."""
        return self.paired or self.unpaired

    @property
    def difference(self) -> float | None:
        """In points; None where there is no comparison."""
        return self.found.difference if self.found else None

    @property
    def interval(self) -> Interval | None:
        """95 %, over seeds and images (over images alone with one seed), in points."""
        if self.paired is not None:
            return self.paired.both
        return self.unpaired.interval if self.unpaired else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that both rows have and that were used."""
        return self.found.seeds if self.found else ()


@dataclass(frozen=True)
class Finding:
    """A comparison on one metric with what may be said about it.

    Attributes:
        contrast: the two rows.
        metric: one of ``METRICS``.
        comparison: the numbers.
        judged: verdict after Holm's correction over the family; None where images are not paired.
    """

    contrast: Contrast
    metric: str
    comparison: Comparison
    judged: Judged | None

    @property
    def verdict(self) -> str:
        """In words; "" where there is nothing to judge."""
        if self.judged is not None:
            return str(self.judged.verdict)
        unpaired = self.comparison.unpaired
        return f"{unpaired.verdict} (images not paired)" if unpaired else ""


def compare_rows(
    files: ArtefactFiles, sets: TestSets, first: Row, second: Row
) -> dict[str, Comparison]:
    """The second row minus the first on each of ``METRICS``."""
    wrong = _not_the_same_test(first, second)
    if wrong:
        return dict.fromkeys(METRICS, Comparison(None, None, wrong))
    try:
        ours, theirs = _outcomes(files, first, second)
    except NotComparableError as error:
        return {name: _unpaired(first, second, name, error.what) for name in METRICS}
    return _paired(ours, theirs, first, second, sets)


def judge(
    contrasts: Sequence[Contrast], compared: Sequence[dict[str, Comparison]]
) -> list[Finding]:
    """Findings by contrast and metric; each metric is one family for Holm's correction.

    The same cells under two values of an axis are one test of the family, not two.
    """
    from rsbench.statistics import judge_family

    keys = [(each.first.ids, each.second.ids) for each in contrasts]
    once = dict(zip(keys, compared, strict=True))
    judged = {
        name: dict(
            zip(once, judge_family([each[name].paired for each in once.values()]), strict=True)
        )
        for name in METRICS
    }
    return [
        Finding(contrast, name, comparisons[name], judged[name][key])
        for contrast, key, comparisons in zip(contrasts, keys, compared, strict=True)
        for name in METRICS
    ]


def class_sets(row: Row) -> dict[str, ClassSet]:
    """Classes behind each of ``METRICS``; None stands for all."""
    groups = row.groups
    return {name: None if name == "mean" else groups.of(name) for name in METRICS}


def _not_the_same_test(first: Row, second: Row) -> str:
    one, other = first.first, second.first
    if first.evaluated_on != second.evaluated_on:
        return f"scored on {first.evaluated_on} and on {second.evaluated_on}"
    if one.test_counts != other.test_counts:
        return "tested on different images"
    if one.groups != other.groups:
        return "the head, medium and tail classes differ"
    if not set(first.seeds) & set(second.seeds):
        return f"no seed in common: {_listed(first.seeds)} and {_listed(second.seeds)}"
    return ""


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _outcomes(files: ArtefactFiles, first: Row, second: Row) -> tuple[Outcomes, Outcomes]:
    ours, theirs = outcomes_of(files, first), outcomes_of(files, second)
    if ours.images != theirs.images:
        ours, theirs = sorted_outcomes(files, first), sorted_outcomes(files, second)
    return ours, theirs


def _paired(
    ours: Outcomes, theirs: Outcomes, first: Row, second: Row, sets: TestSets
) -> dict[str, Comparison]:
    from rsbench.statistics import compare_pair

    generator = generator_of("pair", *first.ids, *second.ids)
    try:
        found = compare_pair(ours, theirs, class_sets(second), sets.resamples(ours), generator)
    except NotComparableError as error:
        return dict.fromkeys(METRICS, Comparison(None, None, error.what))
    return {
        name: Comparison(each, None, "" if each else EMPTY_GROUP) for name, each in found.items()
    }


def _unpaired(first: Row, second: Row, metric: str, why: str) -> Comparison:
    from rsbench.statistics import compare_unpaired

    counts = second.first.test_counts
    if not counts:
        return Comparison(None, None, f"{why}, and the records do not tell the test images")
    try:
        found = compare_unpaired(
            _accuracies(first), _accuracies(second), counts, class_sets(second)[metric]
        )
    except NotComparableError as error:
        return Comparison(None, None, f"{why}; {error.what}")
    return Comparison(None, found, f"{why}: images not paired" if found else EMPTY_GROUP)


def _accuracies(row: Row) -> dict[int, tuple[float | None, ...]]:
    """Class accuracies by seed, as fractions."""
    return {record.cell.seed: record.metrics.per_class for record in row.records if record.metrics}
