"""CIFAR100-LT: CIFAR-100 thinned to a long tail as the paper's code does (section 4.4)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from rsbench.errors import NotPreparedError, TargetError
from rsbench.fetch import unpack
from rsbench.groups import ClassGroups, by_thresholds
from rsbench.settings import Settings
from rsbench.target import KnownCounts, Split, Target
from rsbench_datasets.cifar100_lt.release import (
    CLASSES,
    FILES,
    FOLDER,
    NUMBER_OF_CLASSES,
    CifarImages,
    archive,
    read_release,
)
from rsbench_datasets.files.archives import fetch_and_unpack
from rsbench_datasets.files.content import content_hash
from rsbench_datasets.files.links import link_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.target import Progress, SplitName

ImbalanceRatio = Literal[10, 50, 100]

#: The factors as the released code writes them: 1 / 50 would do, were sizes not cut to whole
#: numbers.
_FACTORS: dict[ImbalanceRatio, float] = {10: 0.1, 50: 0.02, 100: 0.01}
_SEED = 0
_LARGEST = 500
"""Training images per class of CIFAR-100."""
_REMEDY = (
    "download it, or use what you have with '--from PATH' (cifar-100-python.tar.gz, or a folder "
    f"that holds the folder {FOLDER})"
)
_COMMAND = "rsbench data prepare cifar100_lt"


class Cifar100LtOptions(Settings):
    """Options of CIFAR100-LT, as a matrix states them."""

    root: str | None = None
    """Folder that holds the folder cifar-100-python; by default ``cifar100`` in the data folder."""
    imbalance_ratio: ImbalanceRatio = 100
    """Training images of the first class divided by those of the last."""


class Cifar100Lt(Target):
    """CIFAR-100 with training classes of 500 down to 50, 10 or 5 images; all test images.

    Class sizes fall in label order, and the images that stay are those that the paper's code
    draws. The groups are those of ratio 100 whatever the ratio. Images have 32 x 32 pixels.
    """

    Options: ClassVar[type[Cifar100LtOptions]] = Cifar100LtOptions
    description: ClassVar[str] = "CIFAR100-LT, 100 classes, imbalance ratio 10, 50 or 100"
    licence: ClassVar[str] = "not stated; cite Krizhevsky (2009)"
    homepage: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar.html"
    download_size: ClassVar[str] = "169 MB"

    def __init__(
        self,
        name: str,
        root: Path,
        class_names: tuple[str, ...],
        train: tuple[NDArray[np.int64], CifarImages],
        test: tuple[NDArray[np.int64], CifarImages],
    ) -> None:
        """Keep the images in memory (3 kB each).

        Args:
            name: label in tables.
            root: folder for messages.
            class_names: names in label order.
            train: rows in the file of the images that stay, and those images.
            test: the same for the test.
        """
        self._images: dict[SplitName, CifarImages] = {"train": train[1], "test": test[1]}
        splits: dict[SplitName, Split] = {
            "train": _split("train", class_names, *train),
            "test": _split("test", class_names, *test),
        }
        digests = {
            split: [hashlib.sha256(row.tobytes()).hexdigest() for row in images.pixels]
            for split, images in self._images.items()
        }
        rows = (
            (split, *row)
            for split, each in splits.items()
            for row in zip(each.ids, each.labels.tolist(), digests[split], strict=True)
        )
        groups = cifar_groups()
        super().__init__(
            name,
            class_names=class_names,
            groups=groups,
            train=splits["train"],
            test=splits["test"],
            content_hash=content_hash(class_names, groups, rows),
            location=root,
        )

    @classmethod
    def root(cls, options: Cifar100LtOptions, folders: Folders) -> Path:
        """The folder that holds ``cifar-100-python``."""
        return folders.data / "cifar100" if options.root is None else folders.resolve(options.root)

    @classmethod
    def open(cls, name: str, options: Cifar100LtOptions, folders: Folders) -> Cifar100Lt:
        """Open both files; see :meth:`rsbench.target.Target.open`.

        CIFAR-100 keeps index and pixels in one file, so that opening reads both.

        Raises:
            NotPreparedError: a file is not there.
            TargetError: a file is damaged, or a class is left without a training image.
        """
        root = cls.root(options, folders)
        try:
            names, train, test = read_release(root)
        except NotPreparedError as error:
            raise NotPreparedError(
                error.what, where=error.where, remedy=_REMEDY, command=_COMMAND
            ) from error
        rows = long_tail_rows(train.labels, options.imbalance_ratio)
        every = np.arange(len(test.labels), dtype=np.int64)
        return cls(name, root, names, (rows, train.choose(rows)), (every, test))

    @classmethod
    def prepare(
        cls,
        options: Cifar100LtOptions,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Download CIFAR-100, or use ``source``; see :meth:`rsbench.target.Target.prepare`.

        Raises:
            TargetError: ``source`` is not CIFAR-100, or ``split`` is given.
            DownloadError: the archive cannot be had or is not the right one.
        """
        root = cls.root(options, folders)
        if split is not None:
            raise TargetError("CIFAR-100 comes with both splits", remedy="leave --split out")
        if source is not None:
            _take(folders.resolve(source), root, progress)
        elif not _is_there(root / FOLDER):
            fetch_and_unpack(archive(), root, progress)
        cls.open("cifar100_lt", options, folders)
        return root

    @classmethod
    def known_counts(cls, options: Cifar100LtOptions) -> KnownCounts:
        """What the rule gives; see :meth:`rsbench.target.Target.known_counts`."""
        sizes = long_tail_sizes(_LARGEST, options.imbalance_ratio)
        return KnownCounts(
            source="computed: 500 training and 100 test images a class, thinned by the rule",
            train=dict(zip(CLASSES, sizes, strict=True)),
            test=dict.fromkeys(CLASSES, 100),
            totals={"train": sum(sizes), "test": 100 * NUMBER_OF_CLASSES},
        )

    def read(self, split: SplitName, index: int) -> NDArray[np.uint8]:
        """One sample: uint8, shape (32, 32, 3); see :meth:`rsbench.target.Target.read`."""
        image: NDArray[np.uint8] = self._images[split].pixels[index]
        return image


