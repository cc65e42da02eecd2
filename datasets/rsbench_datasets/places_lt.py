"""Places-LT: a long-tailed part of Places365, by its released lists (paper, section 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rsbench.errors import NotPreparedError, TargetError
from rsbench.fetch import RemoteFile, fetch, unpack
from rsbench.groups import by_thresholds
from rsbench.target import KnownCounts
from rsbench_datasets.files.file_target import FileIndex, FileOptions, FileTarget
from rsbench_datasets.files.links import link_file, link_folder
from rsbench_datasets.files.path_lists import (
    ListedPath,
    listed_samples,
    read_lines,
    read_path_list,
    repeat_remarks,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress

LISTS = ("Places_LT_train.txt", "Places_LT_test.txt")
NAMES = "classnames.txt"
INDEX_FOLDERS = (".", "datasets/Places_LT", "Places_LT", "Places_LT_v2")
"""Where the lists may lie, relative to the root."""
IMAGE_FOLDERS = (
    ".",
    "data/places_lt",
    "images",
    "places_lt/images",
    "places_lt",
    "places365_standard",
)
"""Where the paths in the lists may start from."""
LISTS_URL = (
    "https://raw.githubusercontent.com/shijxcs/LIFT/"
    "ce15c600488bcbd9f801bb28157c40b373aa410b/datasets/Places_LT"
)

_TRIED = 20  # files that are looked for to find the image folder
_COMMAND = "rsbench data prepare places_lt --from FOLDER"
_BY_HAND = (
    "accept the terms on http://places2.csail.mit.edu/download.html, fetch the small images of "
    "Places365-Standard with easy directory structure (places365standard_easyformat.tar), unpack "
    "it, and name its folder, which has train/<class>/*.jpg and val/<class>/*.jpg. The lists are "
    f"downloaded; without network, put {', '.join((*LISTS, NAMES))} from {LISTS_URL} there too"
)


class PlacesLtOptions(FileOptions):
    """Options of Places-LT, as a matrix states them."""

    root: str | None = None
    """Folder with lists and images; by default ``places_lt`` in the data folder."""


class PlacesLt(FileTarget):
    """Places-LT: 365 classes of scenes, with 4,980 down to 5 training images.

    ``Places_LT_train.txt`` and ``Places_LT_test.txt`` have lines ``relative_path label``;
    ``classnames.txt`` has lines ``folder name``, in label order. Head classes have more than
    100 training images, tail classes fewer than 20.
    """

    Options: ClassVar[type[PlacesLtOptions]] = PlacesLtOptions
    description: ClassVar[str] = "Places-LT scenes, 365 classes, imbalance 996"
    licence: ClassVar[str] = "non-commercial research and education; not to be passed on"
    homepage: ClassVar[str] = "http://places2.csail.mit.edu"

    @classmethod
    def root(cls, options: PlacesLtOptions, folders: Folders) -> Path:
        """The folder that holds lists and images."""
        if options.root is None:
            return folders.data / "places_lt"
        return folders.resolve(options.root)

    @classmethod
    def open(cls, name: str, options: PlacesLtOptions, folders: Folders) -> PlacesLt:
        """Open the images that the lists name; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: the lists or the images are not there.
            ImageError: listed images are missing or empty.
            TargetError: a line of a list is wrong; the message names file and line.
        """
        root = cls.root(options, folders)
        folder = _index_folder(root)
        class_names = _class_names(folder / NAMES)
        files = [folder / file for file in LISTS]
        lists = [read_path_list(file, len(class_names)) for file in files]
        base = _image_folder(root, lists[0])
        train, test = (
            listed_samples(entries, base, file) for entries, file in zip(lists, files, strict=True)
        )
        remarks = [
            remark
            for entries, file in zip(lists, files, strict=True)
            for remark in repeat_remarks(entries, file, "keep")
        ]
        labels = np.array([entry.label for entry in lists[0]], dtype=np.int64)
        groups = by_thresholds(np.bincount(labels, minlength=len(class_names)).tolist())
        index = FileIndex(class_names, train, test, root, tuple(remarks))
        return cls(name, index, groups, folders, "", on_bad_image=options.on_bad_image)

    @classmethod
    def prepare(
        cls,
        options: PlacesLtOptions,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Use the images in ``source`` and fetch the lists where they are missing.

        See :meth:`rsbench.target.Target.prepare`.

        Raises:
            TargetError: there are no images and no ``source``: the terms of Places forbid
                passing the images on, so that they have to be fetched by hand; or ``source``
                holds neither images nor lists.
            DownloadError: the lists cannot be had.
        """
        root = cls.root(options, folders)
        if split is not None:
            raise TargetError("Places-LT comes with both splits", remedy="leave --split out")
        if source is not None:
            _take(folders.resolve(source), root, progress)
        if not any(_has_images(root / name) for name in IMAGE_FOLDERS):
            raise TargetError(
                "the images of Places have to be fetched by hand: each user accepts their terms, "
                "which forbid passing them on",
                where=root,
                remedy=_BY_HAND,
                command=_COMMAND,
            )
        if not any(_has_lists(root / name) for name in INDEX_FOLDERS):
            for name in (*LISTS, NAMES):
                fetch(RemoteFile(name, f"{LISTS_URL}/{name}"), root, progress)
        folder = _index_folder(root)
        classes = len(_class_names(folder / NAMES))
        _image_folder(root, read_path_list(folder / LISTS[0], classes))
        return root

    @classmethod
    def known_counts(cls, options: PlacesLtOptions) -> KnownCounts:
        """The totals; see :meth:`rsbench.target.Target.known_counts`."""
        del options
        return KnownCounts(
            source="the lists that the paper's code uses (4,980 to 5 training images a class, "
            "100 test images each)",
            totals={"train": 62_500, "test": 36_500},
        )


