"""The accuracy of one row with its intervals, from predictions or else from the record."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rsbench.errors import NotComparableError
from rsbench.report.artefacts import Measure
from rsbench.report.sections.statistics.outcomes import (
    AT_ONCE,
    class_sets,
    generator_of,
    outcomes_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row
    from rsbench.report.sections.statistics.outcomes import TestSets
    from rsbench.statistics import Interval, Outcomes, RowSummary


@dataclass(frozen=True)
class RowInterval:
    """Accuracy of a row over one set of classes, in percent.

    Attributes:
        measure: mean and deviation over the seeds, with the widest interval that is known.
        source: what that interval is over: "seeds and images", "images", or "" without one.
        over_images: over test images alone, the seeds as they are.
        over_seeds: over seeds alone, the images as they are; None with one seed.
        images: test images of the classes; None where the record does not tell.
        note: what limits the intervals.
    """

    measure: Measure
    source: str
    over_images: Interval | None
    over_seeds: Interval | None
    images: int | None
    note: str


def row_intervals(
    files: ArtefactFiles, sets: TestSets, rows: Sequence[Row], metrics: tuple[str, ...]
) -> list[dict[str, RowInterval | None]]:
    """Intervals of each row by metric; None for a group without test images."""
    found: list[dict[str, RowInterval | None]] = []
    for begin in range(0, len(rows), AT_ONCE):
        found += _intervals(files, sets, rows[begin : begin + AT_ONCE], metrics)
    return found


def _intervals(
    files: ArtefactFiles, sets: TestSets, rows: Sequence[Row], metrics: tuple[str, ...]
) -> list[dict[str, RowInterval | None]]:
    found: dict[int, dict[str, RowInterval | None]] = {}
    tested: defaultdict[object, list[int]] = defaultdict(list)
    outcomes: dict[int, Outcomes] = {}
    for number, row in enumerate(rows):
        try:
            outcomes[number] = outcomes_of(files, row)
        except NotComparableError as error:
            found[number] = {name: _from_record(row, name, error.what) for name in metrics}
            continue
        tested[outcomes[number].images, row.groups].append(number)
    for numbers in tested.values():
        alike = [rows[number] for number in numbers]
        summaries = _summaries([outcomes[number] for number in numbers], alike, sets, metrics)
        found.update(zip(numbers, summaries, strict=True))
    return [found[number] for number in range(len(rows))]


def _summaries(
    outcomes: Sequence[Outcomes], rows: Sequence[Row], sets: TestSets, metrics: tuple[str, ...]
) -> list[dict[str, RowInterval | None]]:
    """Rows that were all tested on the same images, with the same groups of classes."""
    from rsbench.statistics import summarise_rows

    classes = {name: each for name, each in class_sets(rows[0]).items() if name in metrics}
    generators = [generator_of("row", *row.ids) for row in rows]
    summaries = summarise_rows(outcomes, classes, sets.resamples(outcomes[0]), generators)
    return [
        {name: None if each is None else _from_images(each) for name, each in summary.items()}
        for summary in summaries
    ]


def _from_images(summary: RowSummary) -> RowInterval:
    from rsbench.statistics.intervals import ONE_SEED

    both = summary.both
    return RowInterval(
        measure=Measure(summary.mean, summary.deviation, both.low, both.high),
        source=both.source,
        over_images=summary.over_images,
        over_seeds=summary.over_seeds,
        images=summary.images,
        note="" if both.note == ONE_SEED else both.note,  # the source says it already
    )


def _from_record(row: Row, metric: str, why: str) -> RowInterval | None:
    """From class accuracies and counts: over images by Wilson, over seeds by their bootstrap."""
    from rsbench.statistics.rows import seed_interval

    measure = row.measure(metric)
    if measure.mean is None:
        return None
    by_seed = [row_value(row, number, metric) for number in range(len(row.records))]
    over_seeds = seed_interval(np.array(by_seed), generator_of("row", *row.ids))
    over_images, images, doubt = _binomial(row, metric)
    low, high = (over_images.low, over_images.high) if over_images else (None, None)
    return RowInterval(
        measure=Measure(measure.mean, measure.deviation, low, high),
        source="images" if over_images else "",
        over_images=over_images,
        over_seeds=over_seeds,
        images=images,
        note=f"{why}; {doubt}",
    )


def row_value(row: Row, number: int, metric: str) -> float:
    """One seed's value of a metric that the row has, in percent."""
    from rsbench.report.rows import METRICS

    return 100.0 * float(getattr(row.records[number].metrics, METRICS[metric]))


def _binomial(row: Row, metric: str) -> tuple[Interval | None, int | None, str]:
    from rsbench.statistics import binomial_interval, points_per_image

    counts, classes = row.first.test_counts, class_sets(row)[metric]
    if not counts:
        return None, None, "nor does the record tell the number of test images"
    columns = zip(
        *(record.metrics.per_class for record in row.records if record.metrics), strict=True
    )
    accuracies = [_mean(column) for column in columns]
    try:
        interval = binomial_interval(accuracies, counts, classes)
    except NotComparableError as error:
        return None, None, error.what
    points = points_per_image(counts, classes)
    return interval, points.images if points else None, "interval over images from class counts"


def _mean(values: tuple[float | None, ...]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
