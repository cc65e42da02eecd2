"""Columns and notes that the tables of this section share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Column, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Rows of a table that a reader can be asked to read.
READABLE_ROWS = 2000


class RowLabels:
    """The columns that name a row: as few as tell the rows of a table apart."""

    def __init__(self, rows: Sequence[Row], method: bool = False) -> None:
        """Choose the columns.

        Args:
            rows: of the table.
            method: whether the method is named without "+metapeft".
        """
        self._method = method
        self._settings = any(row.setting for row in rows)
        self._scored = any(row.evaluated_on != "test" for row in rows)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Of the table."""
        names = ["backbone", "target", "method", *(["setting"] if self._settings else [])]
        scored = (Column("evaluated_on", "evaluated on"),) if self._scored else ()
        return (*(Column(name, name) for name in names), *scored)

    def fields(self, row: Row) -> tuple[Value, ...]:
        """Of one row."""
        method = row.method if self._method else row.full_method
        settings = (row.setting,) if self._settings else ()
        scored = (row.evaluated_on,) if self._scored else ()
        return (row.backbone, row.target, method, *settings, *scored)


def limits(results: RunResults) -> tuple[str, ...]:
    """What a reader of any of these tables must know before the numbers."""
    held_out = any(row.evaluated_on == "validation" for row in results.rows)
    scored = "**NOT TEST RESULTS: scored on the slice held out of train, for choosing settings**"
    return (*((scored,) if held_out else ()), *(f"**{text}**" for text in results.disclaimers))
