"""``rsbench export``: write a trained model for use outside of rsbench."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.cells import BaseOption, CellArgument, cell_folders, restore_cell
from rsbench.cli.options import PluginOption


class Format(StrEnum):
    """What an export can be."""

    merged = "merged"
    safetensors = "safetensors"
    peft = "peft"


def register(app: typer.Typer) -> None:
    """Add the command ``export`` to ``app``."""
    app.command("export")(export)


def export(
    cell: CellArgument,
    to: Annotated[
        Format,
        typer.Option(
            help="merged: the backbone with everything folded in; safetensors: what was trained, "
            "alone; peft: a LoRA folder for Hugging Face's peft library. Each with the head and "
            "load.py, which needs no rsbench.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder. Default: one in results/exports."),
    ] = None,
    base: BaseOption = None,
    plugin: PluginOption = None,
) -> None:
    """Write the trained model of a finished cell for use outside of rsbench."""
    from rsbench.finished.find import find_cell

    found = find_cell(cell)
    restored = restore_cell(found, cell_folders(found, base), "cpu")
    from rsbench.finished.export import export as write  # loads torch

    run = "" if found.run is None else f"{found.run.path.name}-"
    folder = out or Path("results") / "exports" / f"{run}{found.record.id[:8]}-{to.value}"
    write(restored, to.value, folder.expanduser().absolute())
    typer.echo(f"{found.title} is exported: {folder}")
    for file in sorted(folder.iterdir()):
        typer.echo(f"  {file.name}  {file.stat().st_size:,} bytes")
