"""Write and print comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.copies import is_copy
from rsbench.report.writers import texts, to_csv, to_markdown
from rsbench.store import RunFolder, explained

if TYPE_CHECKING:
    from rich.console import Console

    from rsbench.report.artefacts import Table

#: Columns that a narrow terminal may break into several lines.
_WRAPPING = ("id", "row", "reading", "settings", "better", "worse")


def place_of(folder: RunFolder, out: Path | None) -> Path | None:
    """Where tables go: ``out``, else the run's own; None for a published run without ``out``."""
    if out is not None:
        return out.expanduser().absolute()
    return None if is_copy(folder.path) else folder.tables


def write_comparison(tables: Sequence[Table], readable: Sequence[Table], place: Path) -> list[Path]:
    """Tables as CSV, and others for readers in one Markdown file.

    Args:
        tables: each becomes a CSV file; the Markdown file has the name of the first.
        readable: what the Markdown file holds, in order.
        place: folder, made where it is not there.

    Returns:
        The files.

    Raises:
        ResultsFolderError: the folder cannot be written.
    """
    files = {place / f"{table.name}.csv": to_csv(table) for table in tables}
    text = "\n".join(
        to_markdown(table, "#" if number == 0 else "##") for number, table in enumerate(readable)
    )
    files[place / f"{tables[0].name}.md"] = text
    with explained(place):
        place.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            write_file(path, content.encode())
    return list(files)


def print_table(table: Table, keys: Sequence[str], console: Console) -> None:
    """Print some columns of a table: aligned on a terminal, as Markdown elsewhere."""
    from dataclasses import replace

    numbers = [n for n, column in enumerate(table.columns) if column.key in keys]
    short = replace(
        table,
        columns=tuple(table.columns[n] for n in numbers),
        rows=tuple(tuple(row[n] for n in numbers) for row in table.rows),
        notes=(),
    )
    if not console.is_terminal:
        console.print(to_markdown(short), markup=False, highlight=False, soft_wrap=True, end="")
        return
    from rich import box
    from rich.table import Table as RichTable

    rich = RichTable(title=short.title, box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for column in short.columns:
        if column.key in _WRAPPING:
            rich.add_column(column.title, overflow="fold")
        else:  # numbers and verdicts stay whole
            title = f"{column.group} {column.title}".strip()
            rich.add_column(title, justify="right", no_wrap=True)
    for row in short.rows:
        rich.add_row(*texts(short, row))
    console.print(rich)
