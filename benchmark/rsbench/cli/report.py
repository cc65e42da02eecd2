"""``rsbench report``: rebuild the tables of a run from its records."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command ``report`` to ``app``."""
    app.command("report")(report)


def report(
    run: Annotated[str, typer.Argument(help="Run folder, or its name below results/.")],
) -> None:
    """Rebuild the tables of a run from run.json and the records, and print."""
    from rich.console import Console

    from rsbench.report.tables import print_table, write_tables
    from rsbench.store import RunFolder, find_run

    console = Console()
    folder = RunFolder(find_run(run))
    table = write_tables(folder)
    print_table(table, console)
    console.print(f"tables: {folder.tables}", markup=False, highlight=False, soft_wrap=True)
