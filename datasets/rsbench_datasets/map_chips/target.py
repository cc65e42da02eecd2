"""Chips from maps as a target."""

from __future__ import annotations

import hashlib
import json
import logging
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rsbench.errors import ImageError, TargetError
from rsbench.file_reader import FileReader
from rsbench.target import Split, SplitName, Target
from rsbench_datasets.files.content import content_hash
from rsbench_datasets.files.digests import FileDigests
from rsbench_datasets.files.file_target import rename_classes
from rsbench_datasets.files.pixels import imagery
from rsbench_datasets.map_chips.chips import Chips, make_chips
from rsbench_datasets.map_chips.grid import chip_grid
from rsbench_datasets.map_chips.headers import Scene, find_scenes, read_headers
from rsbench_datasets.map_chips.labels import label_files, read_places
from rsbench_datasets.map_chips.manifest import manifest_file, read_manifest, write_manifest
from rsbench_datasets.map_chips.options import MapChipsOptions
from rsbench_datasets.map_chips.reading import Window, read_chips
from rsbench_datasets.map_chips.steps import READING, chip_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench_datasets.files.content import Row

_log = logging.getLogger("rsbench")
_SPLITS: tuple[SplitName, SplitName] = ("train", "test")


class MapChips(Target):
    """Windows of georeferenced scenes, one around each labelled point, box or polygon.

    Labels are brought to the coordinate system of each scene; a place that several scenes show
    is taken from one (see :mod:`rsbench_datasets.map_chips.placement`). No chip is written to
    disk: they are read from the scenes as windows. Scenes are opened where they are used, so
    that a target can be sent to other processes and used from several threads.
    """

    Options = MapChipsOptions
    description: ClassVar[str] = "your own maps: GeoTIFF scenes and labelled points or polygons"

    def __init__(
        self, name: str, scenes: Sequence[Scene], chips: Chips, options: MapChipsOptions, file: Path
    ) -> None:
        """Keep the chips of both splits.

        Args:
            name: label in tables.
            scenes: all scenes.
            chips: what to cut from them.
            options: how to read it.
            file: the vector file, to name in messages.
        """
        self._scenes = tuple(scenes)
        self._options = options
        self._chips = {split: chips.of(split) for split in _SPLITS}
        class_names = rename_classes(chips.class_names, options.class_names, file)
        train, test = self._chips["train"], self._chips["test"]
        counts = np.bincount(train.labels, minlength=len(class_names)).tolist()
        groups = options.groups.apply(class_names, counts)
        super().__init__(
            name,
            class_names=class_names,
            groups=groups,
            train=Split(train.ids(scenes), train.labels),
            test=Split(test.ids(scenes), test.labels),
            content_hash=content_hash(class_names, groups, self._rows()),
            disclaimer=options.disclaimer,
            remarks=tuple(_of_target(remark, name) for remark in chips.remarks),
            location=file,
            imagery=imagery(options.pixels),
            on_bad_image=options.on_bad_image,
        )

    @classmethod
    def open(cls, name: str, options: MapChipsOptions, folders: Folders) -> MapChips:
        """Open scenes and labels; see :meth:`rsbench.target.Target.open`.

        Finding the chips reads every window once where scenes can lack data. They are
        remembered in the cache until scenes, labels or options change.

        Raises:
            NotPreparedError: a scene or the vector file does not exist.
            ImageError: a scene is no image, or does not decode.
            BandError: a scene has other bands than the option ``pixels`` says.
            TargetError: labels, coordinate systems or the split are wrong; the message names
                the file and, where it is one, the row.
        """
        file = folders.resolve(options.labels)
        digests = FileDigests(folders, file)
        label_digests = digests.of(label_files(file))
        paths, left_out = find_scenes(options.scenes, folders)
        scenes = read_headers(paths, options, digests)
        manifest = manifest_file(folders, options, scenes, label_digests)
        chips = read_manifest(manifest)
        if chips is None:
            _log.info("%s: finding the places of %s in %d scenes", name, file.name, len(scenes))
            chips = make_chips(read_places(file, options), scenes, options)
            write_manifest(manifest, chips)
        opened = cls(name, scenes, chips, options, file)
        opened.add_remarks([f"{name}: scenes: {left_out}"] if left_out else [])
        return opened

    @classmethod
    def file_reader(cls, options: MapChipsOptions) -> FileReader:
        """Windows of a scene are read as chips; see :meth:`rsbench.target.Target.file_reader`."""
        return FileReader(
            _no_file,
            imagery(options.pixels),
            chip_steps(options),
            options.model_dump(mode="json", include=set(READING)),
            partial(chip_grid, options=options),
        )

    def read(self, split: SplitName, index: int) -> NDArray[Any]:
        """Decode one chip; see :meth:`rsbench.target.Target.read`."""
        for image in self.read_many(split, [index]):
            if isinstance(image, ImageError):
                raise image
            return image
        raise IndexError(f"there is no {split} chip {index}")

    def read_many(
        self, split: SplitName, indices: Sequence[int]
    ) -> Iterator[NDArray[Any] | ImageError]:
        """The chips in order; neighbours in the list that share a scene are read in one go."""
        chips, options = self._chips[split], self._options
        for scene, members in groupby(indices, key=lambda index: int(chips.scene[index])):
            windows = [_window(chips, index) for index in members]
            yield from read_chips(
                self._scenes[scene], windows, options.pixels, options.nodata.value
            )

    def _rows(self) -> Iterator[Row]:
        digests = [_reading_digest(scene, self._options) for scene in self._scenes]
        for split, chips in self._chips.items():
            labels, scenes = chips.labels.tolist(), chips.scene.tolist()
            for sample, label, scene in zip(chips.ids(self._scenes), labels, scenes, strict=True):
                yield split, sample, label, digests[scene]


def _no_file(path: Path) -> NDArray[Any]:
    raise TargetError(
        "the cell was trained on windows of scenes, and a file does not say its windows",
        where=path,
        remedy="label a scene by windows with --map FILE, one scene at a time",
    )


def _of_target(remark: str, name: str) -> str:
    """``remark`` with the target's name; leaks are told first, as everywhere."""
    if remark.startswith("LEAK: "):
        return remark.replace("LEAK", f"LEAK in {name}", 1)
    return f"{name}: {remark}"


def _window(chips: Chips, index: int) -> Window:
    x1, y1, x2, y2 = chips.windows[index].tolist()
    return x1, y1, x2, y2


def _reading_digest(scene: Scene, options: MapChipsOptions) -> str:
    """SHA-256 over the pixels of a scene and everything that decides how they are read."""
    a, b, _, d, e, _ = scene.transform
    turned = [a < 0, e > 0, b != 0 or d != 0, scene.crs == ""]
    read_as = [scene.digest, scene.bands, turned, options.pixels.identity(), options.nodata.value]
    return hashlib.sha256(json.dumps(read_as).encode()).hexdigest()
