"""FUSRS, SAR ship chips, in the layout of its release (paper, section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from rsbench.errors import NotPreparedError, TargetError
from rsbench.groups import ClassGroups, by_names
from rsbench.settings import Settings
from rsbench_datasets.file_target import FileIndex, FileSample, FileTarget

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.folders import Folders

HEAD = ("cargo", "other", "fishing")
TAIL = ("tanker", "dredger")

_INDEX_FOLDER = "datasets/FUSRS"
_IMAGE_FOLDERS = ("data", "data/fusrsv17")


class FusrsOptions(Settings):
    """Options of FUSRS, as a matrix states them."""

    root: str | None = None
    """Folder that the release was unpacked in; by default ``fusrs`` in the data folder."""


class Fusrs(FileTarget):
    """Ship chips that a folder holds as FUSRS is released.

    ``datasets/FUSRS`` has ``classnames.txt`` (one name a line, in label order), ``train.txt``
    and ``test.txt`` (lines ``relative_path label``, relative to ``data`` or to
    ``data/fusrsv17``). There is no medium group.
    """

    Options: ClassVar[type[Settings]] = FusrsOptions
    description: ClassVar[str] = "FUSRS SAR ship chips, long-tailed"
    remedy: ClassVar[str] = "unpack the release of FUSRS there, or set the option 'root'"
    """What to do when the files are not there."""
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
            NotPreparedError: the index files are not there.
            ImageError: a listed image is missing or empty.
            TargetError: a line of an index file is wrong; the message names file and line.
        """
        root = cls.root(options, folders)
        class_names = _class_names(root, cls.remedy)
        train, test = (
            _samples(root, split, len(class_names), cls.remedy) for split in ("train", "test")
        )
        index = FileIndex(class_names, train, test, root)
        return cls(name, index, groups_of(class_names, root), folders, cls.disclaimer_text)


def groups_of(class_names: tuple[str, ...], where: Path) -> ClassGroups:
    """The paper's groups (section 4.2), for version 1.7 and for 2.5, which has no "other".

    Raises:
        TargetError: a class has no known group.
    """
    unknown = [name for name in class_names if name not in HEAD + TAIL]
    if unknown:
        raise TargetError(
            f"classes that FUSRS does not have: {', '.join(unknown)}",
            where=where / _INDEX_FOLDER / "classnames.txt",
            remedy=f"its classes are: {', '.join(HEAD + TAIL)}",
        )
    head, tail = ([name for name in names if name in class_names] for names in (HEAD, TAIL))
    return by_names(class_names, head, (), tail)


def _lines(file: Path, remedy: str) -> list[tuple[int, str]]:
    """Lines that are not blank, with their numbers."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise NotPreparedError("the index file is not there", where=file, remedy=remedy) from error
    except UnicodeDecodeError as error:
        raise TargetError(f"the file is no UTF-8 text: {error}", where=file) from error
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def _class_names(root: Path, remedy: str) -> tuple[str, ...]:
    file = root / _INDEX_FOLDER / "classnames.txt"
    names = tuple(line for _, line in _lines(file, remedy))
    if not names:
        raise TargetError("the file lists no class", where=file, remedy=remedy)
    return names


def _samples(
    root: Path, split: Literal["train", "test"], classes: int, remedy: str
) -> tuple[FileSample, ...]:
    file = root / _INDEX_FOLDER / f"{split}.txt"
    samples: list[FileSample] = []
    base = root / _IMAGE_FOLDERS[0]
    for number, line in _lines(file, remedy):
        path, _, label = line.rpartition(" ")
        if not path or not (label.isascii() and label.isdigit()) or int(label) >= classes:
            raise TargetError(
                f"not a path and a label: {line[:80]!r}",
                where=f"{file}:{number}",
                remedy=f"a line reads: relative_path label, with labels 0 to {classes - 1}",
            )
        if not samples:  # the first file tells which folder the paths start from
            folders = [root / name for name in _IMAGE_FOLDERS if (root / name / path).is_file()]
            base = folders[0] if folders else base
        listed = f"{file.name}:{number}"
        samples.append(FileSample(path.strip(), base / path.strip(), int(label), listed))
    return tuple(samples)
