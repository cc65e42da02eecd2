"""Targets of your own, from a CSV file that lists images, labels and splits."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.groups import GroupRule
from rsbench.settings import Settings
from rsbench_datasets.file_target import (
    FileIndex,
    FileSample,
    FileTarget,
    groups_by_rule,
    rename_classes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("split", "path", "label", "class")
SPLITS = ("train", "val", "test")


class LabelledListOptions(Settings):
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
    class name. Images are 8-bit grey or RGB. The paths serve as sample ids.
    """

    Options = LabelledListOptions
    description: ClassVar[str] = "your own images, listed in a CSV file (split,path,label,class)"

    @classmethod
    def open(cls, name: str, options: LabelledListOptions, folders: Folders) -> LabelledList:
        """Open the list; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: the list does not exist.
            ImageError: a listed image is missing or empty.
            TargetError: a row is wrong; the message names file and line.
        """
        file = folders.resolve(options.file)
        root = file.parent if options.root is None else folders.resolve(options.root)
        index = _index(file, root, options.test_split)
        names = rename_classes(index.class_names, options.class_names, file)
        index = replace(index, class_names=names)
        groups = groups_by_rule(options.groups, index)
        return cls(name, index, groups, folders, options.disclaimer)


@dataclass(frozen=True)
class _Line:
    number: int
    split: str
    path: str
    label: int
    class_name: str


def _index(file: Path, root: Path, test_split: str) -> FileIndex:
    lines = list(_read(file))
    names = _class_names(file, lines)
    samples: dict[str, list[FileSample]] = {"train": [], test_split: []}
    first: dict[str, _Line] = {}
    for line in lines:
        if line.split not in samples:
            continue
        other = first.setdefault(line.path, line)
        if other is not line:
            raise _wrong(
                file,
                line.number,
                f"{line.path!r} is listed already in line {other.number} (as {other.split})",
                "list each image once; one in both train and test would leak",
            )
        listed = f"{file.name}:{line.number}"
        samples[line.split].append(FileSample(line.path, root / line.path, line.label, listed))
    unused = [line.split for line in lines if line.split not in samples]
    remarks: tuple[str, ...] = ()
    if unused:
        remarks = (f"{file.name}: {len(unused)} rows of split {unused[0]!r} are not used",)
    train, test = tuple(samples["train"]), tuple(samples[test_split])
    return FileIndex(names, train, test, file, remarks)


def _read(file: Path) -> Iterator[_Line]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            absent = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if absent:
                raise _wrong(
                    file,
                    1,
                    f"the header lacks the columns: {', '.join(absent)}",
                    f"the first line must read: {','.join(COLUMNS)}",
                )
            for row in reader:
                yield _line(file, reader.line_num, row)
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


def _line(file: Path, number: int, row: dict[str, str | None]) -> _Line:
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    blank = [name for name, cell in cells.items() if not cell]
    if blank:
        raise _wrong(file, number, f"no value for: {', '.join(blank)}", "fill in every column")
    if cells["split"] not in SPLITS:
        raise _wrong(
            file, number, f"unknown split {cells['split']!r}", f"use one of: {', '.join(SPLITS)}"
        )
    label = cells["label"]
    if not (label.isascii() and label.isdigit()):
        raise _wrong(
            file, number, f"the label {label!r} is no whole number", "number the classes from 0"
        )
    return _Line(number, cells["split"], cells["path"], int(label), cells["class"])


def _class_names(file: Path, lines: list[_Line]) -> tuple[str, ...]:
    """Names in label order, after checking that labels and names match one to one."""
    of_label: dict[int, _Line] = {}
    of_name: dict[str, _Line] = {}
    for line in lines:
        other = of_label.setdefault(line.label, line)
        if other.class_name != line.class_name:
            what = (
                f"label {line.label} is {line.class_name!r} here "
                f"and {other.class_name!r} in line {other.number}"
            )
            raise _wrong(file, line.number, what, "give every label one class name")
        other = of_name.setdefault(line.class_name, line)
        if other.label != line.label:
            what = (
                f"class {line.class_name!r} has label {line.label} here "
                f"and {other.label} in line {other.number}"
            )
            raise _wrong(file, line.number, what, "give every class one label")
    highest = max(of_label, default=-1)
    gaps = sorted(set(range(highest + 1)) - set(of_label))
    if gaps:
        raise _wrong(
            file,
            of_label[highest].number,
            f"labels run to {highest}, but these are missing: {_some(gaps)}",
            "number the classes from 0 without gaps",
        )
    return tuple(of_label[label].class_name for label in sorted(of_label))


def _some(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return shown if len(numbers) <= 10 else f"{shown}, ... ({len(numbers)} in all)"


def _wrong(file: Path, line: int, what: str, remedy: str) -> TargetError:
    return TargetError(what, where=f"{file}:{line}", remedy=remedy)
