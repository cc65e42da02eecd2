"""What a target is: a long-tailed train split, a test split, and how to read one sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import ImageError, TargetError, printable
from rsbench.imagery import Imagery
from rsbench.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rsbench.file_reader import FileReader
    from rsbench.folders import Folders
    from rsbench.groups import ClassGroups

SplitName = Literal["train", "test"]
SPLITS: tuple[SplitName, SplitName] = ("train", "test")
OnBadImage = Literal["error", "skip"]
"""What to do about an image that is missing or does not decode."""
PICTURES = Imagery()
"""8-bit pictures in red, green and blue."""
Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class Split:
    """The samples of one split, in the order in which they are read fastest.

    Attributes:
        ids: one stable, unique text per sample (it names the sample in predictions).
        labels: class index per sample, int64, shape (samples,).
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def counts(self, number_of_classes: int) -> NDArray[np.int64]:
        """Samples per class, int64, shape (number_of_classes,)."""
        return np.bincount(self.labels, minlength=number_of_classes).astype(np.int64)


@dataclass(frozen=True)
class KnownCounts:
    """What a data set is known to hold, for ``rsbench data verify``.

    Attributes:
        source: where the numbers are from.
        train: samples per class name, or None where they are not known.
        test: the same for the test split.
        totals: samples per split where only those are known.
    """

    source: str
    train: Mapping[str, int] | None = None
    test: Mapping[str, int] | None = None
    totals: Mapping[SplitName, int] | None = None


