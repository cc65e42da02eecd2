"""DOTA as a target: one crop per annotated object (paper, section 4.1)."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rsbench.errors import DownloadError, ImageError, NotPreparedError, TargetError
from rsbench.groups import GROUP_NAMES
from rsbench.target import KnownCounts, OnBadImage, Split, SplitName, Target
from rsbench_datasets.dota.crops import Crops, load_crops
from rsbench_datasets.dota.download import download
from rsbench_datasets.dota.layout import is_prepared
from rsbench_datasets.dota.options import CropOptions, Dota15Options, Dota20Options, DotaOptions
from rsbench_datasets.dota.source import link_source
from rsbench_datasets.dota.versions import SPLITS, DotaSplit, DotaVersion
from rsbench_datasets.files import scenes
from rsbench_datasets.files.content import Row, content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.groups import ClassGroups
    from rsbench.target import Progress

_log = logging.getLogger("rsbench")


class Dota(Target):
    """Object crops of DOTA-v1.0: trained on its train split, tested on its val split.

    A crop is the upright pixel rectangle around an object's four corners, clipped to the
    scene, without margin. Objects outside their scene, or without area, are left out. No crop
    is written to disk: the image store cuts them from the scenes.
    """

    Options: ClassVar[type[CropOptions]] = DotaOptions
    description: ClassVar[str] = "DOTA-v1.0 object crops, 15 classes, long-tailed"
    licence: ClassVar[str] = "academic use only, no commercial use"
    homepage: ClassVar[str] = "https://captain-whu.github.io/DOTA"
    download_size: ClassVar[str] = "13.5 GB"
    remedy: ClassVar[str] = (
        "download it, or link files you have with '--from FOLDER --split train' (and val)"
    )
    """What to do when the files are not there."""
    command: ClassVar[str] = "rsbench data prepare dota"
    """The command that does it."""
    disclaimer_text: ClassVar[str] = ""

    def __init__(
        self,
        name: str,
        root: Path,
        train: Crops,
        test: Crops,
        class_names: tuple[str, ...],
        groups: ClassGroups,
        on_bad_image: OnBadImage = "error",
    ) -> None:
        """Keep the crops of both splits, labelled by ``class_names``."""
        self._root = root
        self._crops: dict[SplitName, Crops] = {"train": train, "test": test}
        super().__init__(
            name,
            class_names=class_names,
            groups=groups,
            train=Split(train.ids, train.labels),
            test=Split(test.ids, test.labels),
            content_hash=content_hash(class_names, groups, _rows(self._crops)),
            disclaimer=self.disclaimer_text,
            remarks=tuple(_empty_groups(name, groups)),
            location=root,
            on_bad_image=on_bad_image,
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
        root, version = cls.root(options, folders), options.version
        try:
            train, val = (load_crops(root, split, version, folders) for split in SPLITS)
        except NotPreparedError as error:
            raise NotPreparedError(
                error.what, where=error.where, remedy=cls.remedy, command=cls.command
            ) from error
        class_names = options.chosen_classes()
        groups = version.class_groups(class_names, train.labels)
        chosen, tested = (_select(crops, class_names, options) for crops in (train, val))
        _check_classes(root, chosen, tested, class_names)
        return cls(name, root, chosen, tested, class_names, groups, options.on_bad_image)

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

        See :meth:`rsbench.target.Target.prepare`. Chosen classes without an object in a
        prepared split are named in a warning.

        Raises:
            TargetError: ``source`` is no DOTA folder.
            DownloadError: the download failed.
        """
        root, version = cls.root(options, folders), options.version
        if source is not None:
            link_source(folders.resolve(source), root, version, split, progress)
        else:
            _download(root, [each for each in SPLITS if split in (None, each)], version, progress)
        for each in [each for each in SPLITS if is_prepared(root, each, version)]:
            _index(root, each, options, folders, progress)
        return root

    @classmethod
    def known_counts(cls, options: CropOptions) -> KnownCounts | None:
        """The published counts of the version; see :meth:`rsbench.target.Target.known_counts`.

        They count difficult objects too: without those, nothing is known. For a subset of the
        classes, only counts per class are.
        """
        known = options.version.known
        if known is None or options.difficult == "exclude":
            return None
        if options.classes is None:
            return known
        if known.train is None or known.test is None:
            return None
        train, test = (
            {name: counts[name] for name in options.chosen_classes()}
            for counts in (known.train, known.test)
        )
        return KnownCounts(known.source, train=train, test=test)

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


