"""Rows set beside each other: paired by image where predictions allow it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rsbench.errors import NotComparableError
from rsbench.report.rows import METRICS
from rsbench.report.sections.statistics.comparisons import Comparison
from rsbench.report.sections.statistics.outcomes import (
    AT_ONCE,
    class_sets,
    generator_of,
    outcomes_of,
    sorted_outcomes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row
    from rsbench.report.sections.statistics.outcomes import TestSets
    from rsbench.statistics import ClassSet, Outcomes

EMPTY_GROUP = "no class of the group was tested"


def compare_rows(
    files: ArtefactFiles, sets: TestSets, pairs: Sequence[tuple[Row, Row]]
) -> list[dict[str, Comparison]]:
    """Of each pair the second row minus the first, by metric."""
    found: list[dict[str, Comparison]] = []
    for begin in range(0, len(pairs), AT_ONCE):
        found += _compare(files, sets, pairs[begin : begin + AT_ONCE])
    return found


def _compare(
    files: ArtefactFiles, sets: TestSets, pairs: Sequence[tuple[Row, Row]]
) -> list[dict[str, Comparison]]:
    found: dict[int, dict[str, Comparison]] = {}
    tested: defaultdict[object, list[int]] = defaultdict(list)
    outcomes: dict[int, tuple[Outcomes, Outcomes]] = {}
    for number, (first, second) in enumerate(pairs):
        wrong = _not_the_same_test(first, second)
        if wrong:
            found[number] = dict.fromkeys(METRICS, Comparison(None, None, wrong))
            continue
        try:
            outcomes[number] = _outcomes(files, first, second)
        except NotComparableError as error:
            found[number] = {name: _unpaired(first, second, name, error.what) for name in METRICS}
            continue
        if outcomes[number][0].images != outcomes[number][1].images:
            wrong = "tested on different images"
            found[number] = dict.fromkeys(METRICS, Comparison(None, None, wrong))
            continue
        tested[outcomes[number][0].images, second.groups].append(number)
    for numbers in tested.values():
        paired = _paired(
            [outcomes[number] for number in numbers], [pairs[number] for number in numbers], sets
        )
        found.update(zip(numbers, paired, strict=True))
    return [found[number] for number in range(len(pairs))]


def _paired(
    outcomes: Sequence[tuple[Outcomes, Outcomes]], pairs: Sequence[tuple[Row, Row]], sets: TestSets
) -> list[dict[str, Comparison]]:
    """Pairs that were all tested on the same images, with the same groups of classes."""
    from rsbench.statistics import compare_pairs

    classes: dict[str, ClassSet] = class_sets(pairs[0][1])
    generators = [generator_of("pair", *first.ids, *second.ids) for first, second in pairs]
    compared = compare_pairs(outcomes, classes, sets.resamples(outcomes[0][0]), generators)
    return [
        {name: Comparison(each, None, "" if each else EMPTY_GROUP) for name, each in pair.items()}
        for pair in compared
    ]


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
