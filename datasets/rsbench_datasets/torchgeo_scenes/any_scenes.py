"""Any other classification set of torchgeo, named in the matrix."""

from __future__ import annotations

import json
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rsbench.errors import DownloadError, NotPreparedError, TargetError
from rsbench.fetch import offline
from rsbench.settings import Settings
from rsbench.target import Split, SplitName, Target
from rsbench_datasets.files.content import content_hash
from rsbench_datasets.files.file_target import FileTarget, groups_by_rule
from rsbench_datasets.files.pixels import convert, imagery
from rsbench_datasets.torchgeo_scenes.index import SceneIndex, choose_classes, scene_index
from rsbench_datasets.torchgeo_scenes.listing import read_item
from rsbench_datasets.torchgeo_scenes.opening import (
    Request,
    dataset_class,
    make_dataset,
    parameters,
)
from rsbench_datasets.torchgeo_scenes.options import AnySceneOptions
from rsbench_datasets.torchgeo_scenes.samples import Part, check_lists, file_index, parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.target import Progress
    from rsbench_datasets.files.content import Row


class AnyScenes(FileTarget):
    """The kind ``torchgeo_scenes``: a torchgeo data set by the name of its class.

    Where the class tells its image files, they are read at their own depth, as those of a
    declared set are. Otherwise images come through the class itself, and the first opening reads
    all of them, for their labels and their digests.
    """

    Options: ClassVar[type[Settings]] = AnySceneOptions
    description: ClassVar[str] = "any other torchgeo classification set, by its class name"

    @classmethod
    def root(cls, options: AnySceneOptions, folders: Folders) -> Path:
        """The folder that torchgeo is given."""
        if options.root is not None:
            return folders.resolve(options.root)
        return (folders.data / "torchgeo" / options.dataset).absolute()

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Target:
        """Open the set; see :meth:`rsbench.target.Target.open`.

        Returns:
            A target that reads files, or one that reads through torchgeo.

        Raises:
            NotPreparedError: torchgeo does not find the files.
            TargetError: torchgeo has no such data set, or it is no classification set.
        """
        request, splits = _request(options, cls.root(options, folders)), _splits(options)
        if not request.root.is_dir():
            what = f"the files of torchgeo's {request.dataset} are not there"
            raise _not_prepared(what, request, options)
        try:
            listed = scene_index(request, splits, folders, partial(_check, request))
        except NotPreparedError as error:
            raise _not_prepared(error.what, request, options) from error
        listed = choose_classes(listed, options.classes, request.root)
        train, test = parts(name, listed, splits, options)
        if any(listing.files is None for listing in listed.splits.values()):
            return ItemTarget(name, request, listed, (train, test), options)
        index = file_index(listed, train, test, request.root)
        return cls(
            name,
            index,
            groups_by_rule(options.groups, index),
            folders,
            options.disclaimer,
            pixels=options.pixels,
            on_bad_image=options.on_bad_image,
        )

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
        """Let torchgeo download the set and check it; see :meth:`rsbench.target.Target.prepare`.

        torchgeo does not say beforehand how large a set is, and starts anew when it was
        interrupted.

        Raises:
            DownloadError: the network is off.
            NotPreparedError: torchgeo does not download this set.
            TargetError: ``source`` or ``split`` is given, torchgeo has no such set, or the
                download failed.
        """
        del progress
        if source is not None or split is not None:
            raise TargetError(
                "torchgeo prepares this set as a whole",
                remedy="set the option 'root' to the folder with your files",
            )
        request = _request(options, cls.root(options, folders))
        if offline():
            raise DownloadError("the network is off", remedy="unset RSBENCH_OFFLINE")
        dataset_class(request.dataset)  # no folder is made for a name that there is not
        request.root.mkdir(parents=True, exist_ok=True)
        try:
            for each in _splits(options):
                make_dataset(request, each, download=True)
        except NotPreparedError as error:
            raise _not_prepared(error.what, request, options) from error
        cls.open(options.dataset, options, folders)
        return request.root


