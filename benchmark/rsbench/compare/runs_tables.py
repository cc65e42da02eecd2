"""Two runs side by side as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.compare.paper import which
from rsbench.compare.runs import COMPARED, Line, RunsComparison, other_data
from rsbench.report.artefacts import Column, Measure, Table, Value
from rsbench.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.compare.measured import Measured

#: Most labels that one note lists.
_MOST = 20


def rows_table(comparison: RunsComparison) -> Table:
    """A line for each pair of rows, over the seeds that both have."""
    first, second = comparison.names
    return Table(
        name=f"compare-run-{comparison.folder}",
        title=f"{second} beside {first}, over the seeds that both have",
        columns=(
            Column("row", "row"),
            Column("seeds", "seeds"),
            *_metric_columns(comparison.names),
            Column("settings", "settings that differ"),
        ),
        rows=tuple(
            (line.first.label, _seeds(line), *_metrics(line), _settings(line))
            for line in comparison.rows
        ),
        notes=_notes(comparison),
        cells=tuple(line.ids for line in comparison.rows),
    )


def cells_table(comparison: RunsComparison) -> Table:
    """A line for each pair of cells."""
    first, second = comparison.names
    return Table(
        name=f"compare-run-{comparison.folder}-cells",
        title=f"{second} beside {first}, cell by cell",
        columns=(
            Column("row", "row"),
            Column("seed", "seed"),
            Column("same_id", "same id"),
            *_metric_columns(comparison.names),
            Column("settings", "settings that differ"),
        ),
        rows=tuple(
            (line.first.label, line.seeds[0], line.same, *_metrics(line), _settings(line))
            for line in comparison.cells
        ),
        notes=(
            "intervals and p are over the test images alone: they say whether these two trained "
            "models differ, not whether the settings do. p is adjusted by Holm's method over all "
            "cells of the table.",
        ),
        cells=tuple(line.ids for line in comparison.cells),
    )


def _metric_columns(names: tuple[str, str]) -> list[Column]:
    columns = []
    for metric in COMPARED:
        columns += [
            Column(f"{metric}_first", names[0], digits=2, unit="%", group=metric),
            Column(f"{metric}_second", names[1], digits=2, unit="%", group=metric),
            Column(
                f"{metric}_difference",
                "difference",
                digits=2,
                unit="points",
                group=metric,
                parts=("mean", "low", "high"),
                signed=True,
            ),
            Column(f"{metric}_over", "interval over", group=metric),
            Column(f"{metric}_p", "p", digits=4, group=metric),
            Column(f"{metric}_verdict", "verdict", group=metric),
        ]
    return columns


def _metrics(line: Line) -> list[Value]:
    values: list[Value] = []
    for metric in COMPARED:
        compared = line.metrics[metric]
        basis = "" if compared.difference is None else compared.difference.basis
        values += [compared.first, compared.second, _measure(compared.difference), basis]
        values += [compared.p, compared.verdict]
    return values


def _measure(measured: Measured | None) -> Measure | None:
    if measured is None:
        return None
    low, high = measured.interval or (None, None)
    return Measure(measured.value, None, low, high)


def _seeds(line: Line) -> str:
    return ", ".join(map(str, line.seeds))


def _settings(line: Line) -> str:
    return "; ".join(line.settings)


def _notes(comparison: RunsComparison) -> tuple[str, ...]:
    first, second = comparison.names
    notes = _other_data(comparison)
    for name, labels in ((first, comparison.only_first), (second, comparison.only_second)):
        if labels:
            notes.append(f"**only in {name}: {counted(len(labels), 'cell')}**: {_listed(labels)}")
    for name, results in zip(comparison.names, comparison.results, strict=True):
        if results.failures:
            labels = tuple(each.cell.label for each in results.failures)
            notes.append(f"**failed in {name}: {counted(len(labels), 'cell')}**: {_listed(labels)}")
        if results.missing:
            labels = tuple(each.label for each in results.missing)
            notes.append(f"missing in {name}: {counted(len(labels), 'cell')}: {_listed(labels)}")
    other = [line for line in comparison.cells if line.same and not line.repeated]
    if other:
        labels = tuple(f"{line.first.label} / seed {line.seeds[0]}" for line in other)
        notes.append(
            f"**the same id and another result: {counted(len(labels), 'cell')}**: {_listed(labels)}"
        )
    same = sum(line.same for line in comparison.cells)
    notes.append(
        f"{counted(len(comparison.cells), 'cell')} in both, {same} of them with the same id"
    )
    notes.append(
        f"difference: {second} minus {first}, in points, paired by seed and, where both kept "
        "predictions of the same test images, by image; with a 95 % t interval. p: two-sided, "
        "adjusted by Holm's method over all rows of the table; verdicts at 5 %, from three seeds. "
        "settings that differ: of the first run, then of the second."
    )
    return tuple(notes)


def _other_data(comparison: RunsComparison) -> list[str]:
    """The first note where it holds: what of a difference is not one between the settings."""
    targets = dict.fromkeys(line.first.target for line in comparison.rows if other_data(line))
    if not targets:
        return []
    return [
        f"**the data of {_listed(list(targets))} differ between the runs** (other images or labels "
        "under the same name: target.content): the difference is of the data as well"
    ]


def _listed(labels: Sequence[str]) -> str:
    return which(labels, len(labels) + 1, _MOST)
