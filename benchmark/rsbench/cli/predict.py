"""``rsbench predict``: label new images, or the windows of a scene, with a finished cell."""

from __future__ import annotations

from collections.abc import Callable
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
from rsbench.cli.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.errors import TargetError
    from rsbench.finished.predict import Prediction
    from rsbench.training.restore import RestoredModel

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
            help="Image files, and folders to look for images in; with --map, one scene.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="Number of classes per image.")] = 5,
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write CSV to this file (-: standard output)."),
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="For cells of map_chips: label the windows of a scene, and write polygons (.gpkg) "
            "or a raster (.tif).",
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --map: side of a window, pixels. Default: as the cell's chips."
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --map: from one window to the next, pixels. Default: its side."
        ),
    ] = None,
    device: DeviceOption = "auto",
    base: BaseOption = None,
    plugin: PluginOption = None,
) -> None:
    """Label images with a finished cell, read and sized as its own were.

    Exit code 1 where an image could not be read; the others are labelled all the same.
    """
    from rsbench.errors import SettingsError
    from rsbench.finished.find import find_cell

    found = find_cell(cell)
    errors: Sequence[TargetError] = ()

    def restored() -> RestoredModel:
        return restore_cell(found, cell_folders(found, base), device)

    if map_file is not None:
        if len(images) > 1 or csv is not None:
            raise SettingsError(
                "a map is made of one scene, and is no CSV",
                remedy="call the command for each scene, with a --map FILE of its own",
            )
        _label_scene(restored, images[0], map_file.expanduser(), tile, step)
    elif tile is not None or step is not None:
        raise SettingsError("--tile and --step go with --map", remedy="name a file with --map")
    else:
        errors = _label_images(restored, images, top, csv)
    for text in found.record.disclaimers:
        typer.echo(f"Note: {text}", err=True)
    for error in errors:
        typer.echo(f"Not labelled: {error}", err=True)
    if errors:
        raise typer.Exit(1)


def _label_images(
    restored: Callable[[], RestoredModel], images: Sequence[Path], top: int, csv: str | None
) -> list[TargetError]:
    """Show or write the labels; return why images have none."""
    from rsbench.errors import ImageError, TargetError
    from rsbench.image_files import find_images

    listed, below = find_images(images)
    files = [each for each in listed if not isinstance(each, ImageError)]
    results: list[Prediction | TargetError] = [e for e in listed if isinstance(e, ImageError)]
    if files:
        model = restored()
        from rsbench.finished.predict import predict as label  # loads torch

        results += label(model, files, top)
    predictions = [each for each in results if not isinstance(each, TargetError)]
    if csv is not None:
        _write_csv(predictions, csv)
    elif predictions:
        _print_table(predictions)
    if below.left_out:
        typer.echo(f"Note: {below.left_out}", err=True)
    return [each for each in results if isinstance(each, TargetError)]


def _label_scene(
    restored: Callable[[], RestoredModel],
    scene: Path,
    file: Path,
    tile: int | None,
    step: int | None,
) -> None:
    from rsbench.finished.map_files import check_map_file, write_map

    check_map_file(file, scene)
    model = restored()
    from rsbench.finished.predict_map import predict_map  # loads torch

    with progress_bar(f"labelling {scene.name}") as progress:
        labelled = predict_map(model, scene, tile, step, progress)
    write_map(labelled, model.record.class_names, file)
    typer.echo(f"{len(labelled)} windows of {scene} are labelled: {file}")
    for reason, count in labelled.left_out.items():
        typer.echo(f"Note: {count} places of the grid {reason}; they are left out", err=True)


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
