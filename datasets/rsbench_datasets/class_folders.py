"""Targets of your own, from trees with one folder of images per class."""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from rsbench.errors import NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench.groups import GroupRule
from rsbench.image_files import IMAGE_SUFFIXES, FoundImages, look_below, passed_over, subfolders
from rsbench_datasets.files.file_target import (
    FileIndex,
    FileSamples,
    FileTarget,
    OwnFileOptions,
    groups_by_rule,
    rename_classes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_log = logging.getLogger("rsbench")


class ClassFoldersOptions(OwnFileOptions):
    """Options of class folders, as a matrix states them."""

    train: Annotated[str, Field(min_length=1)]
    """Folder with one folder of training images per class; relative to the matrix file."""
    test: str | None = None
    """The same for the test images; without it, ``test_fraction`` divides the train folder."""
    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of every class of the train folder that becomes the test split."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that division."""
    classes: tuple[str, ...] = ()
    """Folder names in label order; by default sorted, numbers by value (2 before 10)."""
    groups: GroupRule = GroupRule()
    """How the classes divide into head, medium and tail."""
    class_names: dict[str, str] | tuple[str, ...] = ()
    """New class names: folder name to new name, or all names in label order."""
    disclaimer: str = ""
    """What a reader must know about these numbers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.test is None) == (self.test_fraction is None):
            raise ValueError(
                "give either 'test' (a folder) or 'test_fraction' (a share of the train folder)"
            )
        twice = [name for name, count in Counter(self.classes).items() if count > 1]
        if twice:
            raise ValueError(f"'classes' has folders listed twice: {', '.join(twice)}")
        return self


class ClassFolders(FileTarget):
    """One folder per class, under a train and a test folder, or under a single one.

    Images (:data:`rsbench.image_files.IMAGE_SUFFIXES`) are 8-bit grey or RGB, or what the option
    ``pixels`` says; they may lie in sub-folders of their class. Sample ids are
    ``train/<class>/<file>`` and ``test/<class>/<file>``, or without the first part where one tree
    is divided.
    """

    Options = ClassFoldersOptions
    description: ClassVar[str] = "your own images, in one folder per class"

    @classmethod
    def open(cls, name: str, options: ClassFoldersOptions, folders: Folders) -> ClassFolders:
        """Open the trees; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: a folder does not exist.
            ImageError: images are empty.
            TargetError: the trees disagree about the classes, or a class has no image.
        """
        train_root = folders.resolve(options.train)
        classes = _classes(train_root, options.classes)
        if options.test_fraction is not None:
            samples, left_out = _scan(train_root, classes, prefix="")
            train, test = _divide(samples, classes, options.test_fraction, options.seed, train_root)
            remarks = [left_out]
        else:
            test_root = folders.resolve(str(options.test))  # one of the two is given
            _check_same_classes(test_root, classes)
            train, left_out = _scan(train_root, classes, prefix="train/")
            test, also = _scan(test_root, classes, prefix="test/")
            remarks = [left_out, also]
        index = FileIndex(
            classes, train, test, train_root, tuple(f"{name}: {each}" for each in remarks if each)
        )
        names = rename_classes(classes, options.class_names, train_root)
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


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorting key that puts ``2`` before ``10`` and is case-insensitive."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    key = [(0, int(p), "") if p.isdecimal() else (1, 0, p.casefold()) for p in parts]
    return (*key, (2, 0, name))  # the name itself settles ties such as "a" and "A"


def _classes(root: Path, given: tuple[str, ...]) -> tuple[str, ...]:
    found = _subfolders(root)
    if not found:
        raise TargetError(
            "the folder holds no class folders", where=root, remedy="make one folder per class"
        )
    if not given:
        return tuple(found)
    absent = [name for name in given if name not in found]
    if absent:
        raise TargetError(
            f"the option 'classes' names folders that do not exist: {', '.join(absent)}",
            where=root,
            remedy=f"the folders are: {', '.join(found)}",
        )
    unused = [name for name in found if name not in given]
    if unused:
        _log.warning("%s: left out, not in 'classes': %s", root, ", ".join(unused))
    return given


def _subfolders(root: Path) -> list[str]:
    if not root.is_dir():
        raise NotPreparedError(
            "the folder does not exist",
            where=root,
            remedy="check the options 'train' and 'test'; relative paths start from the matrix "
            "file's folder",
        )
    return sorted(subfolders(root), key=natural_order)


def _check_same_classes(test_root: Path, classes: Sequence[str]) -> None:
    found = _subfolders(test_root)
    absent = [name for name in classes if name not in found]
    extra = [name for name in found if name not in classes]
    if absent:
        raise TargetError(
            f"the test folder lacks the classes: {', '.join(absent)}",
            where=test_root,
            remedy="name the folders alike in train and test, or list the classes to use",
        )
    if extra:
        raise TargetError(
            f"the test folder has classes that train does not use: {', '.join(extra)}",
            where=test_root,
            remedy="add training images of these classes, or take the folders away",
        )


def _scan(root: Path, classes: Sequence[str], prefix: str) -> tuple[FileSamples, str]:
    """The samples, and what was left out of the tree, "" for nothing."""
    ids: list[str] = []
    counts, all_found = [], _in_no_class(root)
    for class_name in classes:
        found = look_below(root / class_name)
        files = sorted(each.relative_to(root).as_posix() for each in found.images)
        ids += (prefix + file for file in sorted(files, key=natural_order))
        counts.append(len(files))
        all_found += found
    left_out = all_found.left_out and f"{root.name}: {all_found.left_out}"
    if left_out:
        _log.warning("%s: %s", root, all_found.left_out)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return FileSamples(tuple(ids), labels, root, prefix), left_out


def _in_no_class(root: Path) -> FoundImages:
    """Images beside the class folders, which are left out."""
    here = (each for each in root.iterdir() if each.suffix.lower() in IMAGE_SUFFIXES)
    stray = sum(each.is_file() and not passed_over(each.name) for each in here)
    return FoundImages(others=Counter({"images in no class folder": stray} if stray else {}))


def _divide(
    samples: FileSamples, classes: Sequence[str], fraction: float, seed: int, root: Path
) -> tuple[FileSamples, FileSamples]:
    """Draw ``fraction`` of every class for the test, at least one image, and leave at least one."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(samples), dtype=np.bool_)
    for label, class_name in enumerate(classes):
        members = np.flatnonzero(samples.labels == label)
        if len(members) < 2:
            raise TargetError(
                f"class {class_name!r} has {len(members)} image(s); dividing it needs two",
                where=root / class_name,
                remedy="add images, or leave the class out with the option 'classes'",
            )
        wanted = round(fraction * len(members))
        count = min(max(wanted, 1), len(members) - 1)
        chosen[members[random.permutation(len(members))[:count]]] = True
    train, test = (samples.choose(np.flatnonzero(part)) for part in (~chosen, chosen))
    return train, test
