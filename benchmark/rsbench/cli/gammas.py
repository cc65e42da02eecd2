"""``rsbench gammas``: the final gammas of a MetaPEFT cell, and what pruning by them costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.cells import (
    BaseOption,
    CellArgument,
    cell_folders,
    restore_cell,
)
from rsbench.cli.options import CacheOption, DataOption, DeviceOption, PluginOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from rsbench.finished.find import FinishedCell
    from rsbench.finished.gammas import Gammas
    from rsbench.finished.prune import Pruned
    from rsbench.folders import Folders


def register(app: typer.Typer) -> None:
    """Add the command ``gammas`` to ``app``."""
    app.command("gammas")(gammas)


def gammas(
    cell: CellArgument,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Also test the model as the modules with the smallest gammas are removed; needs "
            "the target's data.",
        ),
    ] = False,
    device: DeviceOption = "auto",
    base: BaseOption = None,
    plugin: PluginOption = None,
    data_dir: DataOption = None,
    cache_dir: CacheOption = None,
) -> None:
    """Show the final gammas of a MetaPEFT cell by block and position."""
    from rich.console import Console

    from rsbench.finished.find import find_cell
    from rsbench.finished.gammas import read_gammas

    found = find_cell(cell)
    values = read_gammas(found)
    console = Console(highlight=False)
    _print_gammas(found, values, console)
    if not prune:
        return
    folders = cell_folders(found, base).placed(data_dir, cache_dir)
    _prune(found, values, folders, device, console)


def _print_gammas(cell: FinishedCell, values: Gammas, console: Console) -> None:
    from rich.table import Table

    _line(console, cell.title)
    positions, rows = values.table()
    table = Table("block", *positions, box=None, pad_edge=False, header_style="bold")
    for block, row in rows.items():
        cells = [f"{row[name]:.3f}" if name in row else "" for name in positions]
        table.add_row(str(block), *cells)
    console.print(table)
    deviation = values.log_deviation
    shown_deviation = "undefined" if deviation is None else f"{deviation:.4f}"
    _line(console, f"{len(values.values)} gammas, mean {values.mean:.4f}")
    _line(console, f"spread (standard deviation of log gamma): {shown_deviation}")
    for line in reported(cell.record.strategy, values):
        _line(console, line)


def reported(strategy: Mapping[str, Any], values: Gammas) -> Iterator[str]:
    """Numbers that the strategy left in the record, such as outer steps and gamma's travel.

    Lists and the gammas themselves are passed over; the spread is the one computed here.
    """
    for name, value in strategy.items():
        title = name.replace("_", " ")
        if isinstance(value, int | float) and name != "spread":
            yield f"{title}: {value:.4g}"
        elif isinstance(value, str) and name != "name":
            yield f"{title}: {value}"
        elif isinstance(value, dict) and value and value.keys() != values.values.keys():
            numbers = {key: each for key, each in value.items() if isinstance(each, int | float)}
            if len(numbers) == len(value):
                yield f"{title}: " + ", ".join(f"{k} {each:.4g}" for k, each in numbers.items())


def _prune(
    cell: FinishedCell, values: Gammas, folders: Folders, device: str, console: Console
) -> None:
    restored = restore_cell(cell, folders, device)
    from rsbench.copies import is_copy
    from rsbench.finished.prune import prune, to_csv  # loads torch
    from rsbench.store import explained

    results = prune(restored, values, folders)
    console.print()
    _print_pruned(results, console)
    if cell.run is None or is_copy(cell.run.path):
        _line(console, "not written to a file: the cell is in no run folder of one's own")
        return
    from rsbench.atomic import write_file

    file = cell.run.tables / f"prune-{cell.record.id}.csv"
    with explained(cell.run.path):
        write_file(file, to_csv(results).encode())
    _line(console, f"table: {file}")


def _print_pruned(results: list[Pruned], console: Console) -> None:
    from rich.table import Table

    names = ("mean_class", "head", "medium", "tail")
    columns = ("removed", "share", "largest gamma", "mean", "head", "medium", "tail")
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for each in results:
        accuracies = [getattr(each.metrics, name) for name in names]
        table.add_row(
            f"{each.removed} of {each.modules}",
            f"{each.removed / each.modules:.0%}",
            "" if each.largest is None else f"{each.largest:.3f}",
            *("" if value is None else f"{100 * value:.1f}" for value in accuracies),
        )
    console.print(table)
    _line(console, "accuracy (%) with the gammas of the modules with the smallest ones set to zero")


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
