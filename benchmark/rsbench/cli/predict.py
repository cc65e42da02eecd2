"""``rsbench predict``: label new images with a finished cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.cells import (
    BaseOption,
    CellArgument,
    cell_folders,
    restore_cell,
)
from rsbench.cli.options import DeviceOption, PluginOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.errors import ImageError
    from rsbench.finished.predict import Prediction

COLUMNS = ("file", "rank", "class", "confidence")


def register(app: typer.Typer) -> None:
    """Add the command ``predict`` to ``app``."""
    app.command("predict")(predict)


def predict(
    cell: CellArgument,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES...",
            help="Image files, and folders to look for images in.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="Number of classes per image.")] = 5,
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write CSV to this file (-: standard output)."),
    ] = None,
    device: DeviceOption = "auto",
    base: BaseOption = None,
    plugin: PluginOption = None,
) -> None:
    """Label images with a finished cell, read and sized as its test images were.

    Exit code 1 where an image could not be read; the others are labelled all the same.
    """
    from rsbench.errors import ImageError
    from rsbench.finished.find import find_cell
    from rsbench.image_files import find_images

    found = find_cell(cell)
    listed, below = find_images(images)
    files = [each for each in listed if not isinstance(each, ImageError)]
    results: list[Prediction | ImageError] = [e for e in listed if isinstance(e, ImageError)]
    if files:
        restored = restore_cell(found, cell_folders(found, base), device)
        from rsbench.finished.predict import predict as label  # loads torch

        results += label(restored, files, top)
    predictions = [each for each in results if not isinstance(each, ImageError)]
    if csv is not None:
        _write_csv(predictions, csv)
    elif predictions:
        _print_table(predictions)
    if below.left_out:
        typer.echo(f"Note: {below.left_out}", err=True)
    _report(found.record.disclaimers, [e for e in results if isinstance(e, ImageError)])


def _rows(predictions: Sequence[Prediction]) -> list[tuple[str, str, str, str]]:
    return [
        (str(each.file), str(rank), name, f"{confidence:.8f}")
        for each in predictions
        for rank, (name, confidence) in enumerate(
            zip(each.classes, each.confidences, strict=True), start=1
        )
    ]


def _write_csv(predictions: Sequence[Prediction], file: str) -> None:
    """Write to ``file``, or to standard output for ``-``.

    Raises:
        SettingsError: the file cannot be written.
    """
    from rsbench.atomic import write_file
    from rsbench.errors import SettingsError
    from rsbench.spreadsheet import csv_text

    text = csv_text([COLUMNS, *_rows(predictions)])
    if file == "-":
        typer.echo(text, nl=False)
        return
    try:
        write_file(Path(file).expanduser(), text.encode())
    except OSError as error:
        raise SettingsError(
            f"the predictions cannot be written: {error}",
            where=file,
            remedy="name another file with --csv",
        ) from error
    typer.echo(f"predictions: {file}")


def _print_table(predictions: Sequence[Prediction]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS, box=None, pad_edge=False, header_style="bold")
    for file, rank, name, confidence in _rows(predictions):
        shown = f"{float(confidence):.1%}"
        table.add_row(Text(file if rank == "1" else "", overflow="fold"), rank, Text(name), shown)
    Console(highlight=False).print(table)


def _report(disclaimers: Sequence[str], errors: Sequence[ImageError]) -> None:
    """What a reader must know, and what was not labelled, on standard error."""
    for text in disclaimers:
        typer.echo(f"Note: {text}", err=True)
    for error in errors:
        typer.echo(f"Not labelled: {error}", err=True)
    if errors:
        raise typer.Exit(1)
