"""DOTA-v1.0 as a target: one crop per annotated object (paper, section 4.1)."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from rsbench.errors import ImageError, TargetError
from rsbench.groups import ClassGroups, by_names
from rsbench.settings import Settings
from rsbench.target import Split, SplitName, Target
from rsbench_datasets import scenes
from rsbench_datasets.content import Row, content_hash, leak_remarks
from rsbench_datasets.dota_annotations import CLASSES, HEAD, MEDIUM, TAIL
from rsbench_datasets.dota_crops import Crops, load_crops
from rsbench_datasets.dota_layout import SPLITS, download, is_prepared, link_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.target import Progress

_log = logging.getLogger("rsbench")


class CropOptions(Settings):
    """Which objects count, whether from DOTA or from the demo world."""

    difficult: Literal["include", "exclude"] = "include"
    """Whether objects that the annotators marked as difficult count."""
    classes: tuple[str, ...] | None = None
    """A subset of the classes; labels follow DOTA's order whatever the order here."""

    @field_validator("classes")
    @classmethod
    def _known(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        unknown = [name for name in classes or () if name not in CLASSES]
        if unknown:
            raise ValueError(
                f"no classes of DOTA-v1.0: {', '.join(unknown)}; they are: {', '.join(CLASSES)}"
            )
        if classes is not None and len(set(classes)) != len(classes):
            raise ValueError("a class is listed twice")
        if classes is not None and not classes:
            raise ValueError("the list is empty; leave it out for all classes")
        return classes


class DotaOptions(CropOptions):
    """Options of DOTA, as a matrix states them."""

    root: str | None = None
    """Prepared folder; by default ``dota`` in the data folder."""


class Dota(Target):
    """Object crops of DOTA-v1.0: trained on its train split, tested on its val split.

    A crop is the upright pixel rectangle around an object's four corners, clipped to the
    scene, without margin. Objects outside their scene, or without area, are left out. No crop
    is written to disk: the image store cuts them from the scenes.
    """

    Options: ClassVar[type[CropOptions]] = DotaOptions
    description: ClassVar[str] = "DOTA-v1.0 object crops, 15 classes, long-tailed"
    remedy: ClassVar[str] = (
        "run 'rsbench data prepare dota' to download it, or with '--from FOLDER --split train' "
        "(and val) for files you have"
    )
    """What to do when the files are not there."""
    disclaimer_text: ClassVar[str] = ""

    def __init__(
        self, name: str, root: Path, train: Crops, test: Crops, class_names: tuple[str, ...]
    ) -> None:
        """Keep the crops of both splits, labelled by ``class_names``."""
        self._root = root
        self._crops: dict[SplitName, Crops] = {"train": train, "test": test}
        groups = groups_of(class_names)
        super().__init__(
            name,
            class_names=class_names,
            groups=groups,
            train=Split(train.ids, train.labels),
            test=Split(test.ids, test.labels),
            content_hash=content_hash(class_names, groups, _rows(self._crops)),
            disclaimer=self.disclaimer_text,
            remarks=leak_remarks(name, _pixels(train), _pixels(test)),
            location=root,
        )

    @classmethod
    def root(cls, options: Any, folders: Folders) -> Path:
        """The prepared folder that ``options`` point to."""
        given: str | None = options.root
        return folders.data / "dota" if given is None else folders.resolve(given)

    @classmethod
    def open(cls, name: str, options: CropOptions, folders: Folders) -> Dota:
        """Open both splits; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: a split is not there.
            ImageError: a scene is missing.
            TargetError: an annotation is wrong, or a class has no training object.
        """
        root = cls.root(options, folders)
        train, val = (load_crops(root, split, folders, remedy=cls.remedy) for split in SPLITS)
        class_names: tuple[str, ...] = CLASSES
        if options.classes is not None:
            class_names = tuple(name for name in CLASSES if name in options.classes)
        train, test = (_select(crops, class_names, options.difficult) for crops in (train, val))
        _check_classes(root, train, test, class_names)
        return cls(name, root, train, test, class_names)

    @classmethod
    def prepare(
        cls,
        options: Any,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Link the files in ``source``, or download them; then make the crop manifests.

        See :meth:`rsbench.target.Target.prepare`. Classes without an object in a prepared
        split are named in a warning.

        Raises:
            TargetError: ``source`` is no DOTA folder, or the download failed.
        """
        root = cls.root(options, folders)
        if source is not None:
            link_source(folders.resolve(source), root, split, progress)
        else:
            for each in [each for each in SPLITS if split in (None, each)]:
                download(root, each)
        for each in [each for each in SPLITS if is_prepared(root, each)]:
            crops = load_crops(root, each, folders, remedy=cls.remedy, progress=progress)
            absent = _absent(crops.labels, CLASSES)
            if absent:
                _log.warning("%s: no object in %s of: %s", root, each, ", ".join(absent))
        return root

    def read(self, split: SplitName, index: int) -> NDArray[np.uint8]:
        """Decode one crop; PNG has no random access, so that :meth:`read_many` is far quicker.

        See :meth:`rsbench.target.Target.read`.
        """
        crops = self._crops[split]
        return scenes.read_window(self._root / crops.scenes[index], crops.box(index))

    def read_many(
        self, split: SplitName, indices: Sequence[int]
    ) -> Iterator[NDArray[np.uint8] | ImageError]:
        """The crops in order; each scene is opened once."""
        crops = self._crops[split]
        for scene, grouped in groupby(indices, key=crops.scenes.__getitem__):
            members = list(grouped)
            try:
                pixels = scenes.read_scene(self._root / scene)
            except ImageError as error:
                yield from [error] * len(members)
                continue
            for index in members:
                yield scenes.crop(pixels, crops.box(index))


def groups_of(class_names: Sequence[str]) -> ClassGroups:
    """The paper's groups (section 4.1), restricted to ``class_names``."""
    head, medium, tail = (
        [name for name in names if name in class_names] for names in (HEAD, MEDIUM, TAIL)
    )
    return by_names(class_names, head, medium, tail)


def _select(crops: Crops, class_names: tuple[str, ...], difficult: str) -> Crops:
    relabel = np.array(
        [class_names.index(name) if name in class_names else -1 for name in CLASSES], dtype=np.int64
    )
    labels = relabel[crops.labels]
    chosen = labels >= 0
    if difficult == "exclude":
        chosen &= ~crops.difficult
    return crops.select(chosen, labels)


def _absent(labels: NDArray[np.int64], class_names: Sequence[str]) -> list[str]:
    counts = np.bincount(labels, minlength=len(class_names))
    return [name for name, count in zip(class_names, counts, strict=True) if count == 0]


def _check_classes(root: Path, train: Crops, test: Crops, class_names: tuple[str, ...]) -> None:
    absent = _absent(train.labels, class_names)
    if absent:
        present = ", ".join(name for name in class_names if name not in absent)
        raise TargetError(
            f"classes without a training object: {', '.join(absent)}",
            where=root,
            remedy="prepare the whole train split, or name the classes to use in the option "
            f"'classes': [{present}]",
        )
    untested = _absent(test.labels, class_names)
    if untested and len(test):
        _log.warning("%s: classes without a test object: %s", root, ", ".join(untested))


def _pixels(crops: Crops) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Equal for equal pixels: digest of the scene, and the box in it."""
    for index, scene in enumerate(crops.scenes):
        yield crops.digests[scene], crops.box(index)


def _rows(crops: dict[SplitName, Crops]) -> Iterator[Row]:
    for split, each in crops.items():
        for name, label, scene in zip(each.ids, each.labels.tolist(), each.scenes, strict=True):
            yield split, name, label, each.digests[scene]
