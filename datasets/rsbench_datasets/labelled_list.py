"""Targets of your own, from a CSV file that lists images, labels and splits."""

from __future__ import annotations

import csv
import os
from array import array
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.groups import GroupRule
from rsbench_datasets.files.file_target import (
    FileIndex,
    FileSamples,
    FileTarget,
    OwnFileOptions,
    groups_by_rule,
    rename_classes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("split", "path", "label", "class")
SPLITS = ("train", "val", "test")
_SHOWN = 10
_DIGITS = 10


class LabelledListOptions(OwnFileOptions):
    """Options of a labelled list, as a matrix states them."""

    file: Annotated[str, Field(min_length=1)]
    """CSV file with the columns split, path, label and class; relative to the matrix file."""
    root: str | None = None
    """Folder that the paths in the list start from; by default the folder of the list."""
    test_split: Literal["test", "val"] = "test"
    """Which rows to report on. Rows of the split that is neither this nor train are left out."""
    groups: GroupRule = GroupRule()
    """How the classes divide into head, medium and tail."""
    class_names: dict[str, str] | tuple[str, ...] = ()
    """New class names: old name to new name, or all names in label order."""
    disclaimer: str = ""
    """What a reader must know about these numbers."""


class LabelledList(FileTarget):
    """A CSV list of image files: ``split,path,label,class``, one row per sample.

    Splits are train, val and test; labels run from 0 without gaps, and every label has one
    class name. Images are 8-bit grey or RGB, or what the option ``pixels`` says. The paths below
    the root serve as sample ids, however they are written; those of images that lie elsewhere,
    from the folder that holds all of these.
    """

    Options = LabelledListOptions
    description: ClassVar[str] = "your own images, listed in a CSV file (split,path,label,class)"

    @classmethod
    def open(cls, name: str, options: LabelledListOptions, folders: Folders) -> LabelledList:
        """Open the list; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: the list does not exist.
            ImageError: listed images are missing or empty.
            TargetError: a row is wrong; the message names file and line.
        """
        file = folders.resolve(options.file)
        root = file.parent if options.root is None else folders.resolve(options.root)
        index = _index(file, root, options.test_split)
        names = rename_classes(index.class_names, options.class_names, file)
        index = replace(index, class_names=names)
        groups = groups_by_rule(options.groups, index)
        return cls(
            name,
            index,
            groups,
            folders,
            options.disclaimer,
            on_bad_image=options.on_bad_image,
            pixels=options.pixels,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    split: str
    path: str
    label: int
    class_name: str


@dataclass
class _Rows:
    """The rows of one split in columns."""

    paths: list[str] = field(default_factory=list)
    labels: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))

    def add(self, line: _Line) -> None:
        self.paths.append(line.path)
        self.labels.append(line.label)
        self.lines.append(line.number)

    def samples(self, file: Path, root: Path, top: str) -> FileSamples:
        """The samples; ids are paths below ``root``, or below ``top`` for those outside of it."""
        listed = [f"{file.name}:{number}" for number in self.lines]
        labels = np.array(self.labels, dtype=np.int64)
        paths = tuple(self.paths)
        if not top:
            return FileSamples(paths, labels, root, listed=listed)
        ids = tuple(os.path.relpath(path, top) if os.path.isabs(path) else path for path in paths)
        return FileSamples(ids, labels, root, paths=paths, listed=listed)


def _index(file: Path, root: Path, test_split: str) -> FileIndex:
    rows = {"train": _Rows(), test_split: _Rows()}
    classes = _Classes(file)
    listed: dict[str, int] = {}
    unused = 0
    below = _Below(root)
    for line in map(below.place, _read(file)):
        classes.add(line)
        if line.split not in rows:
            unused += 1
            continue
        other = listed.setdefault(line.path, line.number)
        if other != line.number:
            split = next(name for name, each in rows.items() if other in each.lines)
            raise _wrong(
                file,
                line.number,
                f"{line.path!r} is listed already in line {other} (as {split})",
                "list each image once; one in both train and test would leak",
            )
        rows[line.split].add(line)
    remarks: tuple[str, ...] = ()
    if unused:
        (split,) = set(SPLITS) - set(rows)
        remarks = (f"{file.name}: {unused} rows of split {split!r} are not used",)
    outside = [path for each in rows.values() for path in each.paths if os.path.isabs(path)]
    top = os.path.commonpath(map(os.path.dirname, outside)) if outside else ""
    train, test = (rows[split].samples(file, root, top) for split in ("train", test_split))
    return FileIndex(classes.names(), train, test, file, remarks)