class ItemTarget(Target):
    """A set whose images only its torchgeo class can read, such as those inside HDF5 files.

    Sample ids are ``<split>/<number>``.
    """

    Options: ClassVar[type[Settings]] = AnySceneOptions

    def __init__(
        self,
        name: str,
        request: Request,
        listed: SceneIndex,
        parts: tuple[Part, Part],
        options: AnySceneOptions,
    ) -> None:
        """Keep the listing.

        Raises:
            TargetError: the listing is inconsistent.
        """
        self._request, self._options = request, options
        self._datasets: dict[str, Any] = {}
        self._parts: dict[SplitName, Part] = {"train": parts[0], "test": parts[1]}
        rows = [list(_rows(split, part, listed)) for split, part in self._parts.items()]
        train, test = (_split(each) for each in rows)
        counts = train.counts(len(listed.class_names)).tolist()
        groups = options.groups.apply(listed.class_names, counts)
        pixels = options.pixels
        super().__init__(
            name,
            class_names=listed.class_names,
            groups=groups,
            train=train,
            test=test,
            content_hash=content_hash(
                listed.class_names, groups, [*rows[0], *rows[1]], pixels.identity()
            ),
            disclaimer=options.disclaimer,
            remarks=parts[0].remarks,
            location=request.root,
            imagery=imagery(pixels),
            on_bad_image=options.on_bad_image,
        )

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Target:
        """As :meth:`AnyScenes.open`, which decides how a set is read."""
        return AnyScenes.open(name, options, folders)

    def read(self, split: SplitName, index: int) -> NDArray[Any]:
        """Read one sample through torchgeo; see :meth:`rsbench.target.Target.read`.

        Raises:
            ImageError: torchgeo cannot read it.
            BandError: the values are not what the option ``pixels`` says.
        """
        part, pixels = self._parts[split], self._options.pixels
        if part.split not in self._datasets:
            self._datasets[part.split] = make_dataset(self._request, part.split)
        position = int(part.indices[index])
        values, _ = read_item(self._request, self._datasets[part.split], position)
        if pixels.full_scale is None and pixels.stretch is None:
            values = _eight_bit(values)
        return convert(values, None, pixels, where=f"{self._request.dataset} {position}")

    def __getstate__(self) -> dict[str, Any]:
        """Without the data sets of torchgeo, which another process opens for itself."""
        return {**self.__dict__, "_datasets": {}}


def _request(options: AnySceneOptions, root: Path) -> Request:
    return Request(options.dataset, root, options.arguments)


def _splits(options: AnySceneOptions) -> tuple[str, ...]:
    """Train and test split as torchgeo calls them, or the single one to divide."""
    train = options.train_split or ""
    return (train,) if options.test_split is None else (train, options.test_split)


def _check(request: Request, listed: SceneIndex) -> None:
    """Refuse a set that lacks images of its lists, where its class says which these are."""
    names = getattr(dataset_class(request.dataset), "split_filenames", None)
    if isinstance(names, dict) and all(listing.files for listing in listed.splits.values()):
        lists = {split: request.root / str(names.get(split)) for split in listed.splits}
        there = {split: path for split, path in lists.items() if path.is_file()}
        check_lists(request.dataset, there, listed)


def _not_prepared(what: str, request: Request, options: AnySceneOptions) -> NotPreparedError:
    """The error for a set that is not there, with the command that fetches it.

    Raises:
        TargetError: torchgeo has no such set.
    """
    elsewhere = "set the option 'root' to the folder that has them"
    if "download" not in parameters(request.dataset):
        return NotPreparedError(
            what,
            where=request.root,
            remedy=f"torchgeo does not download this set: fetch its files by hand and {elsewhere}",
        )
    stated = options.model_dump(mode="json", exclude_defaults=True, exclude={"on_bad_image"})
    settings = [f"--set {shlex.quote(f'{k}={_yaml(v)}')}" for k, v in stated.items()]
    return NotPreparedError(
        what,
        where=request.root,
        remedy=f"let torchgeo download them, or {elsewhere}",
        command=f"rsbench data prepare torchgeo_scenes {' '.join(settings)}",
    )


def _yaml(value: object) -> str:
    """A value as the command line takes it: plain text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _rows(split: SplitName, part: Part, listed: SceneIndex) -> Iterator[Row]:
    listing = listed.splits[part.split]
    digests = listing.digests or listing.files or ()
    for index in part.indices.tolist():
        name = f"{part.split or 'item'}/{index}"
        yield split, name, listing.labels[index], digests[index]


def _split(rows: Sequence[Row]) -> Split:
    labels = np.array([label for _, _, label, _ in rows], dtype=np.int64)
    return Split(tuple(name for _, name, _, _ in rows), labels)


def _eight_bit(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers from 0 to 255, which torchgeo turns into real ones, as they were."""
    if values.size == 0 or not (values.min() >= 0 and values.max() <= np.iinfo(np.uint8).max):
        return values
    eight_bit = values.astype(np.uint8)
    return eight_bit if np.array_equal(eight_bit, values) else values
