"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rsbench.folders import Folders


def use_plugins(files: list[Path] | None) -> list[Path] | None:
    """Register the classes of plugin files, in this process and in its workers.

    Raises:
        RsbenchError: a file does not exist, or is no Python file.
    """
    if files:
        from rsbench.plugin_files import use_files

        use_files(files)
    return files


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=use_plugins,
        is_eager=True,  # before anything looks for a plugin
        help="Python file with plugins of your own. Repeatable. Also: RSBENCH_PLUGINS.",
    ),
]
"""The callback does the work; a command takes the argument and has no use for it."""
MatrixOption = Annotated[
    str, typer.Option(help="Name of a shipped matrix, or path of a YAML file.")
]
OnOption = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="STAGE",
        help="Run the matrix on other targets and backbones, e.g. demo: a name of 'rsbench ls "
        "stages', or path of a YAML file.",
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
DataOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Prepared data sets. Also: RSBENCH_DATA.")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Decoded images, safe to delete. Also: RSBENCH_CACHE."),
]


def folders_of(data: Path | None, cache: Path | None) -> Folders:
    """The folders that ``--data-dir`` and ``--cache-dir`` name, or the usual ones."""
    from rsbench.folders import Folders

    return Folders().placed(data, cache)
