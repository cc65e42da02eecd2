"""The folder of one run: which cells it holds, and how a cell gets into it whole or not at all.

Layout of ``results/<run>/``::

    run.json              the matrix and the cells that it names (RunIndex)
    matrix.yaml           copy of the matrix file; of a matrix made of several, all merged
    cells/<id>/           record.json and the artefacts of one cell (paper section 9.11)
    cells/.tmp-.../       a cell that is being written; renamed when it is complete
    tables/               rebuilt by ``rsbench report``
    logs/                 what the run and its worker processes printed
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from rsbench.atomic import sync, sync_folder, write_file
from rsbench.cell import cell_id, control_in, full_method, label_of
from rsbench.copies import RESTORE, how_to_mend, is_copy
from rsbench.errors import CellError, RecordError, ResultsFolderError
from rsbench.record import RECORD, Record, read_record
from rsbench.recorded import describe_all
from rsbench.settings import Settings
from rsbench.system import remedy_for, used_up
from rsbench.wording import first_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUN_SCHEMA = 1
SCRATCH = ".tmp-"
OWN_NAMES = {
    "run.json",
    "matrix.yaml",
    "cells",
    "tables",
    "figures",
    "report-files.json",
    "report.html",
    "logs",
}
_FOLDER = "give a folder that you may write, on a disk with space, with --out"
#: Runs that an error names.
_MOST_NAMED = 20
_numbers = itertools.count()


class ListedCell(Settings):
    """One cell that the matrix names."""

    id: str | None
    """Content hash, or None where the target or the backbone could not be opened."""
    label: str
    row: int
    """Row of the table, from 0: cells that differ in nothing but the seed share it."""
    settings: str
    """Digest of the cell's settings alone; it finds the cell again when its id is unknown.
    Cells of the same settings at different values of an axis share id and digest."""
    target: str = ""
    """Labels of the cell; all of them, seed and axes are at their defaults in runs of rsbench
    before 0.3."""
    backbone: str = ""
    method: str = ""
    metapeft: bool = False
    full_method: str = ""
    """The method as tables name it; "" in lists that were written before there was this field,
    where controls were labelled ``+metapeft``."""
    seed: int = 0
    axes: dict[str, str] = Field(default_factory=dict)
    """The cell's value on each further axis that it has a place on."""

    def named(self, method: str) -> ListedCell:
        """The same cell with its method under the name that it has in tables."""
        label = label_of(self.target, self.backbone, method, self.axes, self.seed)
        return self.model_copy(update={"full_method": method, "label": label})