class Dota15(Dota):
    """Object crops of DOTA-v1.5: the scenes of version 1.0, with container cranes."""

    Options: ClassVar[type[CropOptions]] = Dota15Options
    description: ClassVar[str] = "DOTA-v1.5 object crops, 16 classes, with very small objects"
    command: ClassVar[str] = "rsbench data prepare dota15"


class Dota20(Dota):
    """Object crops of DOTA-v2.0: more scenes, with airports and helipads."""

    Options: ClassVar[type[CropOptions]] = Dota20Options
    description: ClassVar[str] = "DOTA-v2.0 object crops, 18 classes, more scenes"
    download_size: ClassVar[str] = "22 GB"
    command: ClassVar[str] = "rsbench data prepare dota20"


def _empty_groups(name: str, groups: ClassGroups) -> list[str]:
    """That a subset of the classes left a group empty: its accuracy is no number."""
    return [
        f"{name}: no class of the {group} group is among the chosen ones"
        for group in GROUP_NAMES
        if not groups.of(group)
    ]


def _download(
    root: Path, splits: list[DotaSplit], version: DotaVersion, progress: Progress | None
) -> None:
    """Download ``splits``; an error tells the other way to get them, too."""
    try:
        for split in splits:
            download(root, split, version, progress)
    except DownloadError as error:
        raise DownloadError(
            error.what,
            where=error.where,
            remedy=f"{error.remedy}; or fetch {version.name} from {Dota.homepage} and link it with "
            "'--from FOLDER --split train', and again with val",
            command=error.command,
        ) from error


def _index(
    root: Path,
    split: DotaSplit,
    options: CropOptions,
    folders: Folders,
    progress: Progress | None,
) -> None:
    """Make the manifest of a split, and name the classes that it lacks.

    For train, whose classes must all have objects, the warning tells the option to set.
    """
    crops = load_crops(root, split, options.version, folders, progress)
    wanted = options.chosen_classes()
    absent = _absent(_select(crops, wanted, options).labels, wanted)
    if not absent:
        return
    remedy = f"; {_remedy(wanted, absent)}" if split == "train" else ""
    _log.warning("%s: no object in %s of: %s%s", root, split, ", ".join(absent), remedy)


def _remedy(class_names: Sequence[str], absent: Sequence[str]) -> str:
    """What to do about classes that are absent from train, with the option as a matrix takes it."""
    present = ", ".join(name for name in class_names if name not in absent)
    whole = "prepare the whole train split"
    return f"{whole}, or set the option  classes: [{present}]" if present else whole


def _select(crops: Crops, class_names: tuple[str, ...], options: CropOptions) -> Crops:
    relabel = np.array(
        [
            class_names.index(name) if name in class_names else -1
            for name in options.version.classes
        ],
        dtype=np.int64,
    )
    labels = relabel[crops.labels]
    chosen = labels >= 0
    if options.difficult == "exclude":
        chosen &= ~crops.difficult
    return crops.select(chosen, labels)


def _absent(labels: NDArray[np.int64], class_names: Sequence[str]) -> list[str]:
    counts = np.bincount(labels, minlength=len(class_names))
    return [name for name, count in zip(class_names, counts, strict=True) if count == 0]


def _check_classes(root: Path, train: Crops, test: Crops, class_names: tuple[str, ...]) -> None:
    absent = _absent(train.labels, class_names)
    if absent:
        raise TargetError(
            f"classes without a training object: {', '.join(absent)}",
            where=root,
            remedy=_remedy(class_names, absent),
        )
    untested = _absent(test.labels, class_names)
    if untested and len(test):
        _log.warning("%s: classes without a test object: %s", root, ", ".join(untested))


def _rows(crops: dict[SplitName, Crops]) -> Iterator[Row]:
    for split, each in crops.items():
        for name, label, scene in zip(each.ids, each.labels.tolist(), each.scenes, strict=True):
            yield split, name, label, each.digests[scene]
