"""``rsbench compare``: a run beside published numbers or another run, or two of its methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rsbench.report.artefacts import Table
    from rsbench.store import RunFolder

#: What ``--with`` takes for the published numbers.
PAPER = "paper"


def register(app: typer.Typer) -> None:
    """Add the command ``compare`` to ``app``."""
    app.command("compare")(compare)


def compare(
    run: Annotated[str, typer.Argument(help="Run folder, or its name below results/.")],
    other: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="paper|OTHER_RUN",
            help="'paper' for the published numbers, or another run folder, or its name below "
            "results/ (one that is called paper as ./results/paper).",
        ),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD,OTHER",
            help="Two methods of the run, by their names in its tables: METHOD minus OTHER, e.g. "
            "lora,linear or lora+metapeft,adapter.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the tables go; by default the run's tables/."),
    ] = None,
) -> None:
    """Compare a run with the paper, with another run cell by cell, or two of its methods.

    Only what reproduces the paper's setting is compared with the paper: demo data, stand-in
    backbones, other recipes and the like are named and left out, and a run of nothing else is
    refused. Two methods are compared by target, backbone and axis values, on the same test images
    and seeds, with the statistics of the report.
    """
    from rich.console import Console

    from rsbench.errors import SettingsError
    from rsbench.store import RunFolder, find_run

    folder = RunFolder(find_run(run))
    console = Console(highlight=False)
    if (other is None) == (methods is None):
        raise SettingsError(
            "give either --with or --methods",
            remedy="--with paper, --with OTHER_RUN, or --methods lora,linear",
        )
    if methods is not None:
        _methods(folder, methods, out, console)
    elif other == PAPER:
        _with_paper(folder, out, console)
    elif other is not None:
        _with_run(folder, RunFolder(find_run(other)), out, console)


def _methods(folder: RunFolder, methods: str, out: Path | None, console: Console) -> None:
    from rsbench.compare.methods import compare_methods
    from rsbench.compare.writing import print_table

    table = compare_methods(folder, methods)
    keys = ("backbone", "target", "setting", "metric", "seeds", "difference", "p_holm", "verdict")
    print_table(table, keys, console)
    for line in table.notes:
        if line.startswith("**"):
            _say(line.replace("**", ""), console)
    _write([table], [table], folder, out, console)


def _with_paper(folder: RunFolder, out: Path | None, console: Console) -> None:
    from dataclasses import replace

    from rsbench.compare.paper import compare_with_paper
    from rsbench.compare.paper_tables import (
        counts,
        left_out_lines,
        order_table,
        paper_table,
        reading_tables,
    )
    from rsbench.compare.writing import print_table

    comparison = compare_with_paper(folder)
    table, order = paper_table(comparison), order_table(comparison)
    measured = [n for n, each in enumerate(comparison.comparisons) if each.difference is not None]
    short = replace(table, rows=tuple(table.rows[n] for n in measured))
    keys = ["id", "published", "uncertainty", "ours", "difference", "verdict"]
    if len({row[0] for row in short.rows}) < len(short.rows):  # several rows fit one number
        keys += ["row", "reading"]
    print_table(short, keys, console)
    if any(step.rows for step in comparison.order):
        print_table(order, ("better", "worse", "published", "ours", "verdict"), console)
    for line in [counts(comparison), *left_out_lines(comparison)]:
        _say(line.replace("**", ""), console)
    _write([table, order], reading_tables(comparison), folder, out, console)


def _with_run(folder: RunFolder, other: RunFolder, out: Path | None, console: Console) -> None:
    from rsbench.compare.runs import compare_runs
    from rsbench.compare.runs_tables import cells_table, rows_table
    from rsbench.compare.writing import print_table

    comparison = compare_runs(folder, other)
    rows, cells = rows_table(comparison), cells_table(comparison)
    keys = ("row", "seeds", "mean_first", "mean_second", "mean_difference", "mean_verdict")
    print_table(rows, (*keys, "settings"), console)
    for line in rows.notes:
        _say(line.replace("**", ""), console)
    _write([rows, cells], [rows, cells], folder, out, console)


def _write(
    tables: Sequence[Table],
    readable: Sequence[Table],
    folder: RunFolder,
    out: Path | None,
    console: Console,
) -> None:
    from rsbench.compare.writing import place_of, write_comparison

    place = place_of(folder, out)
    if place is None:
        _say("not written to files: the run is published; give a folder with --out", console)
        return
    for path in write_comparison(tables, readable, place):
        _say(f"table: {path}", console)


def _say(text: str, console: Console) -> None:
    console.print(text, markup=False, soft_wrap=True)
