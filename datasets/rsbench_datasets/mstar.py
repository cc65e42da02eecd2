"""MSTAR: radar chips of ten military vehicles, from a tree with one folder per class."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rsbench.errors import NotPreparedError, TargetError
from rsbench.groups import GroupRule
from rsbench.image_files import FoundImages, look_below, subfolders
from rsbench.target import KnownCounts
from rsbench_datasets.class_folders import natural_order
from rsbench_datasets.files.file_target import (
    FileIndex,
    FileOptions,
    FileSample,
    FileSamples,
    FileTarget,
    groups_by_rule,
)
from rsbench_datasets.files.links import link_folder
from rsbench_datasets.long_tail import (
    LongTailOptions,
    long_tail,
    long_tail_remarks,
    long_tail_sizes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress, SplitName

CLASSES = ("2S1", "BMP2", "BRDM2", "BTR60", "BTR70", "D7", "T62", "T72", "ZIL131", "ZSU234")
"""In label order; folders may be called by number, 0 to 9, instead."""
TEST_FOLDERS = ("val", "test")

_TRAIN = (299, 233, 298, 256, 233, 299, 299, 232, 299, 299)
_TEST = (274, 195, 274, 195, 196, 274, 273, 196, 274, 274)
_COMMAND = "rsbench data prepare mstar --from FOLDER"
_TREE = (
    "a folder with train/<class>/* (17 degrees depression) and val/<class>/* (15 degrees), the "
    "classes called by name (2S1, BMP2, ...) or by number, the chips as 8-bit grey pictures"
)
_BY_HAND = (
    "register at https://www.sdms.afrl.af.mil/index.php?collection=mstar, fetch the targets and "
    f"convert their chips to {_TREE}; or take such a tree that exists, as that in "
    "classification/caffe/data/mstar of https://github.com/hunterlew/mstar_deeplearning_project"
)
_log = logging.getLogger("rsbench")


class MstarOptions(FileOptions):
    """Options of MSTAR, as a matrix states them."""

    root: str | None = None
    """Folder with the folders train and val (or test); by default ``mstar`` in the data folder."""
    long_tail: LongTailOptions | None = None
    """How to thin the train split, which has nearly equal classes; by default not at all."""
    groups: GroupRule = GroupRule()
    """How the classes divide into head, medium and tail."""


class Mstar(FileTarget):
    """MSTAR in ten classes: trained at 17 degrees depression, tested at 15.

    Chips may lie in folders below their class. Sample ids are ``train/<class>/<file>`` and
    ``test/<class>/<file>`` with the names of :data:`CLASSES`, whatever the folders are called.
    """

    Options: ClassVar[type[MstarOptions]] = MstarOptions
    description: ClassVar[str] = "MSTAR radar chips of vehicles, 10 classes; long tail on request"
    licence: ClassVar[str] = "public release; its owner gives it to registered users"
    homepage: ClassVar[str] = "https://www.sdms.afrl.af.mil/index.php?collection=mstar"

    @classmethod
    def root(cls, options: MstarOptions, folders: Folders) -> Path:
        """The folder that holds train and val."""
        return folders.data / "mstar" if options.root is None else folders.resolve(options.root)

    @classmethod
    def open(cls, name: str, options: MstarOptions, folders: Folders) -> Mstar:
        """Open the chips; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: the folders are not there.
            ImageError: a chip is empty.
            TargetError: a class has no folder or two, or cannot be thinned as asked.
        """
        root = cls.root(options, folders)
        train_folder, test_folder = split_folders(root)
        (train, left_out), (test, also) = _scan(train_folder, "train"), _scan(test_folder, "test")
        remarks = tuple(f"{name}: {each}" for each in (*left_out, *also))
        if options.long_tail is not None:
            available = np.bincount(train.labels, minlength=len(CLASSES)).tolist()
            remarks += long_tail_remarks(name, available, CLASSES, options.long_tail)
            train = train.choose(long_tail(train.labels, CLASSES, options.long_tail))
        index = FileIndex(CLASSES, train, test, root, remarks)
        groups = groups_by_rule(options.groups, index)
        return cls(name, index, groups, folders, "", on_bad_image=options.on_bad_image)

    @classmethod
    def prepare(
        cls,
        options: MstarOptions,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Link the tree in ``source``; see :meth:`rsbench.target.Target.prepare`.

        Raises:
            TargetError: no ``source`` is given, since MSTAR cannot be downloaded by a program,
                or it is no such tree.
        """
        del progress  # links take no time
        root = cls.root(options, folders)
        if split is not None:
            raise TargetError("the tree holds both splits", remedy="leave --split out")
        if source is None:
            raise TargetError(
                "MSTAR has to be fetched by hand: its owner gives it to registered users",
                where=root,
                remedy=_BY_HAND,
                command=_COMMAND,
            )
        given = folders.resolve(source)
        for folder in split_folders(given):
            _scan(folder, "train" if folder.name == "train" else "test")  # refuses another tree
            link_folder(folder.resolve(), root / folder.name)
        return root

    @classmethod
    def known_counts(cls, options: MstarOptions) -> KnownCounts | None:
        """The published counts; see :meth:`rsbench.target.Target.known_counts`.

        Raises:
            TargetError: the classes cannot be thinned as asked.
        """
        train: tuple[int, ...] = _TRAIN
        source = "the published 10-class set (17 and 15 degrees depression)"
        if options.long_tail is not None:
            train = long_tail_sizes(_TRAIN, CLASSES, options.long_tail)
            source += ", train thinned as asked"
        return KnownCounts(
            source=source,
            train=dict(zip(CLASSES, train, strict=True)),
            test=dict(zip(CLASSES, _TEST, strict=True)),
            totals={"train": sum(train), "test": sum(_TEST)},
        )