class Target(ABC):
    """A data set with a train and a test split, class names, and head/medium/tail groups.

    A plugin subclasses this, registers the class in the entry-point group
    ``rsbench.datasets``, and offers ``Options`` (validated from the matrix), a constructor
    ``(name, options, folders)``, ``read``, and, where it can fetch or render its files,
    ``prepare``. Opening a target reads its index, never its pixels.
    """

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = ""
    """One line for ``rsbench ls datasets``."""
    prepares_itself: ClassVar[bool] = False
    """Whether ``rsbench run`` may call ``prepare`` unasked (the demo world)."""
    licence: ClassVar[str] = ""
    """Terms of use in a few words, for ``rsbench data ls``; "" where they are yours."""
    homepage: ClassVar[str] = ""
    """Where the data set is described."""
    download_size: ClassVar[str] = ""
    """What ``prepare`` downloads ("35 GB"), or "" where it downloads nothing."""
    streams: ClassVar[bool] = False
    """Whether the set is too large to be kept decoded: images are decoded as they are used."""

    def __init__(
        self,
        name: str,
        *,
        class_names: tuple[str, ...],
        groups: ClassGroups,
        train: Split,
        test: Split,
        content_hash: str,
        disclaimer: str = "",
        remarks: tuple[str, ...] = (),
        location: str | Path | None = None,
        imagery: Imagery = PICTURES,
        on_bad_image: OnBadImage = "error",
    ) -> None:
        """Check the index and keep it.

        Args:
            name: label in tables.
            class_names: names in label order.
            groups: partition of the classes.
            train: samples to train on.
            test: samples to report on.
            content_hash: hexadecimal digest over everything that can change a score: ids,
                labels, classes, groups and image bytes (or their recorded digests).
            disclaimer: what a reader must know about these numbers ("demo data"), or "".
            remarks: facts of these files that a reader of the numbers must know, such as test
                images that are also in train; they go into every record and table.
            location: file or folder to name in messages.
            imagery: bands and meaning of what ``read`` returns.
            on_bad_image: whether an image that does not decode stops a run, or is left out,
                counted and recorded.

        Raises:
            TargetError: duplicate ids, labels out of range, a class without a training
                sample, an empty test split, or groups that are no partition.
        """
        self.name = name
        self.class_names = class_names
        self.groups = groups
        self.train = train
        self.test = test
        self.content_hash = content_hash
        self.disclaimer = disclaimer
        self.imagery = imagery
        self.on_bad_image: OnBadImage = on_bad_image
        self._check(location)
        self.remarks = (*remarks, *self._balance())

    @classmethod
    @abstractmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Target:
        """Open the prepared target under the label ``name``.

        Args:
            name: label in tables.
            options: an instance of ``Options``.
            folders: where data and caches lie.

        Raises:
            NotPreparedError: the files are not there; the remedy says what to run or fetch.
            TargetError: the files are there and inconsistent.
        """

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
        """Download, render or link the files of this target; return their folder.

        Args:
            options: an instance of ``Options``.
            folders: where data and caches lie.
            source: files that the user already has (``--from``).
            split: the split that ``source`` holds, where that matters.
            progress: called with (done, total).

        Raises:
            TargetError: this target cannot be prepared by a command.
        """
        raise TargetError(
            "it reads files of your own: there is nothing to prepare",
            remedy="say where they are in a matrix, or with --set KEY=VALUE",
        )

    @classmethod
    def known_counts(cls, options: Any) -> KnownCounts | None:
        """What the data set is known to hold under these options; None where nobody knows."""
        del options
        return None

    @classmethod
    def file_reader(cls, options: Any) -> FileReader:
        """How files that are not of the data set become what ``read`` gives under these options.

        ``rsbench predict`` reads by it and exports describe it; the data set need not be there.
        By default they are 8-bit pictures: a target that reads anything else has its own.
        """
        from rsbench.file_reader import FileReader

        del options
        return FileReader()

    @abstractmethod
    def read(self, split: SplitName, index: int) -> NDArray[Any]:
        """Decode one sample: ``imagery.dtype``, shape (height, width, bands).

        By default that is uint8 in red, green and blue (grey replicated).

        Raises:
            ImageError: the image is missing or does not decode.
        """

    def read_many(
        self, split: SplitName, indices: Sequence[int]
    ) -> Iterator[NDArray[Any] | ImageError]:
        """The samples ``indices`` (ascending) in order; override it where bulk is cheaper.

        Yields:
            For each of them its image, or the error why it does not decode.
        """
        for index in indices:
            try:
                yield self.read(split, index)
            except ImageError as error:
                yield error

    def samples(self, split: SplitName) -> Split:
        """The split called "train" or "test"."""
        return self.train if split == "train" else self.test

    @classmethod
    def advice(cls, option: str, text: str) -> str:
        """``text``, a part of a remedy, where the target has the ``option`` it names; else ""."""
        return text if option in cls.Options.model_fields else ""

    def add_remarks(self, remarks: Iterable[str]) -> None:
        """Add facts that show only when the images are decoded, each once."""
        self.remarks = (*self.remarks, *(each for each in remarks if each not in self.remarks))

    @property
    def number_of_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def _balance(self) -> tuple[str, ...]:
        """A remark where the groups cannot mean what their names say."""
        counts = self.train.counts(self.number_of_classes)
        groups = [
            group for group in (self.groups.head, self.groups.medium, self.groups.tail) if group
        ]
        if len(groups) < 2 or counts.min() != counts.max():
            return ()
        return (
            f"{self.name}: every class has {counts.max()} training samples, so that head, medium "
            "and tail say nothing about frequency",
        )

    def _check(self, location: str | Path | None) -> None:
        classes = self.number_of_classes
        if len(set(self.class_names)) != classes:
            twice = [name for name, n in Counter(self.class_names).items() if n > 1]
            raise TargetError(
                f"{self.name}: class names occur twice: {', '.join(twice)}", where=location
            )
        self._check_text("class names", self.class_names, location)
        for split_name in ("train", "test"):
            self._check_split(split_name, location)
        counts = self.train.counts(classes)
        without = [self.class_names[c] for c in np.flatnonzero(counts == 0)]
        if without:
            raise TargetError(
                f"{self.name}: classes without a training sample: {', '.join(without)}",
                where=location,
                remedy="add samples of these classes to train"
                + self.advice("classes", ", or leave the classes out with the option 'classes'"),
            )
        self.groups.check(classes)

    def _check_text(self, what: str, names: Sequence[str], location: object) -> None:
        """Refuse what no file of results could hold: file names of another encoding."""
        wrong = [name for name in names if printable(name) != name]
        if wrong:
            raise TargetError(
                f"{self.name}: {len(wrong)} {what} are no UTF-8 text, {wrong[0]!r} first",
                where=None if location is None else str(location),
                remedy="rename the files or folders (convmv changes names to UTF-8)",
            )

    def _check_split(self, split_name: Literal["train", "test"], location: object) -> None:
        where = None if location is None else str(location)
        samples = self.samples(split_name)
        if len(samples) == 0:
            raise TargetError(f"{self.name}: the {split_name} split is empty", where=where)
        if len(samples.labels) != len(samples.ids):
            raise TargetError(
                f"{self.name}: {split_name} has {len(samples.ids)} ids "
                f"and {len(samples.labels)} labels",
                where=where,
            )
        outside = np.flatnonzero((samples.labels < 0) | (samples.labels >= self.number_of_classes))
        if outside.size:
            first = int(outside[0])
            raise TargetError(
                f"{self.name}: {outside.size} {split_name} labels lie outside the class list; "
                f"the first is {int(samples.labels[first])} of sample {samples.ids[first]!r}",
                where=where,
                remedy=f"labels must be 0 to {self.number_of_classes - 1}",
            )
        self._check_text(f"{split_name} sample ids", samples.ids, location)
        if len(set(samples.ids)) != len(samples.ids):
            twice = [name for name, n in Counter(samples.ids).items() if n > 1]
            raise TargetError(
                f"{self.name}: {len(twice)} {split_name} sample ids occur twice, "
                f"{twice[0]!r} first",
                where=where,
                remedy="list each sample once",
            )