def long_tail_sizes(largest: float, imbalance_ratio: ImbalanceRatio) -> tuple[int, ...]:
    """Training images per class: ``int(largest * factor ** (c / 99))`` for class ``c``."""
    factor = _FACTORS[imbalance_ratio]
    last = NUMBER_OF_CLASSES - 1.0
    return tuple(int(largest * factor ** (c / last)) for c in range(NUMBER_OF_CLASSES))


def long_tail_rows(labels: NDArray[np.int64], imbalance_ratio: ImbalanceRatio) -> NDArray[np.int64]:
    """The training images that stay, drawn as the paper's code draws them.

    That is numpy's legacy generator, seeded with 0 once: class after class, the rows of the
    class are shuffled and the first of them stay.

    Args:
        labels: label per training image, int64, shape (images,).
        imbalance_ratio: images of the first class divided by those of the last.

    Returns:
        Rows in ascending order, int64.
    """
    random = np.random.RandomState(_SEED)
    sizes = long_tail_sizes(len(labels) / NUMBER_OF_CLASSES, imbalance_ratio)
    kept = []
    for label, size in enumerate(sizes):
        members = np.flatnonzero(labels == label)
        random.shuffle(members)
        kept.append(members[:size])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def cifar_groups() -> ClassGroups:
    """Head, medium and tail by the class sizes of ratio 100: 35, 35 and 30 classes."""
    return by_thresholds(long_tail_sizes(_LARGEST, 100))


def _split(
    split: SplitName, class_names: tuple[str, ...], rows: NDArray[np.int64], images: CifarImages
) -> Split:
    pairs = zip(rows.tolist(), images.labels.tolist(), strict=True)
    return Split(
        tuple(f"{split}/{class_names[label]}/{row:05d}" for row, label in pairs), images.labels
    )


def _is_there(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _take(source: Path, root: Path, progress: Progress | None) -> None:
    if source.is_file():
        unpack(source, root, progress)
        return
    found = [each for each in (source / FOLDER, source) if _is_there(each)]
    if not found:
        raise TargetError(
            f"the files {', '.join(FILES)} are not there, nor in {FOLDER}",
            where=source,
            remedy="give the archive, or the folder that it was unpacked in",
        )
    link_folder(found[0].resolve(), root / FOLDER)