def split_folders(root: Path) -> tuple[Path, Path]:
    """The folders of train and test.

    Raises:
        NotPreparedError: one of them is not there.
        TargetError: there are two for the test.
    """
    tests = [root / name for name in TEST_FOLDERS if (root / name).is_dir()]
    if not ((root / "train").is_dir() and tests):
        raise NotPreparedError(
            f"the folders train and {' or '.join(TEST_FOLDERS)} are not there",
            where=root,
            remedy=f"it needs {_TREE}",
            command=_COMMAND,
        )
    if len(tests) > 1:
        raise TargetError(
            f"which folder is the test? There are {' and '.join(TEST_FOLDERS)}",
            where=root,
            remedy="leave one of them",
        )
    return root / "train", tests[0]


def _class_folders(root: Path) -> list[Path]:
    """The folder of every class, in label order."""
    keys = {str(label): label for label in range(len(CLASSES))}
    keys |= {_key(name): label for label, name in enumerate(CLASSES)}
    found: dict[int, Path] = {}
    others = []
    for folder in sorted(root / name for name in subfolders(root)):
        label = keys.get(_key(folder.name))
        if label is None:
            others.append(folder.name)
        elif label in found:
            raise TargetError(
                f"class {CLASSES[label]} has two folders: {found[label].name} and {folder.name}",
                where=root,
                remedy="leave one of them",
            )
        else:
            found[label] = folder
    absent = [name for label, name in enumerate(CLASSES) if label not in found]
    if absent:
        raise TargetError(
            f"classes without a folder: {', '.join(absent)}"
            + (f"; other folders: {', '.join(others)}" if others else ""),
            where=root,
            remedy=f"call the folders {', '.join(CLASSES)}, or 0 to {len(CLASSES) - 1} in that "
            "order",
        )
    if others:
        _log.warning("%s: left out, no class of MSTAR: %s", root, ", ".join(others))
    return [found[label] for label in range(len(CLASSES))]


def _key(name: str) -> str:
    """``name`` without case and punctuation: ``ZSU-23/4`` is ``zsu_23_4`` is ``ZSU234``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _scan(root: Path, split: SplitName) -> tuple[FileSamples, tuple[str, ...]]:
    """The samples, and a remark about what was left out."""
    samples, all_found = [], FoundImages()
    for label, (name, folder) in enumerate(zip(CLASSES, _class_folders(root), strict=True)):
        found = look_below(folder)
        all_found += found
        inside = [each.relative_to(folder).as_posix() for each in found.images]
        samples += [
            FileSample(f"{split}/{name}/{file}", folder / file, label)
            for file in sorted(inside, key=natural_order)
        ]
    left_out = (f"{root.name}: {all_found.left_out}",) if all_found.left_out else ()
    return FileSamples.gather(samples), left_out
