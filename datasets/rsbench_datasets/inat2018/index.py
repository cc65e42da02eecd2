"""Which image of iNaturalist 2018 is of which category.

Two indexes serve: the official annotations (``train2018.json``, ``val2018.json``) and the text
files that long-tail papers release (lines ``relative_path category_id``). Reading the official
one takes a while; the result is kept as parquet in the cache, under a key made of the SHA-256
of what it was read from.
"""

from __future__ import annotations

import hashlib
import json
import logging
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from rsbench.atomic import write_file
from rsbench.errors import TargetError
from rsbench_datasets.files.digests import FileDigests
from rsbench_datasets.inat2018.json_items import read_members

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench_datasets.inat2018.taxonomy import Category

PREFIX = "train_val2018/"
"""Folder that the official paths start with; other releases leave it out."""

_VERSION = 1
_KEY = b"rsbench_inat2018"
_log = logging.getLogger("rsbench")


@dataclass(frozen=True, eq=False)
class Records:
    """The images of one split, by path.

    Attributes:
        files: ``<supercategory>/<category id>/<name>.jpg``, sorted.
        category_ids: int64, shape (images,).
        categories: the categories that the index itself lists; empty for a text file.
        file: where they were read from.
    """

    files: tuple[str, ...]
    category_ids: NDArray[np.int64]
    categories: tuple[Category, ...]
    file: Path

    def __len__(self) -> int:
        return len(self.files)


def load_records(file: Path, folders: Folders) -> Records:
    """The images that ``file`` lists, from the cache where it knows this content.

    Args:
        file: official annotations (``.json``) or a text file of paths and category ids.
        folders: where digests and parsed indexes are kept.

    Raises:
        FileNotFoundError: the file does not exist.
        TargetError: the file is damaged, or an entry of it is wrong.
    """
    (digest,) = FileDigests(folders, file).of([file])
    key = hashlib.sha256(f"{_VERSION} {file.suffix} {digest}".encode()).hexdigest()[:32]
    place = folders.cache / "inat2018" / f"{key}.parquet"
    known = _read(place, file)
    if known is not None:
        return known
    records = _from_annotations(file) if file.suffix == ".json" else _from_lines(file)
    _write(records, place)
    return records


def relabel(records: Records, names: Mapping[int, str], class_names: Sequence[str]) -> list[int]:
    """The label of every image: the rank of its category's name in ``class_names``.

    Raises:
        TargetError: an image is of a category that does not exist.
    """
    rank = {name: label for label, name in enumerate(class_names)}
    of_category = {number: rank[name] for number, name in names.items()}
    try:
        return [of_category[number] for number in records.category_ids.tolist()]
    except KeyError as error:
        raise TargetError(
            f"images are of category {error}, which is not in the list of categories",
            where=records.file,
            remedy="use the index and the categories of one data set",
        ) from error


def _from_annotations(file: Path) -> Records:
    image_ids, files = array("q"), list[str]()
    annotated, category_ids = array("q"), array("q")
    categories: list[Category] = []
    try:
        for member, item in read_members(file):
            if member == "images":
                image_ids.append(item["id"])
                files.append(item["file_name"])
            elif member == "annotations":
                annotated.append(item["image_id"])
                category_ids.append(item["category_id"])
            elif member == "categories":
                categories.append(dict(item))
    except (KeyError, TypeError, OverflowError) as error:
        raise TargetError(
            f"an entry of {member!r} is not as in the format of iNaturalist ({error!r}): "
            f"{str(item)[:120]}",
            where=file,
            remedy="fetch the file again",
        ) from error
    order = _matching(np.array(image_ids), np.array(annotated), file)
    return _records(file, files, np.array(category_ids, dtype=np.int64)[order], categories)


def _matching(
    image_ids: NDArray[np.int64], annotated: NDArray[np.int64], file: Path
) -> NDArray[np.int64]:
    """For every image the place of its annotation: int64, shape (images,)."""
    for what, ids in (("images", image_ids), ("annotations of an image", annotated)):
        values, counts = np.unique(ids, return_counts=True)
        if (counts > 1).any():
            twice = int(values[counts > 1][0])
            raise TargetError(f"several {what} have the id {twice}", where=file)
    alone = np.setxor1d(image_ids, annotated, assume_unique=True)
    if alone.size:
        raise TargetError(
            f"{alone.size} images have no annotation, or annotations no image; "
            f"the first has the id {int(alone[0])}",
            where=file,
            remedy="use the annotations of train or val; those of test have no labels",
        )
    by_image = np.argsort(annotated)
    return np.asarray(by_image[np.searchsorted(annotated[by_image], image_ids)], dtype=np.int64)


def _from_lines(file: Path) -> Records:
    files: list[str] = []
    category_ids = array("q")
    try:
        with file.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                path, _, label = line.strip().rpartition(" ")
                if not path or not (label.isascii() and label.isdigit()):
                    raise TargetError(
                        f"not a path and a category: {line.strip()[:80]!r}",
                        where=f"{file}:{number}",
                        remedy="a line reads: relative_path category_id",
                    )
                files.append(path.strip())
                category_ids.append(int(label))
    except UnicodeDecodeError as error:
        raise TargetError(f"the file is no UTF-8 text: {error}", where=file) from error
    return _records(file, files, np.array(category_ids, dtype=np.int64), [])


def _records(
    file: Path, files: list[str], category_ids: NDArray[np.int64], categories: list[Category]
) -> Records:
    files = [_relative(name, file) for name in files]
    order = sorted(range(len(files)), key=files.__getitem__)
    for one, other in pairwise(order):
        if files[one] == files[other]:
            raise TargetError(f"the image {files[one]} is listed twice", where=file)
    return Records(tuple(files[i] for i in order), category_ids[order], tuple(categories), file)


def _relative(name: str, file: Path) -> str:
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise TargetError(
            f"the path {name!r} leads out of the image folder",
            where=file,
            remedy="paths start from the image folder",
        )
    return name.removeprefix(PREFIX)


def _write(records: Records, place: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"file": list(records.files), "category": records.category_ids})
    about = json.dumps({"version": _VERSION, "categories": records.categories})
    buffer = pa.BufferOutputStream()
    parquet.write_table(
        table.replace_schema_metadata({_KEY: about}), buffer, write_page_checksum=True
    )
    try:
        write_file(place, buffer.getvalue().to_pybytes())
    except OSError as error:  # the index is right all the same, only slow next time
        _log.warning("cannot keep the parsed index of iNaturalist in %s: %s", place, error)


def _read(place: Path, file: Path) -> Records | None:
    """The records in ``place``; None where there are none, or damaged or older ones."""
    if not place.is_file():
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(place, page_checksum_verification=True)
        about = json.loads(table.schema.metadata[_KEY])
        return Records(
            tuple(table["file"].to_pylist()),
            table["category"].to_numpy().astype(np.int64),
            tuple(about["categories"]),
            file,
        )
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError) as error:
        _log.warning("the parsed index %s is damaged and is made anew (%s)", place, error)
        return None
