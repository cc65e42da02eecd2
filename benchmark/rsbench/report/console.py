"""The main table on the terminal, or as Markdown where the output is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.report.artefacts import Column
from rsbench.report.notes import DEFINITIONS, footnotes
from rsbench.report.rows import METRICS
from rsbench.report.sections.main import accuracy_columns, main_table
from rsbench.report.writers import shown, to_markdown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

    from rsbench.report.results import RunResults


def print_results(results: RunResults, console: Console) -> None:
    """Print the table: short on a terminal, as Markdown elsewhere."""
    if not console.is_terminal:
        text = to_markdown(main_table(results))
        console.print(text, markup=False, highlight=False, soft_wrap=True, end="")
        return
    console.print(to_rich(results))
    for line in [*footnotes(results), DEFINITIONS[0]]:
        console.print(line.replace("**", ""), markup=False, highlight=False, soft_wrap=True)


def to_rich(results: RunResults) -> RichTable:
    """The columns that matter most, for a terminal. Labels may wrap, numbers never do."""
    from rich import box
    from rich.table import Table as RichTable

    title = f"{results.index.matrix}: accuracy in percent"
    table = RichTable(title=title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    labels = ["target", "backbone", "method"]
    with_setting = any(row.setting for row in results.rows)
    for name in [*labels, *(["setting"] if with_setting else [])]:
        table.add_column(name, overflow="fold")
    for name in ("seeds", *METRICS):
        table.add_column(name, justify="right", no_wrap=True)
    for row in results.rows:
        measures = zip(METRICS, accuracy_columns(), strict=True)
        table.add_row(
            *(row.target, row.backbone, row.full_method),
            *([row.setting] if with_setting else []),
            shown(len(row.seeds), Column("seeds", "seeds")),
            *(shown(row.measure(name), column) for name, column in measures),
        )
    return table
