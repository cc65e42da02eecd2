"""Index files with a line ``relative_path label`` per sample, as long-tail papers release them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.files.file_samples import FileSamples

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = "a line reads: relative_path label, with labels 0 to {highest}"

Repeats = Literal["keep", "drop"]
"""What to do with lines that list an image once more: every line counts, or the first does."""


@dataclass(frozen=True)
class ListedPath:
    """One line of an index file.

    Attributes:
        path: of the image, relative to a folder that the file does not name.
        label: class index.
        line: its number in the file, from 1.
    """

    path: str
    label: int
    line: int


def read_lines(file: Path) -> list[tuple[int, str]]:
    """Lines that are not blank, stripped, with their numbers.

    Raises:
        FileNotFoundError: the file does not exist.
        TargetError: it is no UTF-8 text.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise TargetError(f"the file is no UTF-8 text: {error}", where=file) from error
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def read_path_list(file: Path, classes: int) -> list[ListedPath]:
    """What an index file lists, in its order.

    Args:
        file: the index file.
        classes: how many classes there are.

    Raises:
        FileNotFoundError: the file does not exist.
        TargetError: a line is wrong; the message names file and line.
    """
    return [_parse(file, number, line, classes) for number, line in read_lines(file)]


def listed_samples(
    entries: list[ListedPath], folder: Path, file: Path, repeats: Repeats = "keep"
) -> FileSamples:
    """The samples that ``entries`` stand for.

    Their paths serve as ids; the second, third, ... line of a path gets ``#2``, ``#3``, ...

    Args:
        entries: lines of ``file``.
        folder: where their paths start from.
        file: the index file, for messages.
        repeats: whether lines that list an image once more count.
    """
    seen: Counter[str] = Counter()
    ids: list[str] = []
    rows: list[ListedPath] = []
    for entry in entries:
        seen[entry.path] += 1
        times = seen[entry.path]
        if times == 1 or repeats == "keep":
            ids.append(entry.path if times == 1 else f"{entry.path}#{times}")
            rows.append(entry)
    unique = len(rows) == len(seen)
    return FileSamples(
        ids=tuple(ids),
        labels=np.array([row.label for row in rows], dtype=np.int64),
        root=folder,
        paths=None if unique else tuple(row.path for row in rows),
        listed=tuple(f"{file.name}:{row.line}" for row in rows),
    )


def repeat_remarks(entries: list[ListedPath], file: Path, repeats: Repeats) -> tuple[str, ...]:
    """What a reader must know about images that ``entries`` list several times; () for none."""
    first: dict[str, int] = {}
    differing = sum(first.setdefault(each.path, each.label) != each.label for each in entries)
    again = len(entries) - len(first)
    if not again:
        return ()
    what = "count once more" if repeats == "keep" else "are left out"
    also = f", {differing} of them under another class" if differing else ""
    return (
        f"{file.name}: {again} of {len(entries)} lines list an image that was listed "
        f"before{also}; they {what}",
    )


def _parse(file: Path, number: int, line: str, classes: int) -> ListedPath:
    path, _, label = line.rpartition(" ")
    path = path.strip().replace("\\", "/")  # lists from Windows have others
    right = path and label.isascii() and label.isdigit() and int(label) < classes
    if not right:
        raise TargetError(
            f"not a path and a label: {line[:80]!r}",
            where=f"{file}:{number}",
            remedy=_FORMAT.format(highest=classes - 1),
        )
    if path.startswith("/") or ".." in path.split("/"):
        raise TargetError(
            f"the path {path!r} leads out of the image folder",
            where=f"{file}:{number}",
            remedy="paths start from the image folder",
        )
    return ListedPath(path, int(label), number)
