"""The released versions of FUSRS, from download to target (paper, section 4.2).

One archive holds the chips of both versions, flat in a folder each; the index files come with
the code of the paper. Their lists name some chips several times, and the published counts
count every line.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import DownloadError, TargetError
from rsbench.fetch import HubFile, RemoteFile, fetch, unpack
from rsbench.target import KnownCounts
from rsbench_datasets.files.archives import fetch_and_unpack, naming_all
from rsbench_datasets.files.file_target import FileOptions
from rsbench_datasets.files.links import link_file, link_folder
from rsbench_datasets.files.path_lists import Repeats, read_path_list
from rsbench_datasets.fusrs.target import LISTS, NAMES, Fusrs, FusrsOptions

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.settings import Settings
    from rsbench.target import Progress

#: Neither has published checksums; the counts of the index are checked instead.
ARCHIVE = HubFile("doem1997/rs_lt", "fusrs.tar.gz", kind="dataset")
CODE = "https://raw.githubusercontent.com/doem97/metalora"

_TRAIN = {"cargo": 3890, "other": 1710, "fishing": 814, "tanker": 315, "dredger": 242}
_TEST = {"cargo": 1256, "other": 429, "fishing": 263, "tanker": 99, "dredger": 82}
_log = logging.getLogger("rsbench")


class ReleasedFusrsOptions(FusrsOptions, FileOptions):
    """Options of a released version of FUSRS, as a matrix states them."""

    repeats: Repeats = "keep"
    """The lists name some chips several times: every line counts (``keep``, as the paper's
    numbers have it), or only the first of each chip (``drop``)."""


def _image_folders(name: str) -> tuple[str, ...]:
    """Where the chips may lie, however the archive was unpacked."""
    return (f"data/{name}", name, f"data/fusrs/{name}", f"data/data/{name}", "data")


def _chips(folder: Path) -> bool:
    return folder.is_dir() and next(folder.glob("*.png"), None) is not None


class ReleasedFusrs(Fusrs):
    """What the released versions share."""

    Options: ClassVar[type[Settings]] = ReleasedFusrsOptions
    licence: ClassVar[str] = "not stated; made from FUSAR-Ship and SRSDD-v1.0"
    homepage: ClassVar[str] = "https://github.com/doem97/metalora"
    download_size: ClassVar[str] = "unknown"
    remedy: ClassVar[str] = (
        "download it, or link what you have with '--from PATH' (the archive fusrs.tar.gz, the "
        "folder of the chips, or a folder that holds the index)"
    )

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Fusrs:
        """Open the chips; see :meth:`rsbench_datasets.fusrs.target.Fusrs.open`."""
        return cls.from_release(
            name,
            cls.root(options, folders),
            folders,
            repeats=options.repeats,
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
        """Link what lies in ``source``, or download what is missing.

        See :meth:`rsbench.target.Target.prepare`.

        Raises:
            TargetError: ``source`` holds neither chips nor index, or ``split`` is given.
            NotPreparedError: after linking, something is still missing.
            DownloadError: a file cannot be had.
        """
        if split is not None:
            raise TargetError("FUSRS comes with both splits", remedy="leave --split out")
        root = cls.root(options, folders)
        if source is None:
            cls._download(root, progress)
        else:
            cls._take(folders.resolve(source), root, progress)
        cls._check_release(root)
        return root

    @classmethod
    def known_counts(cls, options: Any) -> KnownCounts | None:
        """Lines of the released index; see :meth:`rsbench.target.Target.known_counts`."""
        if options.repeats == "drop":
            return None
        train, test = ({name: counts[name] for name in cls.classes} for counts in (_TRAIN, _TEST))
        return KnownCounts(
            source="the index that the paper's authors released, every line counted",
            train=train,
            test=test,
            totals={"train": sum(train.values()), "test": sum(test.values())},
        )

    @classmethod
    def _download(cls, root: Path, progress: Progress | None) -> None:
        index = root / cls.index_folders[0]
        lists = [RemoteFile(name, f"{CODE}/HEAD/{cls.index_folders[0]}/{name}") for name in LISTS]
        unpacked = any(_chips(root / name) for name in cls.image_folders[:-1])
        try:
            for file in lists:
                fetch(file, index, progress)
            if not unpacked:
                fetch_and_unpack(ARCHIVE, root / "data", progress)
        except DownloadError as error:
            wanted: list[tuple[RemoteFile | HubFile, Path]] = [
                (file, index / file.name) for file in lists
            ]
            if not unpacked:
                wanted.append((ARCHIVE, root / "data" / "downloads" / ARCHIVE.name))
            raise naming_all(error, [pair for pair in wanted if not pair[1].exists()]) from error

    @classmethod
    def _take(cls, source: Path, root: Path, progress: Progress | None) -> None:
        """Link or unpack the chips and the index, as far as ``source`` holds them."""
        if source.is_file():
            unpack(source, root / "data", progress)
            return
        indexes = [source / name for name in (*cls.index_folders, ".")]
        index = [each for each in indexes if all((each / file).is_file() for file in LISTS)]
        chips = [each for name in (*cls.image_folders, ".") if _chips(each := source / name)]
        if not (index or chips):
            raise TargetError(
                f"there is neither an index ({', '.join(LISTS)}) nor a folder of chips (*.png); "
                f"looked in: ., {', '.join((*cls.index_folders, *cls.image_folders))}",
                where=source,
                remedy="give the archive fusrs.tar.gz, the folder of the chips, or a folder that "
                "holds the index",
            )
        for name in [*LISTS, NAMES] if index else ():
            if (index[0] / name).is_file():
                link_file((index[0] / name).resolve(), root / cls.index_folders[0] / name)
        if chips:
            link_folder(chips[0].resolve(), root / cls.image_folders[0])

    @classmethod
    def _check_release(cls, root: Path) -> None:
        """Raise where something is missing; warn where the index is not the known one."""
        folder = cls.index_folder(root)
        lists = [read_path_list(folder / name, len(cls.classes)) for name in LISTS]
        cls.image_folder(root, [entry for entries in lists for entry in entries])
        known = [sum(counts[name] for name in cls.classes) for counts in (_TRAIN, _TEST)]
        if [len(entries) for entries in lists] != known:
            _log.warning(
                "%s: the index has %s lines for train and test, not %s; see 'rsbench data verify'",
                folder, " and ".join(str(len(entries)) for entries in lists),
                " and ".join(map(str, known)),
            )  # fmt: skip


class Fusrs17(ReleasedFusrs):
    """FUSRS v1.7: five classes of ships."""

    description: ClassVar[str] = "FUSRS v1.7, SAR ship chips, 5 classes, long-tailed"
    command: ClassVar[str] = "rsbench data prepare fusrs17"
    index_folders: ClassVar[tuple[str, ...]] = ("datasets/FUSRSv17", "FUSRSv17")
    image_folders: ClassVar[tuple[str, ...]] = _image_folders("fusrsv17")
    classes: ClassVar[tuple[str, ...]] = ("cargo", "other", "fishing", "tanker", "dredger")


class Fusrs25(ReleasedFusrs):
    """FUSRS v2.5: version 1.7 without "other", and with other label ids."""

    description: ClassVar[str] = "FUSRS v2.5, SAR ship chips, 4 classes, long-tailed"
    command: ClassVar[str] = "rsbench data prepare fusrs25"
    index_folders: ClassVar[tuple[str, ...]] = ("datasets/FUSRSv25", "FUSRSv25")
    image_folders: ClassVar[tuple[str, ...]] = _image_folders("fusrsv25")
    classes: ClassVar[tuple[str, ...]] = ("cargo", "fishing", "tanker", "dredger")
