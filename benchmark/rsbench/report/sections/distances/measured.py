"""Distances of the rows of a run, from the class means that its cells keep."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.record import Record
    from rsbench.report.artefact_files import ArtefactFiles, ClassFeatures
    from rsbench.report.artefacts import Measure
    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

State = Literal["before", "after"]
Quantity = Literal["distance", "spread", "ratio"]
#: The groups of classes that means are over; "overall" is all of them.
GROUPS = (*GROUP_NAMES, "overall")


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
    before: Mapping[str, ClassDistances]
    after: Mapping[str, ClassDistances]
    without: int = 0

    def of(self, state: State) -> Mapping[str, ClassDistances]:
        """Distances before or after adaptation, by cell id."""
        return self.before if state == "before" else self.after

    def measure(self, state: State, group: str, quantity: Quantity = "distance") -> Measure:
        """Mean and deviation over the seeds of a group's mean.

        Args:
            state: before or after adaptation.
            group: one of ``GROUPS``.
            quantity: what of.
        """
        found = self.of(state)
        return self.row.over_seeds(
            lambda record: getattr(group_of(found[record.id], record, group), quantity)
        )


def group_of(distances: ClassDistances, record: Record, group: str) -> GroupDistances:
    """Means over a group of the classes of a cell."""
    return distances.over(None if group == "overall" else record.groups.get(group, ()))


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
    def _by_transfer(self) -> Mapping[tuple[str, str], tuple[MeasuredRow, ...]]:
        found: dict[tuple[str, str], list[MeasuredRow]] = {}
        for each in self.rows:
            found.setdefault((each.row.backbone, each.row.target), []).append(each)
        return {transfer: tuple(rows) for transfer, rows in found.items()}

    def rows_of(self, transfer: tuple[str, str]) -> tuple[MeasuredRow, ...]:
        """The rows of one transfer, in order; empty where none kept its class means."""
        return self._by_transfer.get(transfer, ())

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
    measured = [(row, measure_row(row, results.files)) for row in results.rows]
    return MeasuredRun(
        results,
        tuple(found for _, found in measured if found is not None),
        tuple(row for row, found in measured if found is None),
    )


def measure_row(row: Row, files: ArtefactFiles) -> MeasuredRow | None:
    """The row's distances in the default variant; None where no cell kept its class means."""
    kept: list[Record] = []
    before: dict[str, ClassDistances] = {}
    after: dict[str, ClassDistances] = {}
    for record in row.records:
        features = files.class_features(record.id)
        if features is not None:
            kept.append(record)
            before[record.id] = distances_of(features, record, "before")
            after[record.id] = distances_of(features, record, "after")
    if not kept:
        return None
    without = len(row.records) - len(kept)
    return MeasuredRow(replace(row, records=tuple(kept)), before, after, without)


def distances_of(
    features: ClassFeatures, record: Record, state: State, variant: Variant = DEFAULT
) -> ClassDistances:
    """Distances of one cell.

    Args:
        features: its class means.
        record: says how many images are behind each, and which group a class is in.
        state: before or after adaptation.
        variant: which definition.
    """
    centroids = features.centroids_before if state == "before" else features.centroids_after
    groups = [record.groups.get(name, ()) for name in GROUP_NAMES]
    counts = image_counts(record, [int(each) for each in features.classes])
    return class_distances(features.classes, centroids, counts, groups, variant)


def image_counts(record: Record, classes: Sequence[int]) -> list[int]:
    """Test images of these classes; 0 where the record does not say."""
    known = record.test_counts
    return [known[each] if each < len(known) else 0 for each in classes]
