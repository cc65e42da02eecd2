"""Does MetaPEFT make a method less sensitive to scale and learning rate?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Absent, Artefact, Column, Measure, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.sections.ablations.plateau import (
    TOLERANCES,
    GridMeans,
    width_unit,
)
from rsbench.report.sections.ablations.twins import Twins, twin_figures, twins_of
from rsbench.report.tables.layout import identifier
from rsbench.report.transfers import chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.sections.ablations.study import Study, Subject

#: Methods whose figures are drawn in each transfer.
MOST_METHODS = 3


def robustness(results: RunResults, studies: Sequence[tuple[Study, str]]) -> list[Artefact]:
    """Table and figures of the studies over two numeric axes that have both kinds of a method."""
    twins = [each for study, suffix in studies for each in twins_of(study, suffix)]
    if not twins:
        return []
    whole = [each for each in twins if each.plain.rows and each.tuned.rows]
    if not whole:
        reason = "no cell with or none without MetaPEFT is finished: run the matrix"
        return [Absent("robustness", "Sensitivity with and without MetaPEFT", reason)]
    artefacts: list[Artefact] = [_table(results, whole)]
    for each in whole:
        same = [other for other in whole if other.study is each.study]
        if each in same[:MOST_METHODS]:
            more = f"_{identifier(each.plain.method)}" if len(same) > 1 else ""
            artefacts += twin_figures(each, each.suffix + more)
    return artefacts


def _table(results: RunResults, twins: Sequence[Twins]) -> Table:
    axes = twins[0].study.axes
    columns = [
        *(Column(name, name) for name in ("backbone", "target", "method", "seeds")),
        Column("settings", "settings"),
        Column("best", "best", unit="%", parts=("mean", "std")),
        Column("best_at", "best at"),
        Column("worst", "worst", unit="%", parts=("mean", "std")),
        Column("worst_at", "worst at"),
        Column("mean_of_settings", "mean of settings", unit="%"),
        Column("collapsed", "collapsed"),
        Column("diverged", "trainings diverged"),
    ]
    for points in TOLERANCES:
        group = f"within {points:g} point{'s' if points > 1 else ''} of the best"
        columns.append(Column(f"settings_within_{points:g}", "settings", group=group))
        for axis in axes:
            unit = width_unit(axis)
            columns.append(
                Column(f"{axis.name}_within_{points:g}", axis.title, 2, unit=unit, group=group)
            )
    lines = [
        (_fields(each, subject, grid), tuple(i for row in subject.rows for i in row.ids))
        for each in twins
        for subject, grid in zip((each.plain, each.tuned), each.grids(), strict=True)
    ]
    return Table(
        name="robustness",
        title=f"{results.index.matrix}: sensitivity to "
        + " and ".join(axis.title for axis in axes),
        columns=tuple(columns),
        rows=tuple(fields for fields, _ in lines),
        notes=(*table_cautions(results), *_notes(twins)),
        cells=tuple(ids for _, ids in lines),
    )


def _fields(twins: Twins, subject: Subject, grid: GridMeans) -> tuple[Value, ...]:
    high, low = grid.highest(), grid.lowest()
    level = chance(subject.rows[0])
    seeds = sorted({len(row.seeds) for row in subject.rows})
    fields: list[Value] = [
        *(twins.study.backbone, twins.study.target, subject.name),
        " to ".join(str(each) for each in dict.fromkeys((seeds[0], seeds[-1]))),
        f"{grid.finished} of {len(subject.places)}",
    ]
    for place in (high, low):
        row, diverged = subject.row(grid.setting(place)), int(grid.diverged[place])
        seeds_lost = f" ({diverged} diverged)" if diverged else ""
        fields += [row.measure("mean") if row else Measure(None), _at(grid, place) + seeds_lost]
    known = grid.means[grid.means == grid.means]
    fields += [float(known.mean()), None if level is None else grid.collapsed(2 * level)]
    fields.append(int(grid.diverged.sum()))
    for points in TOLERANCES:
        fields += [grid.within(points), grid.width(0, points), grid.width(1, points)]
    return tuple(fields)


def _at(grid: GridMeans, place: tuple[int, int]) -> str:
    pairs = zip(grid.axes, grid.setting(place), strict=True)
    return ", ".join(f"{axis.title} {value}" for axis, value in pairs)


def _notes(twins: Sequence[Twins]) -> tuple[str, ...]:
    grid = twins[0].grids()[0]
    held = _at(grid, grid.default())
    units = ", ".join(
        f"{axis.title} in {width_unit(axis) or 'its own unit'}" for axis in twins[0].study.axes
    )
    notes = [
        "best: mean-class accuracy over the seeds of the best setting; worst: of the one where "
        "most trainings diverged (the loss was not finite any more), else of the lowest mean; the "
        "best of many settings is better than it would be in a new run, and the worst worse. "
        "Means are over finished seeds alone, mean of settings over all that have one. collapsed: "
        "settings below twice the level of a constant answer (100 / number of classes), or with a "
        "training that diverged.",
        "settings within: settings without a diverged training whose mean is at most so far below "
        f"the same method's best. Widths: {units}, from the first to the last value of the longest "
        f"run of neighbouring values that are within, the other axis held at its default ({held}: "
        f"scale 1 where it is there, else the middle of the axis); 0: one value; {EMPTY}: none. "
        "Grids are coarse: a width is known to one step of the grid.",
    ]
    for each in twins:
        notes.append(_comparison(each))
    return tuple(notes)


def _comparison(twins: Twins) -> str:
    """In how many settings MetaPEFT was above the plain method, without a verdict."""
    plain, tuned = twins.grids()
    whole = (plain.diverged == 0) & (tuned.diverged == 0)
    differences = (tuned.means - plain.means)[whole]
    known = differences[differences == differences]
    place = f"{twins.plain.method} on {twins.transfer}"
    if not known.size:
        return f"{place}: no setting is finished with and without MetaPEFT."
    lost = int((~whole).sum())
    apart = f" ({lost} with a diverged training are left out)" if lost else ""
    return (
        f"{place}: with MetaPEFT {int((known > 0).sum())} of {known.size} settings{apart} are "
        f"higher and {int((known < 0).sum())} lower, {known.mean():+.1f} points on average; "
        "settings share their test images and seeds, so their number is no number of independent "
        "trials."
    )
