"""Additive methods against the others: means over the methods of each family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Column, Table, Value
from rsbench.report.notes import table_cautions
from rsbench.report.rows import METRICS
from rsbench.report.tables.differences import accuracies, average
from rsbench.report.tables.layout import (
    ADDITIVE,
    NON_ADDITIVE,
    Transfer,
    accuracy_columns,
    ordered_transfers,
    plain_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

FAMILIES = {"additive": ADDITIVE, "not additive": NON_ADDITIVE}
_NOTE = (
    "additive: methods that add a term to the output of a layer "
    f"({', '.join(ADDITIVE)}); not additive: {', '.join(NON_ADDITIVE)}. Plain mean over the "
    "methods that are there ('methods'): families with different members, ranks or learning rates "
    "are no fair contest. ± is the deviation over the seeds of the mean by seed; none where the "
    "methods have different seeds. The method counts whose label is the name of its kind, or else "
    "the only one of that kind."
)


def additive_table(results: RunResults) -> Table | None:
    """Two lines for each transfer, plain and with MetaPEFT; None without both families."""
    rows = plain_rows(results)
    lines: list[tuple[tuple[Value, ...], tuple[str, ...]]] = []
    for transfer in ordered_transfers(rows):
        for metapeft in ("no", "yes"):
            lines += _lines(rows, transfer, metapeft)
    if not lines:
        return None
    return Table(
        name="additive",
        title="Additive methods against the others, accuracy in percent",
        columns=(
            *(Column(name, name) for name in ("backbone", "target", "metapeft")),
            Column("family", "family"),
            Column("methods", "methods"),
            *accuracy_columns(),
        ),
        rows=tuple(fields for fields, _ in lines),
        notes=(*table_cautions(results), _NOTE),
        cells=tuple(ids for _, ids in lines),
    )


def _lines(
    rows: Sequence[Row], transfer: Transfer, metapeft: str
) -> list[tuple[tuple[Value, ...], tuple[str, ...]]]:
    there = [r for r in rows if (r.backbone, r.target) == transfer and r.metapeft == metapeft]
    families = {name: _members(there, kinds) for name, kinds in FAMILIES.items()}
    if not all(families.values()):
        return []
    return [
        (
            (
                *(*transfer, metapeft, name, ", ".join(row.method for row in members)),
                *(average([accuracies(row, column) for row in members]) for column in METRICS),
            ),
            tuple(each for row in members for each in row.ids),
        )
        for name, members in families.items()
    ]


def _members(rows: Sequence[Row], kinds: Sequence[str]) -> list[Row]:
    members = []
    for kind in kinds:
        of_kind = [row for row in rows if row.first.cell.method.kind == kind]
        named = [row for row in of_kind if row.method == kind] or of_kind
        if len(named) == 1:
            members.append(named[0])
    return members
