"""Find the finished cell that ``RUN/CELL`` means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rsbench.cell import cell_id
from rsbench.errors import CellError, RecordError
from rsbench.record import Record, read_record
from rsbench.store import RunFolder, find_run

#: Most cells that an error lists.
_MOST = 20


@dataclass(frozen=True)
class FinishedCell:
    """A finished cell on disk.

    Attributes:
        folder: with ``record.json`` and the artefacts.
        record: its record.
        run: the run that it is part of, or None for a cell folder outside of one.
        base: folder that relative paths in its options start from, or None if unknown.
    """

    folder: Path
    record: Record
    run: RunFolder | None
    base: Path | None

    @property
    def name(self) -> str:
        """``<run>/<id>``, or the id alone outside of a run."""
        return self.record.id if self.run is None else f"{self.run.path.name}/{self.record.id}"

    @property
    def title(self) -> str:
        """The name with the cell's label, for messages."""
        return f"{self.name} ({self.record.cell.label})"


def find_cell(reference: str) -> FinishedCell:
    """The finished cell that ``reference`` names.

    Args:
        reference: ``RUN/CELL``: a run folder, or its name below ``results/``, then the cell's id
            or the start of it; or the path of the cell's folder.

    Raises:
        CellError: there is no such cell, several begin like this, or it is not finished.
        ResultsFolderError: the run folder is none.
        RecordError: the record is damaged.
    """
    path = Path(reference).expanduser()
    if (path / "record.json").is_file():
        return _in_folder(path.absolute())
    if (find_run(reference) / "run.json").is_file():
        cells = _cells(find_run(reference))
        raise CellError(
            "this is a run; name one of its cells",
            where=find_run(reference),
            remedy=f"write {reference.rstrip('/')}/CELL with one of:\n{_listed(cells)}",
        )
    run, slash, start = reference.rstrip("/").rpartition("/")
    if not slash:
        raise CellError(
            f"{reference!r} names no cell",
            remedy="write RUN/CELL, such as results/demo/3f2a: a run folder and the start of a "
            "cell's id, as 'rsbench run --dry-run' lists them",
        )
    return _in_run(find_run(run), start)


def _in_run(path: Path, start: str) -> FinishedCell:
    cells = _cells(path)
    matching = {key: label for key, label in cells.items() if key.startswith(start)}
    if len(matching) != 1:
        what = f"several cells begin with {start!r}" if matching else f"no cell is called {start!r}"
        raise CellError(what, where=path, remedy=f"choose from:\n{_listed(matching or cells)}")
    identifier = next(iter(matching))
    run = RunFolder(path)
    record = run.record(identifier)
    if record is None:
        raise CellError(
            f"the cell {identifier} is listed, but not finished: {matching[identifier]}",
            where=path,
            remedy="finish the run: the same 'rsbench run' command trains what is left",
        )
    return _finished(run.cell(identifier), record, run)


def _in_folder(folder: Path) -> FinishedCell:
    """The cell in ``folder``, which may have been copied out of its run."""
    run = RunFolder(folder.parent.parent)
    inside = folder.parent == run.cells and run.index_file.is_file()
    record = read_record(folder / "record.json")
    if cell_id(record.identity) != record.id:
        raise RecordError(
            f"the record calls itself {record.id}, but its settings hash to "
            f"{cell_id(record.identity)}",
            where=folder,
            remedy="take the folder from its run again",
        )
    return _finished(folder, record, run if inside else None)


def _finished(folder: Path, record: Record, run: RunFolder | None) -> FinishedCell:
    if record.failure is not None or record.status != "finished":
        why = "" if record.failure is None else f": {record.failure.message}"
        raise CellError(
            f"the cell {record.id} ({record.cell.label}) failed{why}",
            where=folder,
            remedy="mend the cause and run the sweep again: failed cells are tried again",
        )
    base = None if run is None else run.read_index().base
    resolved = None if run is None or base is None else (run.path / base).resolve()
    return FinishedCell(folder, record, run, resolved)


def _cells(path: Path) -> dict[str, str]:
    """Labels by id of every cell that the run holds, then of those that it only lists."""
    run = RunFolder(path)
    listed = {each.id: each.label for each in run.read_index().cells if each.id is not None}
    present = {key: listed.get(key, "no longer in the matrix") for key in run.present()}
    untrained = {key: f"{listed[key]} (not trained yet)" for key in listed if key not in present}
    return present | untrained


def _listed(cells: Mapping[str, str]) -> str:
    lines = [f"  {identifier}  {label}" for identifier, label in list(cells.items())[:_MOST]]
    if len(cells) > _MOST:
        lines.append(f"  and {len(cells) - _MOST} more")
    return "\n".join(lines) or "  (the run holds no cell)"