class _Below:
    """Writes paths as they run from the root, so that an image has one path on all machines."""

    def __init__(self, root: Path) -> None:
        self._roots = {root, root.resolve()}
        self._resolved: dict[str, str] = {}

    def place(self, line: _Line) -> _Line:
        """``line`` with its path relative to the root, where it lies there, and plain slashes."""
        path = PurePosixPath(line.path.replace("\\", "/"))  # lists from Windows have others
        if path.is_absolute():
            path = self._from_root(path)
        return replace(line, path=str(path))

    def _from_root(self, path: PurePosixPath) -> PurePosixPath:
        folder = str(path.parent)
        if folder not in self._resolved:
            self._resolved[folder] = os.path.realpath(folder)
        for each in (path, PurePosixPath(self._resolved[folder], path.name)):
            for root in self._roots:
                if each.is_relative_to(root):
                    return each.relative_to(root)
        return path


def _read(file: Path) -> Iterator[_Line]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            absent = [name for name in COLUMNS if name not in header]
            if absent:
                raise _wrong(
                    file,
                    1,
                    f"the header lacks the columns: {', '.join(absent)}",
                    f"the first line must read: {','.join(COLUMNS)}",
                )
            columns = [header.index(name) for name in COLUMNS]
            for row in reader:
                if row:  # a line that is not blank
                    cells = [row[n].strip() if n < len(row) else "" for n in columns]
                    yield _line(file, reader.line_num, cells)
    except FileNotFoundError as error:
        raise NotPreparedError(
            "the list does not exist",
            where=file,
            remedy="check the option 'file'; relative paths start from the matrix file's folder",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TargetError(
            f"the list is no UTF-8 CSV file: {error}", where=file, remedy="save it as UTF-8 CSV"
        ) from error


def _line(file: Path, number: int, cells: list[str]) -> _Line:
    split, path, label, class_name = cells
    blank = [name for name, cell in zip(COLUMNS, cells, strict=True) if not cell]
    if blank:
        raise _wrong(file, number, f"no value for: {', '.join(blank)}", "fill in every column")
    if split not in SPLITS:
        raise _wrong(file, number, f"unknown split {split!r}", f"use one of: {', '.join(SPLITS)}")
    if not (label.isascii() and label.isdigit() and len(label) < _DIGITS):
        raise _wrong(
            file,
            number,
            f"the label {label!r} is no whole number of nine digits at most",
            "number the classes from 0",
        )
    return _Line(number, split, path, int(label), class_name)


class _Classes:
    """Labels and names, which must match one to one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._of_label: dict[int, _Line] = {}
        self._of_name: dict[str, _Line] = {}

    def add(self, line: _Line) -> None:
        """Take in a row, after checking that it agrees with those before."""
        other = self._of_label.setdefault(line.label, line)
        if other.class_name != line.class_name:
            what = (
                f"label {line.label} is {line.class_name!r} here "
                f"and {other.class_name!r} in line {other.number}"
            )
            raise _wrong(self._file, line.number, what, "give every label one class name")
        other = self._of_name.setdefault(line.class_name, line)
        if other.label != line.label:
            what = (
                f"class {line.class_name!r} has label {line.label} here "
                f"and {other.label} in line {other.number}"
            )
            raise _wrong(self._file, line.number, what, "give every class one label")

    def names(self) -> tuple[str, ...]:
        """Names in label order, after checking that no label is left out."""
        labels = sorted(self._of_label)
        gaps = labels[-1] + 1 - len(labels) if labels else 0
        if gaps:
            raise _wrong(
                self._file,
                self._of_label[labels[-1]].number,
                f"labels run to {labels[-1]}, but these are missing: {_missing(labels, gaps)}",
                "number the classes from 0 without gaps",
            )
        return tuple(self._of_label[label].class_name for label in labels)


def _missing(labels: list[int], count: int) -> str:
    known = set(labels)
    first = islice((label for label in range(labels[-1]) if label not in known), _SHOWN)
    shown = ", ".join(str(label) for label in first)
    return shown if count <= _SHOWN else f"{shown}, ... ({count} in all)"


def _wrong(file: Path, line: int, what: str, remedy: str) -> TargetError:
    return TargetError(what, where=f"{file}:{line}", remedy=remedy)
