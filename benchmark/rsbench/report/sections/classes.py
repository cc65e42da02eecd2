"""Accuracy class by class: a readable table for each transfer, and everything in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Absent, Artefact, Table
from rsbench.report.section import Section
from rsbench.report.tables.class_rows import has_classes
from rsbench.report.tables.classes_long import long_table
from rsbench.report.tables.classes_wide import wide_table
from rsbench.report.tables.layout import identifiers, ordered_transfers, transfer_title

if TYPE_CHECKING:
    from rsbench.report.results import RunResults

#: Transfers that get a table of their own.
MOST_TRANSFERS = 12


def _build(results: RunResults) -> tuple[Artefact, ...]:
    if not results.rows:
        return ()
    rows = [row for row in results.rows if has_classes(row)]
    if not rows:
        reason = "the records do not name their classes: they are of an rsbench that is too old"
        return (Absent("classes", "Accuracy by class", reason),)
    transfers = ordered_transfers(rows)
    targets = [target for _, target in transfers]
    titles = {
        transfer: transfer[1] if targets.count(transfer[1]) == 1 else transfer_title(transfer)
        for transfer in transfers
    }
    names = identifiers(list(titles.values()))
    tables: list[Table] = []
    for transfer in transfers[:MOST_TRANSFERS]:
        there = [row for row in rows if (row.backbone, row.target) == transfer]
        title = titles[transfer]
        tables.append(wide_table(results, there, f"classes_{names[title]}", title))
    left_out = [titles[transfer] for transfer in transfers[MOST_TRANSFERS:]]
    return (*tables, long_table(results, rows, left_out))


SECTION = Section(
    name="classes",
    title="Accuracy by class",
    introduction="Which classes are recognised, from the most frequent to the rarest in training?",
    files=("classes", "classes_*"),
    build=_build,
)
