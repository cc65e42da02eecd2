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
from rsbench.report.artefact_files import ArtefactFiles
from rsbench.report.artefacts import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rsbench.record import Record
    from rsbench.report.artefact_files import ClassFeatures
    from rsbench.report.helpers import Promise
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.store import RunFolder

State = Literal["before", "after"]
Quantity = Literal["distance", "spread", "ratio"]
#: The groups of classes that means are over; "overall" is all of them.
GROUPS = (*GROUP_NAMES, "overall")
#: Cells that a helper measures at a time.
_AT_ONCE = 500


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
class StateDistances:
    """Distances of one cell.

    Attributes:
        before: of the frozen backbone.
        after: of the trained model.
    """

    before: CellDistances
    after: CellDistances


@dataclass(frozen=True)
class TestedCell:
    """What the distances of a cell depend on besides its features.

    Attributes:
        id: of the cell.
        counts: test images by class; empty where the record does not tell.
        groups: the classes of each of ``GROUP_NAMES``.
    """

    __test__ = False  # no class of tests

    id: str
    counts: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, record: Record) -> TestedCell:
        """That of a record."""
        groups = tuple(record.groups.get(name, ()) for name in GROUP_NAMES)
        return cls(record.id, record.test_counts, groups)

    def images_of(self, classes: Sequence[int]) -> list[int]:
        """Test images of these classes; 0 where the record does not tell."""
        return [self.counts[each] if each < len(self.counts) else 0 for each in classes]


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


def begin_measuring(results: RunResults) -> None:
    """Ask for the distances of every cell; ``measure_run`` collects them."""
    results.once(_promises)


def _promises(results: RunResults) -> list[Promise[dict[str, StateDistances]]]:
    cells = [TestedCell.of(record) for row in results.rows for record in row.records]
    return [
        results.helpers.submit(
            measure_cells, results.files.folder, tuple(cells[begin : begin + _AT_ONCE])
        )
        for begin in range(0, len(cells), _AT_ONCE)
    ]


def measure_run(results: RunResults) -> MeasuredRun:
    """The distances of every cell that kept its class means, in the default variant.

    Raises:
        RecordError: a ``features.npz`` is damaged.
    """
    found: dict[str, StateDistances] = {}
    for promise in results.once(_promises):
        found.update(promise.result())
    measured = [(row, measured_row(row, found)) for row in results.rows]
    return MeasuredRun(
        results,
        tuple(found for _, found in measured if found is not None),
        tuple(row for row, found in measured if found is None),
    )


def measure_cells(
    folder: RunFolder, cells: Sequence[TestedCell], variant: Variant = DEFAULT
) -> dict[str, StateDistances]:
    """Distances of those cells of a run that kept their class means, by id.

    Raises:
        RecordError: a ``features.npz`` is damaged.
    """
    files, meter = ArtefactFiles(folder), Meter(variant)
    read = ((cell, files.class_features(cell.id)) for cell in cells)
    return {cell.id: meter.measure(cell, each) for cell, each in read if each is not None}


def measured_row(row: Row, found: Mapping[str, StateDistances]) -> MeasuredRow | None:
    """A row with the distances of its cells by id; None where none of them has any."""
    kept = tuple(record for record in row.records if record.id in found)
    if not kept:
        return None
    return MeasuredRow(
        replace(row, records=kept),
        before={record.id: found[record.id].before for record in kept},
        after={record.id: found[record.id].after for record in kept},
        without=len(row.records) - len(kept),
    )


class Meter:
    """Measures cells in one variant; what cells share (the frozen backbone) is measured once."""

    def __init__(self, variant: Variant = DEFAULT) -> None:
        self._variant = variant
        self._frozen: dict[object, CellDistances] = {}

    def measure(self, cell: TestedCell, features: ClassFeatures) -> StateDistances:
        """A cell's distances in both states."""
        after = self._distances(features.centroids_after, features, cell)
        return StateDistances(self._before(features, cell), after)

    def _before(self, features: ClassFeatures, cell: TestedCell) -> CellDistances:
        digest = hashlib.blake2b(features.centroids_before.tobytes()).digest()
        key = (digest, features.classes.tobytes(), cell.counts, cell.groups)
        if key not in self._frozen:
            self._frozen[key] = self._distances(features.centroids_before, features, cell)
        return self._frozen[key]

    def _distances(
        self, centroids: NDArray[np.float32], features: ClassFeatures, cell: TestedCell
    ) -> CellDistances:
        counts = cell.images_of(features.classes.tolist())
        found = class_distances(features.classes, centroids, counts, cell.groups, self._variant)
        means = {n: found.over(each) for n, each in zip(GROUP_NAMES, cell.groups, strict=True)}
        return CellDistances(found, means | {"overall": found.over()})
