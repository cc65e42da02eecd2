"""The base of targets that keep every sample in an image file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import ImageError, TargetError
from rsbench.file_reader import FileReader
from rsbench.folders import Folders
from rsbench.groups import ClassGroups, GroupRule
from rsbench.settings import Settings
from rsbench.target import OnBadImage, Progress, SplitName, Target
from rsbench_datasets.files.content import content_hash
from rsbench_datasets.files.digests import FileDigests
from rsbench_datasets.files.file_samples import FileSample, FileSamples
from rsbench_datasets.files.file_survey import take_survey
from rsbench_datasets.files.pixel_steps import pixel_steps
from rsbench_datasets.files.pixels import PixelOptions, imagery, read_pixels
from rsbench_datasets.files.rasters import nodata_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from rsbench_datasets.files.content import Row
    from rsbench_datasets.files.file_survey import Files

#: Images whose headers are read for what marks pixels without data.
_LOOKED_AT = 16

__all__ = ["FileIndex", "FileOptions", "FileSample", "FileSamples", "FileTarget", "OwnFileOptions"]


class FileOptions(Settings):
    """Options of every target that keeps its samples in image files."""

    on_bad_image: OnBadImage = "error"
    """An image that is missing, empty or does not decode stops the run (``error``), or is left
    out, counted and recorded (``skip``)."""


class OwnFileOptions(FileOptions):
    """Options of targets whose image files may hold anything."""

    pixels: PixelOptions = PixelOptions()
    """What the values of the files are; by default 8-bit grey or RGB."""


@dataclass(frozen=True)
class FileIndex:
    """What a data set of image files says about itself.

    Attributes:
        class_names: names in label order.
        train: samples to train on; single ones for small sets, columns for any.
        test: samples to report on.
        location: the list or folder, for messages and as the key of the digest cache.
        remarks: what a reader of the numbers must know about the list.
    """

    class_names: tuple[str, ...]
    train: FileSamples | Sequence[FileSample]
    test: FileSamples | Sequence[FileSample]
    location: Path
    remarks: tuple[str, ...] = ()


class FileTarget(Target):
    """A target with one image file per sample."""

    def __init__(
        self,
        name: str,
        index: FileIndex,
        groups: ClassGroups,
        folders: Folders,
        disclaimer: str,
        *,
        on_bad_image: OnBadImage = "error",
        pixels: PixelOptions = PixelOptions(),  # noqa: B008  (it is frozen)
        progress: Progress | None = None,
    ) -> None:
        """Check that the files are there and keep the index.

        Args:
            name: label in tables.
            index: samples and class names.
            groups: partition of the classes.
            folders: where digests are remembered.
            disclaimer: what a reader must know about these numbers, or "".
            on_bad_image: with ``skip``, missing and empty files stay in the index, and reading
                one yields its ImageError.
            pixels: what the values of the files are.
            progress: called with (done, total) files while their bytes are digested, which
                takes long once.

        Raises:
            ImageError: files are missing or empty, and ``on_bad_image`` is ``error``, or a
                file may not be read.
            TargetError: the index is inconsistent, or no training file of a class is left.
        """
        self._pixels = pixels
        self._files: Files = {"train": columns(index.train), "test": columns(index.test)}
        survey = take_survey(self._files, index.location)
        if on_bad_image == "error":
            survey.refuse_absent()
        survey.refuse_lost_classes(index.class_names)
        cache = FileDigests(folders, index.location)
        digests = survey.digests(cache, progress)
        # Pictures are decoded by Pillow, which reads no file beside them.
        beside = survey.companions(cache) if pixels.bands else {}
        rows = _rows(self._files, digests, beside)
        super().__init__(
            name,
            class_names=index.class_names,
            groups=groups,
            train=self._files["train"].split(),
            test=self._files["test"].split(),
            content_hash=content_hash(index.class_names, groups, rows, pixels.identity()),
            disclaimer=disclaimer,
            remarks=(
                *index.remarks,
                *_nodata_remarks(name, self._files["train"], pixels),
            ),
            location=index.location,
            imagery=imagery(pixels),
            on_bad_image=on_bad_image,
        )
        self._files = {split: each.without_lines() for split, each in self._files.items()}

    @classmethod
    def pixels(cls, options: Any) -> PixelOptions:
        """What the values of the files are: the option ``pixels``, or 8-bit pictures without it."""
        found: PixelOptions = getattr(options, "pixels", PixelOptions())
        return found

    @classmethod
    def file_reader(cls, options: Any) -> FileReader:
        """Files are read as the samples are; see :meth:`rsbench.target.Target.file_reader`."""
        pixels = cls.pixels(options)
        return FileReader(
            partial(read_pixels, options=pixels),
            imagery(pixels),
            pixel_steps(pixels),
            {"pixels": pixels.model_dump(mode="json")},
        )

    def read(self, split: SplitName, index: int) -> NDArray[Any]:
        """Decode one sample; see :meth:`rsbench.target.Target.read`.

        Raises:
            ImageError: the image is missing or does not decode.
            BandError: the file is not what the pixel options say.
        """
        return read_pixels(Path(self._files[split].path(index)), self._pixels)


def _nodata_remarks(name: str, train: FileSamples, pixels: PixelOptions) -> tuple[str, ...]:
    """Where pixels without data come from, by the headers of images all over the list."""
    if pixels.bands is None or not len(train):
        return ()
    found = [] if pixels.nodata is None else [f"the option nodata: {pixels.nodata}"]
    looked_at = np.unique(np.linspace(0, len(train) - 1, _LOOKED_AT).astype(np.int64)).tolist()
    for index in looked_at:
        with suppress(ImageError):  # it is reported where images are read
            found += nodata_sources(Path(train.path(index)), pixels.bands)
    if not found:
        return ()
    says = " or ".join(dict.fromkeys(found))
    some = len(looked_at) < len(train)
    seen = f" ({len(looked_at)} of {len(train)} training images looked at)" if some else ""
    return (f"{name}: pixels are without data, and 0, where {says} says so{seen}",)


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
    counts = np.bincount(columns(index.train).labels, minlength=len(index.class_names))
    return rule.apply(index.class_names, [int(count) for count in counts])


def columns(samples: FileSamples | Sequence[FileSample]) -> FileSamples:
    """``samples`` in columns."""
    return samples if isinstance(samples, FileSamples) else FileSamples.gather(samples)


def _rows(
    files: Files,
    digests: Mapping[SplitName, Sequence[str]],
    beside: Mapping[SplitName, Mapping[int, str]],
) -> Iterator[Row]:
    for split, each in files.items():
        more = beside.get(split, {})
        rows = zip(each.ids, each.labels.tolist(), digests[split], strict=True)
        for index, (sample, label, digest) in enumerate(rows):
            yield split, sample, label, digest + more.get(index, "")
