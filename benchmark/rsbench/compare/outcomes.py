"""Accuracies and their differences, from the records and the stored predictions of rows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rsbench.compare.measured import IMAGES, SEEDS_AND_IMAGES, Measured, over_seeds
from rsbench.errors import NotComparableError
from rsbench.report.artefact_files import ArtefactFiles
from rsbench.report.rows import METRICS
from rsbench.statistics.crossed import crossed
from rsbench.statistics.moments import class_moments
from rsbench.statistics.outcomes import Outcomes, Predictions, gather

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench.record import Record
    from rsbench.report.rows import Row
    from rsbench.store import RunFolder


class Measurements:
    """Measures the rows of one run; what was read from its files is kept."""

    def __init__(self, folder: RunFolder) -> None:
        self._files = ArtefactFiles(folder)

    @cached_property
    def _kept(self) -> dict[tuple[str, ...], Outcomes | None]:
        return {}

    def outcomes(self, row: Row) -> Outcomes | None:
        """Right or wrong by seed and test image.

        None where a cell kept no predictions, or its seeds were tested on different images.

        Raises:
            RecordError: a file is damaged.
        """
        if row.ids not in self._kept:
            self._kept[row.ids] = self._read(row)
        return self._kept[row.ids]

    def accuracy(self, row: Row, metric: str) -> Measured | None:
        """One of ``METRICS`` in percent; None where the row has no such group."""
        values = _values(row.records, metric)
        if values is None:
            return None
        return _with_images(over_seeds(values), self.outcomes(row), None, row, metric)

    def _read(self, row: Row) -> Outcomes | None:
        cells: dict[int, Predictions] = {}
        for record in row.records:
            read = self._files.predictions(record.id)
            if read is None:
                return None
            cells[record.cell.seed] = Predictions(read.images, read.labels, read.predictions)
        try:
            return gather(cells)
        except NotComparableError:
            return None  # the seeds of one row are then compared by their metrics alone


def difference(
    first: tuple[Measurements, Row],
    second: tuple[Measurements, Row],
    metric: str,
    seeds: Sequence[int] | None = None,
) -> Measured | None:
    """Accuracy of the first row minus that of the second, in points, paired by seed.

    Where both kept predictions of the same test images it is paired by image, too.

    Args:
        first: a row, with the measurements of its run.
        second: the row that is subtracted.
        metric: one of ``METRICS``.
        seeds: those to pair; by default all that both rows have.

    Returns:
        None where the rows share no seed, or lack the group.
    """
    (one, row), (other, base) = first, second
    common = [seed for seed in row.seeds if seed in base.seeds] if seeds is None else list(seeds)
    ours = _values([_of(row, seed) for seed in common], metric)
    theirs = _values([_of(base, seed) for seed in common], metric)
    if not common or ours is None or theirs is None:
        return None
    alone = over_seeds([a - b for a, b in zip(ours, theirs, strict=True)])
    outcomes, bases = one.outcomes(row), other.outcomes(base)
    if outcomes is None or bases is None or outcomes.images != bases.images:
        return alone
    if row.first.groups.get(metric) != base.first.groups.get(metric):
        return alone
    return _with_images(alone, outcomes.only(common), bases.only(common), row, metric)


def _of(row: Row, seed: int) -> Record:
    return next(record for record in row.records if record.cell.seed == seed)


def _values(records: Sequence[Record], metric: str) -> list[float] | None:
    """The metric by seed, in percent."""
    values = [getattr(record.metrics, METRICS[metric]) for record in records]
    if not values or any(value is None for value in values):
        return None
    return [100.0 * value for value in values]


def _with_images(
    alone: Measured, outcomes: Outcomes | None, base: Outcomes | None, row: Row, metric: str
) -> Measured:
    """``alone`` with the variance over seeds and images where outcomes are there."""
    if outcomes is None:
        return alone
    values: NDArray[np.int8] = outcomes.correct.astype(np.int8)
    if base is not None:
        values = values - base.correct.astype(np.int8)
    classes = None if metric == "mean" else row.first.groups.get(metric, ())
    found = crossed(class_moments(outcomes.labels, values).of(classes))
    if found is None or found.total is None or found.images is None:
        return alone
    differing = None
    if base is not None:
        inside = slice(None) if classes is None else np.isin(outcomes.labels, classes)
        differing = int(np.count_nonzero(values.sum(axis=0, dtype=np.int64)[inside]))
    basis = IMAGES if alone.seeds == 1 else SEEDS_AND_IMAGES
    variance = 1e4 * found.total
    return Measured(alone.value, variance, found.degrees, alone.seeds, basis, differing)
