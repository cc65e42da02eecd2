"""The main table on the terminal, or as Markdown where the output is no terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rsbench.report.artefacts import EMPTY, Column
from rsbench.report.notes import warnings
from rsbench.report.rows import METRICS
from rsbench.report.sections.main import main_table
from rsbench.report.sections.statistics import tallies
from rsbench.report.tables.layout import accuracy_columns
from rsbench.report.writers import shown, to_markdown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from rsbench.report.results import RunResults
    from rsbench.report.rows import Row

#: Rows that are printed.
MOST_ROWS = 60
_KEY = (
    "accuracy in percent: mean of the per-class accuracies of the head, medium and tail classes "
    f"and of all classes, ± sample standard deviation over the seeds; {EMPTY}: no such class."
)


def print_results(results: RunResults, console: Console) -> None:
    """Print the table and what must be known to read it; everything else is in the files."""
    key = [_KEY] if results.rows else []
    notes = (*warnings(results), *_more_rows(results), *tallies(results), *key)
    if not console.is_terminal:
        table = main_table(replace(results, rows=results.rows[:MOST_ROWS]))
        short = replace(table, notes=notes)
        console.print(to_markdown(short), markup=False, highlight=False, soft_wrap=True, end="")
        return
    console.print(to_rich(results.index.matrix, results.rows[:MOST_ROWS]))
    for note in notes:
        console.print(note.replace("**", ""), markup=False, highlight=False, soft_wrap=True)


def _more_rows(results: RunResults) -> tuple[str, ...]:
    more = len(results.rows) - MOST_ROWS
    return (f"{more} more rows are in tables/main.md and tables/main.csv",) if more > 0 else ()


def to_rich(matrix: str, rows: tuple[Row, ...]) -> RichTable:
    """The columns that matter most, for a terminal. Labels may wrap, numbers never do."""
    from rich import box
    from rich.table import Table as RichTable

    title = f"{matrix}: accuracy in percent"
    table = RichTable(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    labels = ["target", "backbone", "method"]
    with_setting = any(row.setting for row in rows)
    for name in [*labels, *(["setting"] if with_setting else [])]:
        table.add_column(name, overflow="fold")
    for name in ("seeds", *METRICS):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        measures = zip(METRICS, accuracy_columns(), strict=True)
        table.add_row(
            *(row.target, row.backbone, row.full_method),
            *([row.setting] if with_setting else []),
            shown(len(row.seeds), Column("seeds", "seeds")),
            *(shown(row.measure(name), column) for name, column in measures),
        )
    return table
