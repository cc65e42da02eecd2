"""From torchgeo's listings to the training and test samples of a target."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import TargetError
from rsbench_datasets.files.file_samples import FileSamples
from rsbench_datasets.files.file_target import FileIndex
from rsbench_datasets.long_tail import long_tail, long_tail_remarks
from rsbench_datasets.torchgeo_scenes.division import divide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rsbench_datasets.torchgeo_scenes.catalogue import SceneSet
    from rsbench_datasets.torchgeo_scenes.index import SceneIndex
    from rsbench_datasets.torchgeo_scenes.listing import Listing


@dataclass(frozen=True)
class Part:
    """Which images of a torchgeo split are the training or the test samples.

    Attributes:
        split: torchgeo's name of the split.
        indices: positions in its listing, ascending, int64.
        remarks: what a reader of the numbers must know about the choice.
    """

    split: str
    indices: NDArray[np.int64]
    remarks: tuple[str, ...] = ()


def parts(name: str, index: SceneIndex, splits: Sequence[str], options: Any) -> tuple[Part, Part]:
    """Training and test samples, train thinned where ``options`` ask for it.

    Args:
        name: label of the target, for remarks.
        index: the listing.
        splits: torchgeo's train and test split, or a single one to divide.
        options: with ``long_tail``, and with ``test_fraction`` and ``seed`` where a single
            split is divided.

    Raises:
        TargetError: a class has too few images for the division or the long tail.
    """
    train, test = splits[0], splits[-1]
    labels = _labels(index, train)
    if len(splits) == 1:
        chosen = divide(labels, index.class_names, options.test_fraction, options.seed)
    else:
        chosen = np.flatnonzero(labels >= 0), np.flatnonzero(_labels(index, test) >= 0)
    kept, names = chosen[0], index.class_names
    remarks: tuple[str, ...] = ()
    if options.long_tail is not None:
        available = np.bincount(labels[kept], minlength=len(names)).tolist()
        remarks = long_tail_remarks(name, available, names, options.long_tail)
        kept = kept[long_tail(labels[kept], names, options.long_tail)]
    return Part(train, kept, remarks), Part(test, chosen[1])


def file_index(index: SceneIndex, train: Part, test: Part, root: Path) -> FileIndex:
    """The samples as files; ids are paths below the folder that holds all of them."""
    top = _common_folder(index.splits.values())
    samples = {name: _samples(each, root, top) for name, each in index.splits.items()}
    return FileIndex(
        index.class_names,
        samples[train.split].choose(train.indices),
        samples[test.split].choose(test.indices),
        root,
        (*train.remarks, *test.remarks),
    )


def check_complete(scene: SceneSet, root: Path, index: SceneIndex) -> None:
    """Refuse a listing that lacks images: torchgeo passes over what is not there.

    Raises:
        TargetError: an image of a split's list is not there.
    """
    if scene.lists:
        lists = {split: root / scene.lists.format(split=split) for split in index.splits}
        check_lists(scene.dataset, lists, index)


def check_lists(dataset: str, lists: Mapping[str, Path], index: SceneIndex) -> None:
    """Refuse a listing that lacks images which the list of its split names.

    Args:
        dataset: class in ``torchgeo.datasets``, for messages.
        lists: the list of each split, one file name a line.
        index: the listing.

    Raises:
        TargetError: a listed image is not among those that torchgeo finds.
    """
    for split, path in lists.items():
        found = {PurePosixPath(file).stem for file in index.splits[split].files or ()}
        lines = path.read_text(encoding="utf-8").splitlines()
        # The lists of EuroSAT name the pictures of the RGB release, with another suffix.
        listed = {PurePosixPath(line.strip()).stem for line in lines if line.strip()}
        lacking = sorted(listed - found)
        if lacking:
            raise TargetError(
                f"{len(lacking)} of {len(listed)} images of {dataset} are not among those that "
                f"torchgeo finds, {lacking[0]} the first",
                where=path,
                remedy="restore the files: delete the folder and prepare the set anew",
            )


def _labels(index: SceneIndex, split: str) -> NDArray[np.int64]:
    return np.array(index.splits[split].labels, dtype=np.int64)


def _samples(listing: Listing, root: Path, top: str) -> FileSamples:
    skip = len(top) + 1 if top else 0
    ids = tuple(file[skip:] for file in listing.files or ())
    return FileSamples(ids, np.array(listing.labels, dtype=np.int64), root / top)


def _common_folder(listings: Iterable[Listing]) -> str:
    """Folder that holds all class folders, relative to the root; "" for the root itself."""
    folders = {os.path.dirname(file) for listing in listings for file in listing.files or ()}
    return os.path.commonpath(sorted(folders))
