"""iNaturalist 2018 as a target (paper, section 4.3): 8,142 species, one image file a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from rsbench.errors import TargetError
from rsbench.groups import GroupRule
from rsbench.target import KnownCounts, SplitName
from rsbench_datasets.files.file_target import (
    FileIndex,
    FileOptions,
    FileSamples,
    FileTarget,
    groups_by_rule,
)
from rsbench_datasets.inat2018.index import Records, load_records, relabel
from rsbench_datasets.inat2018.release import (
    IndexKind,
    download,
    find_categories,
    find_index,
    image_folder,
    link_source,
    not_there,
)
from rsbench_datasets.inat2018.taxonomy import (
    Category,
    Level,
    merged,
    names_are_hidden,
    rank_of,
    read_categories,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import Progress

PAGE = "https://github.com/visipedia/inat_comp/tree/master/2018"

SUPERCATEGORIES = {
    "Plantae": (118_800, 8_751),
    "Insecta": (87_192, 6_093),
    "Aves": (143_950, 3_774),
    "Actinopterygii": (7_835, 1_107),
    "Fungi": (6_864, 963),
    "Reptilia": (22_754, 852),
    "Mollusca": (8_007, 786),
    "Mammalia": (20_104, 702),
    "Animalia": (5_966, 534),
    "Amphibia": (11_156, 432),
    "Arachnida": (4_037, 342),
    "Chromista": (621, 75),
    "Protozoa": (211, 12),
    "Bacteria": (16, 3),
}
"""Images of train and val in each supercategory, as the competition's page gives them."""

_SPECIES = 8_142
_TRAIN, _TEST = 437_513, 24_426  # the test split is the official val: three images a species


class TaxonomyOptions(FileOptions):
    """What counts as a class, whether in iNaturalist or in the demo world."""

    level: Level = "species"
    """Rank of the taxonomy whose names are the classes."""
    groups: GroupRule = GroupRule(rule="thresholds")
    """By default many (head) > 100 training images, few (tail) < 20, medium between, at every
    level; at the upper ranks a group may be empty, and {rule: thirds} avoids that."""


class INat2018Options(TaxonomyOptions):
    """Options of iNaturalist 2018, as a matrix states them."""

    root: str | None = None
    """Folder of the data set; by default ``inat2018`` in the data folder."""
    index: Literal["auto", "annotations", "lists"] = "auto"
    """The official JSON annotations, or the text files of long-tail papers
    (``iNaturalist18_train.txt``, ``_val.txt``); ``auto`` takes the annotations where they are."""


