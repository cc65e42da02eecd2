"""Studies: the cells of one transfer that differ on the same axes, as a grid with its gaps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.report.sections.ablations.axes import StudyAxis, study_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row
    from rsbench.store import ListedCell

Values = tuple[str, ...]
"""One value for each axis of a study."""


@dataclass(frozen=True)
class Place:
    """What the run holds at one setting.

    Attributes:
        row: the finished cells; None where there are none.
        listed: seeds that the matrix names.
        failed: seeds that failed.
        diverged: those of them whose loss was not finite any more.
    """

    row: Row | None
    listed: int
    failed: int
    diverged: int

    @property
    def state(self) -> str:
        """In words: "finished", "failed", "not run", or how many of the seeds are finished."""
        if self.row is None:
            return "failed" if self.failed else "not run"
        done = len(self.row.seeds)
        return "finished" if done >= self.listed else f"{done} of {self.listed} seeds"


@dataclass(frozen=True)
class Subject:
    """A method of a study, plain or with MetaPEFT.

    Attributes:
        method: label.
        metapeft: whether it has the strategy (or a control of it).
        places: by values on the study's axes; settings that the matrix does not name are absent.
    """

    method: str
    metapeft: bool
    places: Mapping[Values, Place]

    @property
    def name(self) -> str:
        """The method as tables show it; before any cell is finished, by its labels."""
        rows = self.rows
        if rows:
            return rows[0].full_method
        return self.method + ("+metapeft" if self.metapeft else "")

    @property
    def rows(self) -> tuple[Row, ...]:
        """The finished rows."""
        return tuple(place.row for place in self.places.values() if place.row is not None)

    def row(self, values: Values) -> Row | None:
        """The row at one setting, None where nothing is finished."""
        place = self.places.get(values)
        return place.row if place else None

    def diverged(self, values: Values) -> int:
        """Number of seeds whose training diverged at one setting."""
        place = self.places.get(values)
        return place.diverged if place else 0

    def mean(self, values: Values) -> float | None:
        """Mean-class accuracy over seeds, percent."""
        row = self.row(values)
        return None if row is None else row.measure("mean").mean


@dataclass(frozen=True)
class Study:
    """Cells of one transfer that differ on the same axes.

    Attributes:
        backbone: label.
        target: label.
        axes: those with more than one value, in the order of the matrix.
        subjects: methods, in the order of the matrix.
        constants: rows of the transfer without a place on any axis (the plain method beside an
            axis of MetaPEFT, the linear probe): references.
    """

    backbone: str
    target: str
    axes: tuple[StudyAxis, ...]
    subjects: tuple[Subject, ...]
    constants: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The axes, as part of a name."""
        return "_".join(axis.name for axis in self.axes)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every finished row of every subject."""
        return tuple(row for subject in self.subjects for row in subject.rows)


def find_studies(results: RunResults) -> tuple[Study, ...]:
    """The studies of a run, by transfer; none where its matrix has no further axes."""
    groups: dict[tuple[str, str, Values], list[ListedCell]] = {}
    for cell in results.index.cells:
        if cell.axes:
            names = tuple(sorted(cell.axes, key=lambda name: _rank(results, name)))
            groups.setdefault((cell.backbone, cell.target, names), []).append(cell)
    if not groups:
        return ()
    rows = _rows_by_place(results)
    failed = {r.id: r.failure.kind if r.failure else "" for r in results.failures}
    studies = []
    for (backbone, target, names), cells in groups.items():
        axes = tuple(
            study_axis(results.index, name, (cell.axes[name] for cell in cells)) for name in names
        )
        axes = tuple(axis for axis in axes if len(axis.values) > 1)
        if axes:
            constants = [r for r in results.rows_of(backbone, target) if not r.axes]
            subjects = _subjects(cells, axes, rows, failed)
            studies.append(Study(backbone, target, axes, subjects, tuple(constants)))
    return tuple(studies)


def _rank(results: RunResults, name: str) -> tuple[int, str]:
    known = list(results.index.axes)
    return (known.index(name) if name in known else len(known), name)


_Key = tuple[str, str, str, bool, frozenset[tuple[str, str]]]


def _rows_by_place(results: RunResults) -> dict[_Key, list[Row]]:
    rows: defaultdict[_Key, list[Row]] = defaultdict(list)
    for row in results.rows:
        plain = row.metapeft == "no"
        place = frozenset(row.axes.items())
        rows[row.backbone, row.target, row.method, not plain, place].append(row)
    return rows


def _subjects(
    cells: Sequence[ListedCell],
    axes: Sequence[StudyAxis],
    rows: Mapping[_Key, Sequence[Row]],
    failed: Mapping[str, str],
) -> tuple[Subject, ...]:
    grids: dict[tuple[str, bool], dict[Values, list[ListedCell]]] = {}
    for cell in cells:
        grid = grids.setdefault((cell.method, cell.metapeft), {})
        grid.setdefault(tuple(cell.axes[axis.name] for axis in axes), []).append(cell)
    return tuple(
        Subject(*key, {values: _place(each, rows, failed) for values, each in grid.items()})
        for key, grid in grids.items()
    )


def _place(
    cells: Sequence[ListedCell], rows: Mapping[_Key, Sequence[Row]], failed: Mapping[str, str]
) -> Place:
    first = cells[0]
    key = (first.backbone, first.target, first.method, first.metapeft)
    found = rows.get((*key, frozenset(first.axes.items())), ())
    # rows of the same labels differ in settings that no axis names: those of the first count
    row = found[0] if found else None
    failures = [failed[cell.id] for cell in cells if cell.id and cell.id in failed]
    return Place(row, len(cells), len(failures), failures.count("DivergedError"))
