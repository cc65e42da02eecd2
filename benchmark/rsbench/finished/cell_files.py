"""How files become what a finished cell was trained on; its data set is not needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rsbench import registry
from rsbench.errors import CellError, UnknownNameError
from rsbench.sources import file_reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsbench.file_reader import FileReader
    from rsbench.record import InputView, Record


def cell_file_reader(record: Record, view: InputView) -> FileReader:
    """The reader of the cell's target, checked against what the record says that it read.

    Args:
        record: of the cell.
        view: its view.

    Raises:
        CellError: the target's plugin is not here or another version, or files would be read
            otherwise than in training.
    """
    chosen = record.cell.target
    try:
        digest = registry.code_digest("rsbench.datasets", chosen.kind)
    except UnknownNameError as error:
        raise CellError(
            f"the cell was trained on {chosen.name}; its kind of target, {chosen.kind!r}, which "
            "alone says what the values of files are, is not here",
            remedy="name its file with --plugin, or install the package that provides it",
        ) from error
    if digest != record.identity.get("code", {}).get("rsbench.datasets", ""):
        raise CellError(
            f"the plugin file of {chosen.name} is another version than the cell was trained with",
            remedy="name the old file with --plugin",
        )
    reader = file_reader(chosen)
    now = _facts(reader.imagery.bands, reader.imagery.full_scale, reader.options)
    read_as = reader.options if view.read_as is None else view.read_as
    trained = _facts(view.bands, view.full_scale, read_as)
    differ = [key for key in trained | now if trained.get(key) != now.get(key)]
    if differ:
        said = (f"{key} {now.get(key)} (in training: {trained.get(key)})" for key in differ)
        raise CellError(
            f"files would be read otherwise than those that {record.id} was trained on: "
            + "; ".join(said),
            remedy=f"the 'file_reader' of {chosen.kind} must read as its 'read' does; for a target "
            "of rsbench, use the version that wrote the record",
        )
    return reader


def _facts(bands: Sequence[str], full_scale: float, options: dict[str, Any]) -> dict[str, Any]:
    return {"bands": ", ".join(bands), "full scale": full_scale, **options}