class RunIndex(Settings):
    """Content of ``run.json``."""

    schema_version: int = RUN_SCHEMA
    matrix: str
    """Name of the matrix."""
    matrix_file: str
    """Name of the matrix file, without its folder."""
    disclaimer: str = ""
    """What the matrix says a reader must know."""
    base: str | None = None
    """Folder that relative paths in the matrix start from, seen from the run folder; None in
    runs of rsbench before 0.2."""
    gamma_from: str = ""
    """The cell whose gammas every MetaPEFT cell has, frozen (``--gamma-from``), or ""."""
    rsbench: str
    """Version that wrote this file last."""
    created: str
    """UTC, ISO 8601."""
    updated: str
    """UTC, ISO 8601."""
    axes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Further axes of the matrix: name and values, in the order of its tables."""
    axis_numbers: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """The values of the axes whose values all are numbers, as such."""
    command: str = ""
    """What trains these cells; "" in runs of rsbench before 0.3."""
    cells: tuple[ListedCell, ...]
    """Every cell of the matrix, in the order of its tables."""


class RunFolder:
    """One run on disk.

    Attributes:
        path: the folder, absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).expanduser().absolute()
        self.index_file = self.path / "run.json"
        self.cells = self.path / "cells"
        self.tables = self.path / "tables"
        self.logs = self.path / "logs"

    def cell(self, identifier: str) -> Path:
        """Folder of the cell with this id, whether it exists or not."""
        return self.cells / identifier

    def record(self, identifier: str) -> Record | None:
        """The record of a cell, or None if the cell is not in this folder.

        Raises:
            RecordError: the record is damaged, or it belongs to another cell.
        """
        if not self.cell(identifier).exists():
            return None
        path = self.cell(identifier) / RECORD
        record = read_record(path)
        if record.id != identifier or cell_id(record.identity) != identifier:
            raise RecordError(
                f"the record does not belong in this folder: its settings hash to "
                f"{cell_id(record.identity)} and it calls itself {record.id}",
                where=path,
                remedy=how_to_mend(path.parent),
            )
        return record

    def present(self) -> list[str]:
        """Ids of all cells in this folder, sorted, whatever matrix they are of."""
        if not self.cells.is_dir():
            return []
        return sorted(each.name for each in self.cells.iterdir() if not each.name.startswith("."))

    def read_index(self) -> RunIndex:
        """Read ``run.json``.

        Raises:
            ResultsFolderError: the folder is not a run, or the file is damaged.
        """
        if not self.index_file.is_file():
            raise ResultsFolderError(
                "this is not the folder of a run: it has no run.json",
                where=self.path,
                remedy=self._runs_below()
                or "give the folder that 'rsbench run' wrote, or its name below results/",
            )
        try:
            data = json.loads(self.index_file.read_text(encoding="utf-8"))
            index = RunIndex.model_validate(data)
        except (OSError, ValueError) as error:
            wrong = first_problem(error) if isinstance(error, ValidationError) else error
            again = "delete this file and run the sweep again: finished cells are kept"
            mend = RESTORE if is_copy(self.path) else again
            raise ResultsFolderError(
                f"the list of cells cannot be read: {wrong}",
                where=self.index_file,
                remedy=remedy_for(error, f"use the rsbench that wrote it, or {mend}"),
            ) from error
        if index.schema_version != RUN_SCHEMA:
            raise ResultsFolderError(
                f"the run has schema {index.schema_version}; this rsbench reads {RUN_SCHEMA}",
                where=self.index_file,
                remedy="use the rsbench that wrote it, or run the sweep into another folder",
            )
        return self._with_controls(index)

    def _runs_below(self) -> str:
        """A remedy that names the runs that this folder holds; "" where it holds none."""
        below = sorted(each.parent for each in self.path.glob("*/run.json"))
        if not below:
            return ""
        more = f", and {len(below) - _MOST_NAMED} more" if len(below) > _MOST_NAMED else ""
        return f"it holds runs; give one: {', '.join(map(str, below[:_MOST_NAMED]))}{more}"

    def _with_controls(self, index: RunIndex) -> RunIndex:
        """The index with controls under their names in tables, where it is an older rsbench's."""
        if all(each.full_method or not each.method for each in index.cells):
            return index
        name_of = _old_names(self.path / "matrix.yaml", index.gamma_from)
        cells = tuple(
            each
            if each.full_method or not each.method
            else each.named(name_of(each.method) if each.metapeft else each.method)
            for each in index.cells
        )
        return index.model_copy(update={"cells": cells})

    def write_index(self, index: RunIndex, matrix: Path | str) -> None:
        """Write ``run.json`` and a copy of the matrix, each whole or not at all.

        Args:
            index: content of ``run.json``.
            matrix: the matrix file, or the text of a matrix.
        """
        with explained(self.path):
            text = json.dumps(index.model_dump(mode="json"), indent=1) + "\n"
            write_file(self.index_file, text.encode())
            copy = matrix.encode() if isinstance(matrix, str) else matrix.read_bytes()
            write_file(self.path / "matrix.yaml", copy)

    @contextmanager
    def locked(self, matrix: str, gamma_from: str = "") -> Iterator[None]:
        """Create the folder if need be and hold it for one ``rsbench run``.

        The lock is the kernel's: it ends with the process, however that dies. What a dead
        process left half written is removed.

        Args:
            matrix: name of the matrix that is about to run.
            gamma_from: the cell that its gammas are taken from, or "".

        Raises:
            ResultsFolderError: the folder is published, in use, of another matrix, or cannot
                be written.
        """
        from filelock import FileLock, Timeout

        self.check_usable(matrix, gamma_from)
        lock = FileLock(self.path / ".lock")
        with explained(self.path):
            self.cells.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                raise ResultsFolderError(
                    "another 'rsbench run' is at work in this folder",
                    where=self.path,
                    remedy="wait for it, stop it, or give another folder with --out",
                ) from error
        try:
            self.clean()
            yield
        except BaseException:
            self._leave_no_empty_folder()
            raise
        finally:
            lock.release()

    def _leave_no_empty_folder(self) -> None:
        """Take the folder away where the run ended before anything was written into it."""
        if self.index_file.exists() or any(self.cells.iterdir()):
            return
        with suppress(OSError):  # it holds something of somebody else's
            (self.path / ".lock").unlink(missing_ok=True)
            self.cells.rmdir()
            self.path.rmdir()

    def check_usable(self, matrix: str, gamma_from: str = "") -> None:
        """Raise ResultsFolderError unless ``rsbench run`` may write ``matrix`` here."""
        if is_copy(self.path):
            raise ResultsFolderError(
                "published results are never resumed from or written to",
                where=self.path,
                remedy="give another folder with --out",
            )
        with explained(self.path):
            present = {each.name for each in self.path.iterdir()} if self.path.exists() else set()
        if not self.index_file.exists():
            foreign = {name for name in present - OWN_NAMES if not name.startswith(".")}
            if not foreign:
                return
            raise ResultsFolderError(
                f"the folder is not that of a run; it holds {sorted(foreign)[0]}",
                where=self.path,
                remedy="give an empty or a new folder with --out",
            )
        index = self.read_index()
        if index.matrix != matrix:
            raise ResultsFolderError(
                f"the folder holds a run of the matrix {index.matrix!r}, not of {matrix!r}",
                where=self.path,
                remedy="give another folder with --out",
            )
        if index.gamma_from != gamma_from:
            raise ResultsFolderError(
                f"the folder holds a run {_with_gammas(index.gamma_from)}, and this one is "
                f"{_with_gammas(gamma_from)}: one table must not mix them",
                where=self.path,
                remedy="give another folder with --out",
            )

    def clean(self, identifier: str = "") -> None:
        """Remove half-written cells, all or those of one id. Only the holder of the lock may."""
        for leftover in self.cells.glob(f"{SCRATCH}{identifier}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def scratch(self, identifier: str) -> Iterator[Path]:
        """An empty folder to write one cell into; what is not committed is removed at the end."""
        path = self.cells / f"{SCRATCH}{identifier}-{os.getpid()}-{next(_numbers)}"
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            if path.exists():
                shutil.rmtree(path, ignore_errors=True)

    def commit(self, scratch: Path, record: Record) -> None:
        """Write the record into ``scratch``, its files described in it, and move it into place.

        A cell that is there already (a failed one that was tried again) is replaced. A crash or
        a power cut at any moment leaves the old cell, the new one, or none, never half a cell.
        """
        sync_folder(scratch)  # first: a record must not stand beside files that never got there
        record = record.model_copy(update={"artefacts": describe_all(scratch)})
        write_file(scratch / RECORD, record.to_json().encode())
        sync(scratch)
        place = self.cell(record.id)
        if place.exists():
            old = scratch.with_name(f"{scratch.name}-old")
            place.rename(old)
            scratch.rename(place)
            shutil.rmtree(old, ignore_errors=True)
        else:
            scratch.rename(place)
        sync(self.cells)


def _old_names(matrix: Path, gamma_from: str) -> Callable[[str], str]:
    """What tables call a method with a training strategy, by its label, from a merged matrix.

    Only for lists of cells that do not say it themselves: what cannot be read is MetaPEFT.
    """
    import yaml

    try:
        document = yaml.safe_load(matrix.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        document = None
    document = document if isinstance(document, dict) else {}
    shared = _mapping(document.get("metapeft"))
    entries = [each for each in document.get("methods") or () if isinstance(each, dict)]
    own = {
        str(each.get("name")): each for each in entries if isinstance(each.get("metapeft"), dict)
    }

    def name_of(method: str) -> str:
        entry = own.get(method, {})
        control = control_in({**shared, **_mapping(entry.get("metapeft"))})
        if gamma_from:
            return full_method(method, "given", named=False)
        return full_method(method, control, named=entry.get("kind", method) != method)

    return name_of


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _with_gammas(gamma_from: str) -> str:
    return f"with the gammas of {gamma_from}" if gamma_from else "with gammas of its own"


def find_run(run: str) -> Path:
    """The folder that ``run`` means: a path, else a name below ``results/``.

    A run is a folder with a ``run.json``; where neither is one, what is there at all is meant.
    """
    path, below = Path(run).expanduser(), Path("results") / run
    for is_there in (lambda each: (each / "run.json").is_file(), Path.exists):
        for each in (path, below):
            if is_there(each):
                return each
    return path


def without_weights(cell: Path) -> CellError | None:
    """Why a finished cell has no trained weights; None where it has the file.

    Args:
        cell: the folder of the cell.
    """
    if (cell / "adapter.safetensors").exists():
        return None
    if is_copy(cell.parent.parent):
        what = "published copies hold no weights: 'rsbench publish' leaves them out on purpose"
        remedy = "name the cell of the run that was published, or train it again into a new folder"
    else:
        what = "the cell holds no trained weights: adapter.safetensors is not there"
        remedy = "take it from where the cell was trained, or train it again into a new folder"
    return CellError(what, where=cell, remedy=remedy)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the errors of the file system inside ``folder`` into ResultsFolderError."""
    try:
        yield
    except OSError as error:
        raise ResultsFolderError(
            f"the results folder cannot be written: {error}",
            where=folder,
            remedy=remedy_for(error, _FOLDER) if used_up(error) else _FOLDER,
        ) from error
