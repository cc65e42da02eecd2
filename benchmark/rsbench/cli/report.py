"""``rsbench report``: rebuild the report of a run from its records."""

from __future__ import annotations

import atexit
import gc
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command ``report`` to ``app``."""
    app.command("report")(report)


def report(
    run: Annotated[str, typer.Argument(help="Run folder, or its name below results/.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A section, a table, a figure, 'tables', 'figures' or 'page'. Repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write there instead of into the run.")
    ] = None,
    figures: Annotated[
        bool,
        typer.Option(
            "--figures/--no-figures",
            envvar="RSBENCH_FIGURES",
            help="Draw figures and the page, or write tables alone.",
        ),
    ] = True,
) -> None:
    """Rebuild tables, figures and page of a run from run.json and the records alone.

    The same records give the same bytes.
    """
    from rich.console import Console

    from rsbench.report.console import print_results
    from rsbench.report.notes import gaps
    from rsbench.report.write import write_report
    from rsbench.store import RunFolder, find_run

    # The process ends after this: a last collection would walk through all records for nothing,
    # which takes seconds with thousands of cells.
    atexit.register(gc.freeze)
    console = Console()
    written = write_report(RunFolder(find_run(run)), only or (), out, figures)
    if not only:
        print_results(written.report.results, console)
    for line in gaps(written.report.results) if only else ():
        console.print(line.replace("**", ""), markup=False, highlight=False, soft_wrap=True)
    console.print(written.text, markup=False, highlight=False, soft_wrap=True)