class INat2018(FileTarget):
    """iNaturalist 2018: trained on the official train split, tested on the official val split.

    ``root`` holds ``train2018.json`` and ``val2018.json``, or the released text files,
    ``categories.json``, and the images as ``<supercategory>/<category id>/<name>.jpg`` with or
    without ``train_val2018/`` above them. Labels are ranks of the sorted names, so that both
    indexes give the same target with the same content hash.

    The figure of 842 head, 4,076 medium and 3,224 tail classes that papers quote has not been
    verified here; nothing in this loader rests on it.
    """

    Options: ClassVar[type[TaxonomyOptions]] = INat2018Options
    description: ClassVar[str] = "iNaturalist 2018, 8,142 species, long-tailed"
    licence: ClassVar[str] = "non-commercial research and education; images not to be passed on"
    homepage: ClassVar[str] = PAGE
    download_size: ClassVar[str] = "128 GB"
    streams: ClassVar[bool] = True
    remedy: ClassVar[str] = (
        "run 'rsbench data prepare inat2018' to download it (128 GB, and as much again while "
        "it is unpacked), or with '--from FOLDER' for files you have"
    )
    """What to do when the files are not there."""
    command: ClassVar[str] = "rsbench data prepare inat2018"
    disclaimer_text: ClassVar[str] = ""

    @classmethod
    def root(cls, options: Any, folders: Folders) -> Path:
        """The folder that ``options`` point to."""
        given: str | None = options.root
        return folders.data / "inat2018" if given is None else folders.resolve(given)

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> INat2018:
        """Open both splits; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: an index, the names, or all images are not there.
            ImageError: a listed image is missing or empty.
            TargetError: an index is damaged, or does not fit the categories.
        """
        root = cls.root(options, folders)
        train, test = (cls._records(root, split, options, folders) for split in _SPLITS)
        categories, where = cls._categories(root, train)
        names = rank_of(categories, options.level, where)
        class_names = tuple(sorted(set(names.values())))
        index = FileIndex(
            class_names,
            cls._samples(root, train, relabel(train, names, class_names)),
            cls._samples(root, test, relabel(test, names, class_names)),
            root,
            _remarks(name, categories, options.level),
        )
        groups = groups_by_rule(options.groups, index)
        return cls(
            name,
            index,
            groups,
            folders,
            cls.disclaimer_text,
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
        """Link the files in ``source``, or download them; then read the index.

        See :meth:`rsbench.target.Target.prepare`.

        Raises:
            NotPreparedError: ``source`` lacks the index of a split, or the names.
            TargetError: ``source`` is no folder of iNaturalist 2018, or ``split`` is given.
            DownloadError: a file cannot be fetched, or is not the one it should be.
        """
        if split is not None:
            raise TargetError("iNaturalist 2018 is prepared whole", remedy="leave --split out")
        root = cls.root(options, folders)
        if source is not None:
            link_source(folders.resolve(source), root, progress)
        else:
            download(root, progress)
        train, _ = (cls._records(root, each, options, folders) for each in _SPLITS)
        cls._categories(root, train)
        return root

    @classmethod
    def known_counts(cls, options: Any) -> KnownCounts | None:
        """The totals; for supercategories also the count of each class."""
        source = f"{PAGE} ({_SPECIES:,} species)"
        totals: dict[SplitName, int] = {"train": _TRAIN, "test": _TEST}
        if options.level != "supercategory":
            return KnownCounts(source, totals=totals)
        return KnownCounts(
            source,
            train={name: train for name, (train, _) in SUPERCATEGORIES.items()},
            test={name: test for name, (_, test) in SUPERCATEGORIES.items()},
            totals=totals,
        )

    @classmethod
    def _records(cls, root: Path, split: SplitName, options: Any, folders: Folders) -> Records:
        wanted: Literal["auto"] | IndexKind = getattr(options, "index", "auto")
        file = find_index(root, split, None if wanted == "auto" else wanted)
        if file is None:
            what = f"the index of its {'train' if split == 'train' else 'val'} split is not there"
            raise not_there(root, what, cls.remedy, cls.command)
        return load_records(file, folders)

    @classmethod
    def _categories(cls, root: Path, train: Records) -> tuple[tuple[Category, ...], Path]:
        """The taxonomy and the file it is from; the annotations name no species truly."""
        file = find_categories(root)
        if file is not None:
            return read_categories(file), file
        if not train.categories:
            raise not_there(root, "categories.json is not there", cls.remedy, cls.command)
        if names_are_hidden(train.categories):
            what = "the annotations hide the names, and categories.json, which has them, is absent"
            raise not_there(root, what, cls.remedy, cls.command)
        return train.categories, train.file

    @classmethod
    def _samples(cls, root: Path, records: Records, labels: list[int]) -> FileSamples:
        folder = image_folder(root, records.files)
        if folder is None:
            raise not_there(root, "its images are not there", cls.remedy, cls.command)
        listed = [records.file.name] * len(records)
        return FileSamples(records.files, np.array(labels, dtype=np.int64), folder, listed=listed)


_SPLITS: tuple[SplitName, ...] = ("train", "test")


def _remarks(name: str, categories: tuple[Category, ...], level: Level) -> tuple[str, ...]:
    several = merged(categories, level)
    if not several:
        return ()
    shown = ", ".join(several[:5]) + (", ..." if len(several) > 5 else "")
    return (
        f"{name}: {len(several)} names of {level} stand for several taxa, which count as one "
        f"class each, as in the released code: {shown}",
    )
