"""What an executor tells the engine about the cells it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    """A worker took a cell.

    Attributes:
        worker: number of the worker, from 0.
        id: the cell.
    """

    worker: int
    id: str


@dataclass(frozen=True)
class Working:
    """How far a cell is.

    Attributes:
        worker: number of the worker.
        id: the cell.
        values: what the training reports: phase ("load", "train" or "test"), and as far as it
            knows them epoch (from 1), epochs, fraction (of the training), loss,
            images_per_second; or a note alone, which the user should read at once.
    """

    worker: int
    id: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """A cell ended and its record, finished or failed, is in the run folder.

    Attributes:
        worker: number of the worker.
        id: the cell.
    """

    worker: int
    id: str


@dataclass(frozen=True)
class Lost:
    """A cell ended without a record: its worker died, or the record could not be written.

    Attributes:
        worker: number of the worker.
        id: the cell.
        kind: name of the failure.
        reason: what happened, in one sentence.
        traceback: where it happened, or "".
    """

    worker: int
    id: str
    kind: str
    reason: str
    traceback: str = ""


Message = Started | Working | Recorded | Lost
