"""Distances of the rows of a run, from the class means that its cells keep."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from rsbench.distances import (
    DEFAULT,
    ClassDistances,
    GroupDistances,
    Variant,
    class_distances,
)
from rsbench.groups import GROUP_NAMES
from rsbench.report.artefacts import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rsbench.record import Record
    from rsbench.report.artefact_files import ArtefactFiles, ClassFeatures
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

State = Literal["before", "after"]
Quantity = Literal["distance", "spread", "ratio"]
#: The groups of classes that means are over; "overall" is all of them.
GROUPS = (*GROUP_NAMES, "overall")


@dataclass(frozen=True)
class CellDistances:
    """Distances of one cell in one state.

    Attributes:
        distances: class by class.
        groups: means over each of ``GROUPS``.
    """

    distances: ClassDistances
    groups: Mapping[str, GroupDistances]


@dataclass(frozen=True)
class MeasuredRow:
    """A row with the distances of those of its cells that kept their class means.

    Attributes:
        row: the row, without the cells that kept none.
        before: of the frozen backbone, by cell id.
        after: of the trained model, by cell id.
        without: how many cells of the row kept none.
    """

    row: Row
    before: Mapping[str, CellDistances]
    after: Mapping[str, CellDistances]
    without: int = 0

    def measure(self, state: State, group: str, quantity: Quantity = "distance") -> Measure:
        """Mean and deviation over the seeds of a group's mean.

        Args:
            state: before or after adaptation.
            group: one of ``GROUPS``.
            quantity: what of.
        """
        cells = self.before if state == "before" else self.after
        return over_seeds([getattr(each.groups[group], quantity) for each in cells.values()])


def over_seeds(values: Sequence[float | None]) -> Measure:
    """Mean and sample deviation; None where one is undefined or there are none."""
    known = [value for value in values if value is not None]
    number = len(known)
    if not number or number < len(values):
        return Measure(None)
    mean = math.fsum(known) / number
    if number == 1:
        return Measure(mean)
    squares = math.fsum((value - mean) ** 2 for value in known)
    return Measure(mean, math.sqrt(squares / (number - 1)))


@dataclass(frozen=True)
class MeasuredRun:
    """What a run tells about distances.

    Attributes:
        results: the run.
        rows: those with at least one cell that kept its class means, in order.
        absent: the rows without any.
    """

    results: RunResults
    rows: tuple[MeasuredRow, ...]
    absent: tuple[Row, ...]

    @cached_property
    def by_transfer(self) -> Mapping[tuple[str, str], tuple[MeasuredRow, ...]]:
        """The rows of each backbone and target, in order."""
        found: dict[tuple[str, str], list[MeasuredRow]] = {}
        for each in self.rows:
            found.setdefault((each.row.backbone, each.row.target), []).append(each)
        return {transfer: tuple(rows) for transfer, rows in found.items()}

    @property
    def cells_without(self) -> int:
        """Number of finished cells that kept no class means."""
        partly = sum(each.without for each in self.rows)
        return partly + sum(len(row.records) for row in self.absent)


def measure_run(results: RunResults) -> MeasuredRun:
    """Read the class means of every cell, in the default variant.

    Raises:
        RecordError: a ``features.npz`` is damaged.
    """
    meter = Meter(results.files)
    measured = [(row, meter.row(row)) for row in results.rows]
    return MeasuredRun(
        results,
        tuple(found for _, found in measured if found is not None),
        tuple(row for row, found in measured if found is None),
    )


class Meter:
    """Measures rows in one variant; what cells share (the frozen backbone) is measured once."""

    def __init__(self, files: ArtefactFiles, variant: Variant = DEFAULT) -> None:
        self._files = files
        self._variant = variant
        self._frozen: dict[object, CellDistances] = {}

    def row(self, row: Row) -> MeasuredRow | None:
        """The row's distances; None where no cell kept its class means."""
        read = [(record, self._files.class_features(record.id)) for record in row.records]
        return self.cells(row, [(record, found) for record, found in read if found is not None])

    def cells(self, row: Row, read: Sequence[tuple[Record, ClassFeatures]]) -> MeasuredRow | None:
        """The same from what was read of the cells.

        Args:
            row: whose cells they are.
            read: those that kept their class means.
        """
        if not read:
            return None
        before = {record.id: self._before(features, record) for record, features in read}
        after = {record.id: self._cell(f.centroids_after, f, record) for record, f in read}
        kept = tuple(record for record, _ in read)
        without = len(row.records) - len(kept)
        return MeasuredRow(replace(row, records=kept), before, after, without)

    def _before(self, features: ClassFeatures, record: Record) -> CellDistances:
        digest = hashlib.blake2b(features.centroids_before.tobytes()).digest()
        groups = tuple(record.groups.get(name, ()) for name in GROUP_NAMES)
        key = (digest, features.classes.tobytes(), record.test_counts, groups)
        if key not in self._frozen:
            self._frozen[key] = self._cell(features.centroids_before, features, record)
        return self._frozen[key]

    def _cell(
        self, centroids: NDArray[np.float32], features: ClassFeatures, record: Record
    ) -> CellDistances:
        groups = [record.groups.get(name, ()) for name in GROUP_NAMES]
        counts = _image_counts(record, features.classes.tolist())
        found = class_distances(features.classes, centroids, counts, groups, self._variant)
        means = {name: found.over(each) for name, each in zip(GROUP_NAMES, groups, strict=True)}
        return CellDistances(found, means | {"overall": found.over()})


def _image_counts(record: Record, classes: Sequence[int]) -> list[int]:
    """Test images of these classes; 0 where the record does not say."""
    known = record.test_counts
    return [known[each] if each < len(known) else 0 for each in classes]
