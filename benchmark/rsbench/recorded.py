"""The files that a record answers for: described when it is written, checked when they are read."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import TYPE_CHECKING

from rsbench.copies import RESTORE, TEST_IMAGES, how_to_mend
from rsbench.errors import RecordError
from rsbench.record import RECORD, Artefact, read_record
from rsbench.system import remedy_for

if TYPE_CHECKING:
    from pathlib import Path

State = tuple[int, int, int]

#: Files that were found to be as recorded: path, state on disk and SHA-256.
_seen: set[tuple[str, State, str]] = set()


def describe(path: Path) -> Artefact:
    """Size and SHA-256 of a file as it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Artefact(size=path.stat().st_size, sha256=digest)


def describe_all(cell: Path) -> dict[str, Artefact]:
    """Every file of a cell but its record, by its path in the cell's folder.

    Raises:
        OSError: one cannot be read.
    """
    files = sorted(each for each in cell.rglob("*") if each.is_file() and each.name != RECORD)
    return {each.relative_to(cell).as_posix(): describe(each) for each in files}


def shared_name(path: Path) -> str:
    """How records call a file that the cells of a published copy share."""
    return f"{TEST_IMAGES}/{path.name}"


def check_recorded(cell: Path, name: str, content: bytes | None = None) -> None:
    """Raise RecordError unless a file is the one that the cell's record was written with.

    Once a process, unless the file is written again. A record of an rsbench that did not describe
    its files knows none, and nothing is checked. A file that is not there is no error here:
    features and weights may be deleted.

    Args:
        cell: the folder of the cell.
        name: of the file in it; of one in ``test_images/``, what ``shared_name`` says.
        content: what is in the file, where the caller has read it.
    """
    shared = name.startswith(f"{TEST_IMAGES}/")
    path = (cell.parents[1] if shared else cell) / name
    try:
        state, of_record = _state(path), _state(cell / RECORD)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error, cell) from error
    known = _known(cell / RECORD, of_record)
    expected = known.get(name)
    if not known or (expected and (str(path), state, expected) in _seen):
        return
    what = "the record does not know it"
    if expected:
        found = _digest(cell, path) if content is None else hashlib.sha256(content).hexdigest()
        if found == expected:
            _seen.add((str(path), state, found))
            return
        what = f"its SHA-256 is {found[:16]}..., not {expected[:16]}..."
    record = read_record(cell / RECORD)
    raise RecordError(
        f"this is not the file that was recorded with the cell {record.id} "
        f"({record.cell.label}): {what}",
        where=path,
        remedy=RESTORE if shared else f"put the original file back, or {how_to_mend(cell)}",
    )


def _digest(cell: Path, path: Path) -> str:
    try:
        return describe(path).sha256
    except OSError as error:
        raise _unreadable(path, error, cell) from error


def _unreadable(path: Path, error: OSError, cell: Path) -> RecordError:
    return RecordError(
        f"the file of a finished cell cannot be read: {error}",
        where=path,
        remedy=remedy_for(error, how_to_mend(cell)),
    )


def _state(path: Path) -> State:
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(maxsize=100_000)
def _known(path: Path, state: State) -> dict[str, str]:
    """SHA-256 by file; once a process, unless the record is written again."""
    del state
    return {name: each.sha256 for name, each in read_record(path).artefacts.items()}
