"""DOTA on disk as torchgeo lays it out: the index of its scenes.

torchgeo's class serves for layout and index only. It drops the difficult flag, numbers the
classes otherwise and decodes whole scenes as floats (paper, section 9.14), so that annotations
and pixels are read elsewhere. Its import takes seconds and is put off until it is needed.

All versions share a folder: versions 1.0 and 1.5 have the same scenes, 2.0 has more, and each
version has annotations of its own.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.errors import NotPreparedError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rsbench_datasets.dota.versions import DotaSplit, DotaVersion

INDEX = "samples.csv"

_COLUMNS = ("image_path", "annotation_path", "split", "version")
Cells = tuple[str, ...]
"""A row's values in these columns."""


def images_folder(root: Path, split: DotaSplit) -> Path:
    """Where the scenes of ``split`` lie, those of all versions together."""
    return root / split / "images"


def annotations_folder(root: Path, split: DotaSplit, version: DotaVersion) -> Path:
    """Where the annotation files of ``split`` and ``version`` lie."""
    return root / split / "annotations" / f"version{version.number}"


def is_prepared(root: Path, split: DotaSplit, version: DotaVersion) -> bool:
    """Whether the folders and the index of ``split`` are there."""
    folders = (images_folder(root, split), annotations_folder(root, split, version))
    return (root / INDEX).is_file() and all(folder.is_dir() for folder in folders)


def scene_index(root: Path, split: DotaSplit, version: DotaVersion) -> list[tuple[str, str]]:
    """Image and annotation file of every scene of ``split``, relative to ``root``, sorted.

    Raises:
        NotPreparedError: the split is not there.
        TargetError: the index is damaged.
    """
    if not is_prepared(root, split, version):
        raise NotPreparedError(f"the {split} split of {version.name} is not there", where=root)
    from torchgeo.datasets import DOTA

    try:
        data = DOTA(os.fspath(root), split=split, version=version.number, download=False)
        table = data.sample_df
        scenes = sorted(zip(table["image_path"], table["annotation_path"], strict=True))
    except (KeyError, ValueError, TypeError) as error:
        raise TargetError(
            f"the index is damaged: {error!r}", where=root / INDEX, remedy="prepare the data again"
        ) from error
    if not scenes:
        raise NotPreparedError(
            f"the index lists no scene of {split}, version {version.number}", where=root / INDEX
        )
    return [(str(image), str(annotation)) for image, annotation in scenes]


def add_scenes(
    root: Path, split: DotaSplit, version: DotaVersion, scenes: Iterable[tuple[str, str]]
) -> None:
    """Add scenes to the index that torchgeo reads; rows it has already stay, but for a damaged one.

    Args:
        root: the prepared folder.
        split: "train" or "val".
        version: version of DOTA.
        scenes: names of the image and of the annotation file of each scene.
    """
    folders = (images_folder(root, split), annotations_folder(root, split, version))
    rows, columns = _whole_rows(root)
    for names in scenes:
        paths = (folder / name for folder, name in zip(folders, names, strict=True))
        cells = (
            *(path.relative_to(root).as_posix() for path in paths),
            split,
            version.number,
        )
        rows.setdefault(cells, dict(zip(_COLUMNS, cells, strict=True)))
    text = io.StringIO(newline="")
    all_columns = list(dict.fromkeys([*columns, *_COLUMNS]))
    writer = csv.DictWriter(text, all_columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows[key] for key in sorted(rows))
    write_file(root / INDEX, text.getvalue().encode())


def listed_scenes(index: Path, split: DotaSplit, version: DotaVersion) -> list[tuple[str, str]]:
    """Names of the image and of the annotation file of each scene that ``index`` lists.

    Raises:
        TargetError: the file is no such index.
    """
    rows, columns = _rows(index)
    absent = [name for name in _COLUMNS if name not in columns]
    if absent:
        raise TargetError(f"the index lacks the columns: {', '.join(absent)}", where=index)
    return [
        (os.path.basename(image), os.path.basename(annotation))
        for image, annotation, part, number in sorted(rows)
        if (part, number) == (split, version.number)
    ]


def _whole_rows(root: Path) -> tuple[dict[Cells, dict[str, str]], list[str]]:
    """The rows of the index; of a damaged one, those of the files that are there."""
    columns = list(_COLUMNS)
    try:
        rows, columns = _rows(root / INDEX)
        whole = {*_COLUMNS} <= {*columns} and not any(None in row for row in rows.values())
    except (ValueError, csv.Error):
        whole = False
    if whole:
        return rows, columns
    images = {path.with_suffix(""): path for path in root.glob("*/images/*")}
    found: list[Cells] = []
    for annotation in root.glob("*/annotations/version*/*.txt"):
        split, _, version, name = annotation.relative_to(root).parts
        image = images.get(root / split / "images" / Path(name).stem)
        if image is not None:
            paths = (path.relative_to(root).as_posix() for path in (image, annotation))
            found.append((*paths, split, version.removeprefix("version")))
    return {cells: dict(zip(_COLUMNS, cells, strict=True)) for cells in found}, list(_COLUMNS)


def _rows(index: Path) -> tuple[dict[Cells, dict[str, str]], list[str]]:
    """The rows of an index by the cells that count, and all its columns."""
    rows: dict[Cells, dict[str, str]] = {}
    if not index.is_file():
        return rows, list(_COLUMNS)
    with index.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        columns = list(reader.fieldnames or ())
        for row in reader:
            rows[tuple(row.get(name) or "" for name in _COLUMNS)] = row
    return rows, columns
