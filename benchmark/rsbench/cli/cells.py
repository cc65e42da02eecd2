"""What the commands on a finished cell share: their options, and opening the cell."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rsbench.finished.find import FinishedCell
    from rsbench.folders import Folders
    from rsbench.training.restore import RestoredModel

CellArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN/CELL",
        help="Run folder (or its name below results/) and the start of a cell's id; or a "
        "cell's folder.",
        show_default=False,
    ),
]
BaseOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder that the matrix's relative paths start from. Default: as the run recorded.",
    ),
]


def cell_folders(cell: FinishedCell, base: Path | None) -> Folders:
    """The folders that the cell's inputs are looked for in: ``base``, the run's, the current."""
    from rsbench.folders import Folders

    folders = Folders()
    chosen = cell.base if base is None else base.expanduser().absolute()
    return folders if chosen is None else replace(folders, base=chosen)


def restore_cell(cell: FinishedCell, folders: Folders, device: str) -> RestoredModel:
    """Rebuild the model of ``cell``.

    Args:
        cell: the cell.
        folders: where its weights lie.
        device: "auto", "cpu" or "cuda".

    Raises:
        RsbenchError: the device is not there, or the model cannot be restored.
    """
    from rsbench.sweep.devices import choose_resources
    from rsbench.sweep.task import torch_environment

    resources = choose_resources(0, None, device)
    place = resources.devices[0]
    # as in training, and before torch is loaded: it decides how attention is computed
    for name, value in torch_environment(place, resources.threads).items():
        os.environ.setdefault(name, value)
    import torch

    from rsbench.training.restore import restore

    return restore(cell.record, cell.folder, folders, torch.device(place))
