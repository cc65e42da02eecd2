"""Accuracy by class in long form: one line for each class of each row, in files alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import SPREAD, Column, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.tables.class_rows import class_rows
from rsbench.report.tables.layout import RowLabels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Lines of the file; more would make the report slow.
MOST_LINES = 200_000


def long_table(results: RunResults, rows: Sequence[Row], without_table: Sequence[str]) -> Table:
    """All classes of the rows, as many rows as ``MOST_LINES`` allows.

    Args:
        results: the run.
        rows: those whose records name their classes.
        without_table: transfers that have no readable table of their own.
    """
    kept = _that_fit(rows)
    labels = RowLabels(rows)
    lines = [line for row in kept for line in _lines(row, labels.fields(row))]
    return Table(
        name="classes",
        title="Accuracy by class, every row",
        columns=(
            *labels.columns,
            Column("seeds", "seeds"),
            Column("class_index", "class index"),
            Column("class", "class"),
            Column("group", "group"),
            Column("train_images", "train images"),
            Column("test_images", "test images"),
            Column("accuracy", "accuracy", unit="%", parts=SPREAD),
        ),
        rows=tuple(lines),
        notes=(
            *table_cautions(results),
            *_left_out(results, rows, kept, without_table),
            "one line for each class of each row; train images: without the held-out slice; "
            "accuracy in percent, mean and sample standard deviation (ddof = 1) over the seeds, "
            "empty for a class without a test image.",
        ),
        files_only=True,
    )


def _that_fit(rows: Sequence[Row]) -> list[Row]:
    kept: list[Row] = []
    lines = 0
    for row in rows:
        lines += len(row.first.class_names)
        if lines > MOST_LINES and kept:
            break
        kept.append(row)
    return kept


def _lines(row: Row, labels: tuple[Value, ...]) -> list[tuple[Value, ...]]:
    seeds = len(row.seeds)
    return [
        (*labels, seeds, each.index, each.name, each.group, each.train, each.test, each.accuracy)
        for each in class_rows(row)
    ]


def _left_out(
    results: RunResults, rows: Sequence[Row], kept: Sequence[Row], without_table: Sequence[str]
) -> list[str]:
    notes = []
    if len(kept) < len(rows):
        notes.append(
            f"**only the first {len(kept)} of {len(rows)} rows fit in**: the records of the "
            "other cells hold their accuracies by class (metrics.per_class in record.json)"
        )
    if len(rows) < len(results.rows):
        notes.append(
            f"{len(results.rows) - len(rows)} rows are left out: their records do not name the "
            "classes."
        )
    if without_table:
        notes.append(f"without a readable table of their own: {', '.join(without_table)}.")
    return notes
