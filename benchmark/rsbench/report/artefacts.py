"""What a report is made of: tables, figures, and the statement that one cannot be made.

A section of the report (``sections``) turns a ``RunResults`` into a list of these; ``writers``
turns tables into files, ``figures`` draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


#: Shown where a value is undefined or unknown.
EMPTY = "–"  # noqa: RUF001 - an en dash is meant


@dataclass(frozen=True)
class Measure:
    """A number with its spread, in the unit of its column.

    Attributes:
        mean: the number; None where it is undefined (an empty group).
        deviation: sample standard deviation over the seeds (ddof = 1); None with one seed.
        low: lower end of an interval; the table says of which.
        high: its upper end.
    """

    mean: float | None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None


Value = str | int | float | bool | Measure | None
"""What a field of a table holds; None is shown as an en dash and left empty in files."""

Part = Literal["mean", "std", "low", "high"]
"""What of a ``Measure`` becomes a column of a file."""
#: Parts of a measure over seeds.
SPREAD: tuple[Part, ...] = ("mean", "std")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: its name in CSV and parquet: lower case, words joined by "_".
        title: its heading for readers.
        digits: decimals that readers see; files keep more.
        unit: "%", "points", "s", "images/s", "bytes", ...; "" for text and plain numbers.
        group: heading above several neighbouring columns, "" for none.
        parts: for ``Measure`` values, the columns it becomes in CSV and parquet:
            ``<key>_mean``, ``<key>_std``, ``<key>_low``, ``<key>_high``; empty for others.
        signed: whether a positive number is shown with "+" (differences).
    """

    key: str
    title: str
    digits: int = 1
    unit: str = ""
    group: str = ""
    parts: tuple[Part, ...] = ()
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Attributes:
        name: its file name without suffix; unique in a report.
        title: one line for readers.
        columns: from left to right.
        rows: a value for each column.
        notes: sentences that a reader of the numbers must know, the most important first;
            ``**...**`` marks what must not be overlooked.
        cells: ids of the cells behind each row, for links; empty, or one entry for each row.
        files_only: whether it is too long to read: Markdown and page only say where the CSV and
            the parquet file are (``writers.pointer``), and no LaTeX is written.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    notes: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    files_only: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure of the report.

    Attributes:
        name: its file name without suffix; unique in a report.
        title: one line for readers.
        caption: what is shown: units, number of seeds, what an interval is of.
        draw: makes the drawing (with ``figures.style``); called once, when it is written.
        alt: the message of the figure in words, for those who do not see it.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Drawing]
    alt: str


@dataclass(frozen=True)
class Absent:
    """A table or figure that this run does not allow, and why.

    Attributes:
        name: the name it would have.
        title: one line for readers.
        reason: what is missing, and what to run for it.
    """

    name: str
    title: str
    reason: str


Artefact = Table | Figure | Absent
