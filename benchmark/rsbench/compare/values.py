"""Our value of a published quantity, from the rows that it is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rsbench.compare.measured import Measured, exact, mean_of, over_seeds
from rsbench.compare.outcomes import difference
from rsbench.distances import class_distances
from rsbench.published.number import AVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rsbench.compare.matching import Candidates, Fitting
    from rsbench.compare.outcomes import Measurements
    from rsbench.published import Published, PublishedNumber
    from rsbench.report.artefact_files import ArtefactFiles
    from rsbench.report.rows import Row

#: Quantities that no run of ours has a number for, and why.
NOT_COMPARED = {
    "bubble diameter": "what the diameter stands for is not stated",
    "training time": "it depends on the machines",
    "meta-optimisation time": "it depends on the machines",
    "relative gain": "it is about groups of methods: see the numbers that it sums up",
}
#: Quantities of which one row is enough: further ones have the same number.
_COUNTS = ("parameters", "head parameters")


@dataclass(frozen=True)
class Ours:
    """What a run has to set beside a published number.

    Attributes:
        rows: the rows that it is from; none where nothing was run.
        reading: the reading of the paper under which they are what it is about, or "".
        measured: the number, or None.
        remark: why there is none, or what to know about it.
    """

    rows: tuple[Row, ...] = ()
    reading: str = ""
    measured: Measured | None = None
    remark: str = ""


class Values:
    """Finds our numbers in one run."""

    def __init__(
        self,
        published: Published,
        candidates: Candidates,
        measurements: Measurements,
        files: ArtefactFiles,
    ) -> None:
        self.published = published
        self.candidates = candidates
        self.measurements = measurements
        self.files = files

    def of(self, number: PublishedNumber) -> tuple[Ours, ...]:
        """Ours for each row, or set of rows, that the number is about; never empty."""
        if number.quantity in NOT_COMPARED:
            return (Ours(remark=NOT_COMPARED[number.quantity]),)
        if number.quantity == "modulators":
            return (self._modulators(),)
        if number.setting.target == AVERAGE:
            return tuple(self._averages(number))
        found = self.candidates.fitting(number)
        if number.quantity in _COUNTS:
            found = found[:1]
        return tuple(self._single(number, each) for each in found) or (Ours(),)

    def _single(self, number: PublishedNumber, fitting: Fitting) -> Ours:
        row, reading = fitting.row, fitting.reading.text
        if number.relative_to:
            return self._relative(number, fitting)
        if number.quantity in _COUNTS:
            parameters = row.first.parameters
            if parameters is None:
                return Ours((row,), reading, None, "the record has no parameter counts")
            head = number.quantity == "head parameters"
            count = parameters.head if head else parameters.method
            return Ours((row,), reading, exact(float(count), len(row.seeds)))
        if number.quantity == "distance":
            return self._distance(number, row, reading)
        if not number.metric:
            return Ours((row,), reading)
        measured = self.measurements.accuracy(row, number.metric)
        remark = "" if measured else f"there is no {number.metric} group"
        return Ours((row,), reading, measured, remark)

    def _relative(self, number: PublishedNumber, fitting: Fitting) -> Ours:
        row, reading = fitting.row, fitting.reading.text
        base = self.published.by_id[number.relative_to].setting
        partners = self.candidates.partners(row, base, fitting.reading)
        if len(partners) != 1:
            what = "no row" if not partners else f"{len(partners)} rows"
            remark = f"{what} of {number.relative_to} with otherwise equal settings"
            return Ours((row,), reading, None, remark)
        rows = (row, partners[0])
        first, second = ((self.measurements, each) for each in rows)
        if number.quantity == "gain":
            measured = difference(first, second, number.metric)
        else:
            measured = difference(second, first, number.metric)
        if measured is not None and number.quantity == "relative drop":
            level = self.measurements.accuracy(partners[0], number.metric)
            measured = measured.scaled(100.0 / level.value) if level and level.value else None
        remark = "" if measured else "the two rows have no seed in common, or lack the group"
        return Ours(rows, reading, measured, remark)

    def _averages(self, number: PublishedNumber) -> Iterator[Ours]:
        """One average for each reading that all transfers have."""
        published = self.candidates.published
        parts = [
            replace(number.setting, target=target, backbone=backbone)
            for target, backbone in published.transfers.items()
        ]
        found = [self.candidates.of_setting(part) for part in parts]
        missing = [part.target for part, fitting in zip(parts, found, strict=True) if not fitting]
        if missing:
            some = ", ".join(each for each in published.transfers if each not in missing)
            has = f"; the run has {some}" if some else ""
            yield Ours(remark=f"missing: {', '.join(missing)}{has}")
            return
        readings = dict.fromkeys(each.reading for each in found[0])
        shared = [r for r in readings if all(any(f.reading == r for f in part) for part in found)]
        if not shared:
            yield Ours(remark="the transfers were not run in the same reading of the setting")
        for reading in shared:
            yield self._average(
                number, [[f for f in part if f.reading == reading] for part in found]
            )

    def _average(self, number: PublishedNumber, found: list[list[Fitting]]) -> Ours:
        firsts = [fitting[0] for fitting in found]
        parts = []
        for fitting, target in zip(firsts, self.candidates.published.transfers, strict=True):
            single = replace(number, relative_to=number.relative_to.replace(AVERAGE, target))
            parts.append(self._single(single, fitting))
        rows = tuple(row for part in parts for row in part.rows)
        reading = firsts[0].reading.text
        known = [part.measured for part in parts if part.measured is not None]
        if len(known) < len(parts):
            reasons = [
                f"{fitting.row.target}: {part.remark}"
                for fitting, part in zip(firsts, parts, strict=True)
                if part.measured is None
            ]
            return Ours(rows, reading, None, "; ".join(reasons))
        several = [each[0].row.target for each in found if len(each) > 1]
        remark = f"the first of several rows that fit is taken: {', '.join(several)}"
        return Ours(rows, reading, mean_of(known), remark if several else "")

    def _distance(self, number: PublishedNumber, row: Row, reading: str) -> Ours:
        values = []
        for record in row.records:
            features = self.files.class_features(record.id)
            if features is None:
                return Ours((row,), reading, None, "the cells kept no features")
            counts = [record.test_counts[c] for c in features.classes]
            distances = class_distances(features.classes, features.centroids_after, counts, ())
            values.append(distances.over(record.groups.get(number.metric, ())).distance)
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return Ours((row,), reading, None, f"there is no {number.metric} group")
        return Ours((row,), reading, over_seeds(known))

    def _modulators(self) -> Ours:
        tuned = [row for row in self.candidates.rows if row.first.cell.metapeft is not None]
        if not tuned:
            return Ours()
        most = max(tuned, key=lambda row: row.modulators)
        measured = exact(float(most.modulators), len(most.seeds))
        return Ours((most,), "", measured, "the row with the most of them")