def _has_lists(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (*LISTS, NAMES))


def _has_images(folder: Path) -> bool:
    return all((folder / split).is_dir() for split in ("train", "val"))


def _index_folder(root: Path) -> Path:
    """The folder of the lists.

    Raises:
        NotPreparedError: there is none.
    """
    for name in INDEX_FOLDERS:
        if _has_lists(root / name):
            return root / name
    raise NotPreparedError(
        f"the lists {', '.join((*LISTS, NAMES))} are not there; looked for in: "
        f"{', '.join(INDEX_FOLDERS)}",
        where=root,
        remedy=_BY_HAND,
        command=_COMMAND,
    )


def _image_folder(root: Path, entries: list[ListedPath]) -> Path:
    """The folder that the paths in the lists start from.

    Raises:
        NotPreparedError: none of them leads to a file.
    """
    for entry in entries[:_TRIED]:
        for name in IMAGE_FOLDERS:
            if (root / name / entry.path).is_file():
                return root / name
    sought = entries[0].path if entries else "train/<class>/*.jpg"
    raise NotPreparedError(
        f"the images are not there; looked for {sought} in: {', '.join(IMAGE_FOLDERS)}",
        where=root,
        remedy=_BY_HAND,
        command=_COMMAND,
    )


def _class_names(file: Path) -> tuple[str, ...]:
    """Names in label order; a line holds the folder of the class and its name."""
    names = []
    for number, line in read_lines(file):
        _, separator, name = line.partition(" ")
        if not separator:
            raise TargetError(
                f"not a folder and a name: {line[:80]!r}",
                where=f"{file}:{number}",
                remedy="a line reads: folder name",
            )
        names.append(name.strip())
    return tuple(names)


def _take(source: Path, root: Path, progress: Progress | None) -> None:
    """Link or unpack images and lists, as far as ``source`` holds them."""
    if source.is_file():
        unpack(source, root, progress)
        return
    images = [source / name for name in IMAGE_FOLDERS if _has_images(source / name)]
    lists = [source / name for name in INDEX_FOLDERS if _has_lists(source / name)]
    if not (images or lists):
        raise TargetError(
            f"there are neither images (train and val) nor lists ({', '.join((*LISTS, NAMES))}); "
            f"looked in: {', '.join(dict.fromkeys((*IMAGE_FOLDERS, *INDEX_FOLDERS)))}",
            where=source,
            remedy=_BY_HAND,
        )
    for split in ("train", "val") if images else ():
        link_folder((images[0] / split).resolve(), root / split)
    for name in (*LISTS, NAMES) if lists else ():
        link_file((lists[0] / name).resolve(), root / name)
