"""The base of targets that keep every sample in an image file of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rsbench import images
from rsbench.errors import TargetError
from rsbench.folders import Folders
from rsbench.groups import ClassGroups, GroupRule
from rsbench.target import Split, SplitName, Target
from rsbench_datasets.content import Row, content_hash, leak_remarks
from rsbench_datasets.digests import FileDigests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class FileSample:
    """One sample.

    Attributes:
        id: stable text, unique in its split.
        path: the image file.
        label: class index.
        listed: where the sample is named ("list.csv:7"), for messages; may be empty.
    """

    id: str
    path: Path
    label: int
    listed: str = ""


@dataclass(frozen=True)
class FileIndex:
    """What a data set of image files says about itself.

    Attributes:
        class_names: names in label order.
        train: samples to train on.
        test: samples to report on.
        location: the list or folder, for messages and as the key of the digest cache.
        remarks: what a reader of the numbers must know about the list.
    """

    class_names: tuple[str, ...]
    train: tuple[FileSample, ...]
    test: tuple[FileSample, ...]
    location: Path
    remarks: tuple[str, ...] = ()


class FileTarget(Target):
    """A target with one image file per sample, decoded by Pillow."""

    def __init__(
        self, name: str, index: FileIndex, groups: ClassGroups, folders: Folders, disclaimer: str
    ) -> None:
        """Check that the files are there and keep the index.

        Args:
            name: label in tables.
            index: samples and class names.
            groups: partition of the classes.
            folders: where digests are remembered.
            disclaimer: what a reader must know about these numbers, or "".

        Raises:
            ImageError: a file is missing or empty.
            TargetError: the index is inconsistent.
        """
        samples = {"train": index.train, "test": index.test}
        self._paths = {
            split: [os.fspath(sample.path) for sample in each] for split, each in samples.items()
        }
        rows = list(_rows(index, folders))
        train = [digest for split, _, _, digest in rows if split == "train"]
        test = [digest for split, _, _, digest in rows if split == "test"]
        super().__init__(
            name,
            class_names=index.class_names,
            groups=groups,
            train=_split(index.train),
            test=_split(index.test),
            content_hash=content_hash(index.class_names, groups, rows),
            disclaimer=disclaimer,
            remarks=(*index.remarks, *leak_remarks(name, train, test)),
            location=index.location,
        )

    def read(self, split: SplitName, index: int) -> NDArray[np.uint8]:
        """Decode one sample; see :meth:`rsbench.target.Target.read`."""
        return images.read_rgb(Path(self._paths[split][index]))


def rename_classes(
    class_names: Sequence[str], rename: dict[str, str] | tuple[str, ...], where: Path
) -> tuple[str, ...]:
    """``class_names`` under new names.

    Args:
        class_names: names in label order.
        rename: old name to new name, or every new name in label order; empty for none.
        where: file or folder to name in messages.

    Raises:
        TargetError: a name to replace does not exist, or the list has the wrong length.
    """
    if not rename:
        return tuple(class_names)
    if isinstance(rename, dict):
        unknown = [name for name in rename if name not in class_names]
        if unknown:
            raise TargetError(
                f"class_names renames classes that do not exist: {', '.join(unknown)}",
                where=where,
                remedy=f"the classes are: {', '.join(class_names)}",
            )
        return tuple(rename.get(name, name) for name in class_names)
    if len(rename) != len(class_names):
        raise TargetError(
            f"class_names lists {len(rename)} names for {len(class_names)} classes",
            where=where,
            remedy=f"give one name for each of: {', '.join(class_names)}",
        )
    return rename


def groups_by_rule(rule: GroupRule, index: FileIndex) -> ClassGroups:
    """The groups that ``rule`` gives with the training counts of ``index``."""
    labels = np.array([sample.label for sample in index.train], dtype=np.int64)
    counts = np.bincount(labels, minlength=len(index.class_names))
    return rule.apply(index.class_names, [int(count) for count in counts])


def _split(samples: Sequence[FileSample]) -> Split:
    labels = np.array([sample.label for sample in samples], dtype=np.int64)
    return Split(tuple(sample.id for sample in samples), labels)


def _rows(index: FileIndex, folders: Folders) -> Iterator[Row]:
    samples = (*index.train, *index.test)
    for sample in samples:
        _check_file(sample)
    digests = FileDigests(folders, index.location).of(sample.path for sample in samples)
    splits = ["train"] * len(index.train) + ["test"] * len(index.test)
    for split, sample, digest in zip(splits, samples, digests, strict=True):
        yield split, sample.id, sample.label, digest


def _check_file(sample: FileSample) -> None:
    try:
        size = sample.path.stat().st_size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise images.missing(sample.path, sample.listed) from error
    if size == 0:
        raise images.empty(sample.path, sample.listed)
