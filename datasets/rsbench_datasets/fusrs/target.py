"""FUSRS, SAR ship chips, in the layout of its release (paper, section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import NotPreparedError, TargetError
from rsbench.groups import ClassGroups, by_names
from rsbench.settings import Settings
from rsbench_datasets.files.file_target import FileIndex, FileTarget
from rsbench_datasets.files.path_lists import (
    ListedPath,
    Repeats,
    listed_samples,
    read_lines,
    read_path_list,
    repeat_remarks,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders
    from rsbench.target import OnBadImage

HEAD = ("cargo", "other", "fishing")
TAIL = ("tanker", "dredger")
LISTS = ("train.txt", "test.txt")
NAMES = "classnames.txt"

_TRIED = 20  # files that are looked for to find the image folder


class FusrsOptions(Settings):
    """Options of FUSRS, as a matrix states them."""

    root: str | None = None
    """Folder that the release was unpacked in; by default ``fusrs`` in the data folder."""


class Fusrs(FileTarget):
    """Ship chips that a folder holds as FUSRS is released.

    A folder such as ``datasets/FUSRS`` has ``classnames.txt`` (one name a line, in label
    order), ``train.txt`` and ``test.txt`` (lines ``relative_path label``). There is no medium
    group.
    """

    Options: ClassVar[type[Settings]] = FusrsOptions
    description: ClassVar[str] = "FUSRS SAR ship chips, long-tailed"
    remedy: ClassVar[str] = "unpack the release of FUSRS there, or set the option 'root'"
    """What to do when the files are not there."""
    command: ClassVar[str] = ""
    """The command that does it."""
    index_folders: ClassVar[tuple[str, ...]] = ("datasets/FUSRS",)
    """Where the index files may lie, relative to the root."""
    image_folders: ClassVar[tuple[str, ...]] = ("data", "data/fusrsv17")
    """Where the paths in the index may start from."""
    classes: ClassVar[tuple[str, ...]] = ()
    """Class names in label order, where the version fixes them."""
    disclaimer_text: ClassVar[str] = ""

    @classmethod
    def root(cls, options: Any, folders: Folders) -> Path:
        """The folder that holds ``data`` and ``datasets``."""
        given: str | None = options.root
        return folders.data / "fusrs" if given is None else folders.resolve(given)

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> Fusrs:
        """Open the chips; see :meth:`rsbench.target.Target.open`.

        Raises:
            NotPreparedError: the index files or the chips are not there.
            ImageError: a listed image is missing or empty.
            TargetError: a line of an index file is wrong; the message names file and line.
        """
        return cls.from_release(name, cls.root(options, folders), folders)

    @classmethod
    def from_release(
        cls,
        name: str,
        root: Path,
        folders: Folders,
        *,
        repeats: Repeats = "keep",
        on_bad_image: OnBadImage = "error",
    ) -> Fusrs:
        """Open the release that lies in ``root``; raises as :meth:`open`.

        Args:
            name: label in tables.
            root: the folder that holds ``data`` and ``datasets``.
            folders: where digests are remembered.
            repeats: whether lines that list a chip once more count.
            on_bad_image: what to do about chips that are missing or do not decode.
        """
        folder = cls.index_folder(root)
        class_names = cls._class_names(folder)
        lists = [read_path_list(folder / file, len(class_names)) for file in LISTS]
        chips = cls.image_folder(root, [entry for entries in lists for entry in entries])
        files = [folder / file for file in LISTS]
        train, test = (
            listed_samples(entries, chips, file, repeats)
            for entries, file in zip(lists, files, strict=True)
        )
        remarks = [
            remark
            for entries, file in zip(lists, files, strict=True)
            for remark in repeat_remarks(entries, file, repeats)
        ]
        index = FileIndex(class_names, train, test, root, tuple(remarks))
        groups = groups_of(class_names, folder / NAMES)
        return cls(name, index, groups, folders, cls.disclaimer_text, on_bad_image=on_bad_image)

    @classmethod
    def index_folder(cls, root: Path) -> Path:
        """The folder of the index files.

        Raises:
            NotPreparedError: there is none; the message says where it was looked for.
        """
        needed = LISTS if cls.classes else (*LISTS, NAMES)
        for name in cls.index_folders:
            if all((root / name / file).is_file() for file in needed):
                return root / name
        raise NotPreparedError(
            f"the index files {', '.join(needed)} are not there; looked for in: "
            f"{', '.join(cls.index_folders)}",
            where=root,
            remedy=cls.remedy,
            command=cls.command,
        )

    @classmethod
    def image_folder(cls, root: Path, entries: list[ListedPath]) -> Path:
        """The folder that the paths of ``entries`` start from.

        Raises:
            NotPreparedError: none of them leads to a file; the message says what was looked
                for.
        """
        for entry in entries[:_TRIED]:
            for name in cls.image_folders:
                if (root / name / entry.path).is_file():
                    return root / name
        sought = entries[0].path if entries else "*.png"
        raise NotPreparedError(
            f"the chips are not there; looked for {sought} in: {', '.join(cls.image_folders)}",
            where=root,
            remedy=cls.remedy,
            command=cls.command,
        )

    @classmethod
    def _class_names(cls, folder: Path) -> tuple[str, ...]:
        file = folder / NAMES
        if cls.classes and not file.is_file():
            return cls.classes
        names = tuple(line for _, line in read_lines(file))
        if not names:
            raise TargetError("the file lists no class", where=file, remedy=cls.remedy)
        if cls.classes and names != cls.classes:
            raise TargetError(
                f"the classes are {', '.join(names)}; this version has {', '.join(cls.classes)}",
                where=file,
                remedy="use the index of the version that is named, or name the other version",
            )
        return names


def groups_of(class_names: tuple[str, ...], where: Path) -> ClassGroups:
    """The paper's groups (section 4.2), for version 1.7 and for 2.5, which has no "other".

    Args:
        class_names: names in label order.
        where: the file that lists them, for messages.

    Raises:
        TargetError: a class has no known group.
    """
    unknown = [name for name in class_names if name not in HEAD + TAIL]
    if unknown:
        raise TargetError(
            f"classes that FUSRS does not have: {', '.join(unknown)}",
            where=where,
            remedy=f"its classes are: {', '.join(HEAD + TAIL)}",
        )
    head, tail = ([name for name in names if name in class_names] for names in (HEAD, TAIL))
    return by_names(class_names, head, (), tail)
