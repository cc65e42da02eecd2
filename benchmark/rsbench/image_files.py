"""Which files below a folder are images: one rule for every target and for ``rsbench predict``.

Files go by their suffix here and by their content when they are opened. Hidden files and folders,
and those that systems leave behind, are never data. Links to folders are followed.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import ImageError, printable
from rsbench.images import missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2",
     ".j2k", ".ppm", ".pgm", ".pnm"}
)  # fmt: skip
"""Suffixes of the files that count as images, in lower case."""

#: Images by their suffix, of kinds that are not read.
_NOT_READ = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".tga", ".ico", ".psd", ".svg", ".exr", ".dds", ".dng",
     ".nef", ".cr2", ".cr3", ".arw", ".eps", ".pdf", ".nc", ".h5", ".hdf", ".hdf5", ".he5", ".img",
     ".vrt", ".ecw", ".sid", ".nitf", ".ntf", ".npy", ".npz", ".mat"}
)  # fmt: skip
#: What file systems, file servers and desktops leave in folders, in lower case.
_SYSTEM = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "#snapshot",
     "@recycle", "$recycle.bin", "system volume information", "lost+found"}
)  # fmt: skip
#: They lie beside images and belong to them.
_BESIDE = (".aux.xml", ".msk", ".ovr", ".aux", ".prj", ".tfw", ".tifw", ".wld", ".jgw", ".pgw",
           ".j2w")  # fmt: skip
_SHOWN = 3


@dataclass
class FoundImages:
    """What lies below a folder.

    Attributes:
        images: files, links that lead nowhere among them, in no order.
        hidden: names of hidden and system files and folders, which were passed over.
        others: how many other files there are, by suffix.
        special: pipes, devices and links that lead back or nowhere, which were passed over.
    """

    images: list[Path] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    special: list[str] = field(default_factory=list)

    def __iadd__(self, other: FoundImages) -> FoundImages:
        """Take in what lies below another folder."""
        self.images += other.images
        self.hidden += other.hidden
        self.others += other.others
        self.special += other.special
        return self

    @property
    def left_out(self) -> str:
        """What was passed over, counted, as one line of text; "" for nothing."""
        kinds = {True: Counter[str](), False: Counter[str]()}
        for suffix, count in self.others.items():
            kinds[suffix in _NOT_READ or suffix in IMAGE_SUFFIXES][suffix] = count
        parts = [
            _some(self.hidden, "hidden or system files and folders"),
            _some(self.special, "pipes, devices or links that lead back or nowhere"),
            f"{_counted(kinds[True])}: images of a kind that is not read" if kinds[True] else "",
            f"{_counted(kinds[False])}: no images" if kinds[False] else "",
        ]
        found = "; ".join(part for part in parts if part)
        return f"left out: {found}" if found else ""


def _some(names: list[str], what: str) -> str:
    if not names:
        return ""
    different = sorted(set(names))
    more = ", ..." * (len(different) > _SHOWN)
    return printable(f"{len(names)} {what} ({', '.join(different[:_SHOWN])}{more})")


def _counted(kinds: Counter[str]) -> str:
    return printable(", ".join(f"{count} {suffix}" for suffix, count in sorted(kinds.items())))


def passed_over(name: str) -> bool:
    """Whether a file or folder of this name is hidden or of the system, and so no data."""
    return name.startswith(".") or name.lower() in _SYSTEM


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in ``folder`` that may hold data, such as class folders; unsorted.

    Raises:
        ImageError: the folder cannot be read.
    """
    with _scan(folder) as entries:
        return [each.name for each in entries if each.is_dir() and not passed_over(each.name)]


def look_below(folder: Path, suffixes: Collection[str] = IMAGE_SUFFIXES) -> FoundImages:
    """The images in ``folder`` and in the folders below it.

    Args:
        folder: where to look.
        suffixes: of what counts as an image, in lower case.

    Raises:
        ImageError: a folder cannot be read.
    """
    found = FoundImages()
    _look(folder, suffixes, found, frozenset())
    return found


def _look(
    folder: Path, suffixes: Collection[str], found: FoundImages, above: frozenset[tuple[int, int]]
) -> None:
    with _scan(folder) as entries:
        stat = os.stat(folder)
        here = above | {(stat.st_dev, stat.st_ino)}
        for entry in entries:
            suffix = os.path.splitext(entry.name)[1].lower()
            if passed_over(entry.name):
                found.hidden.append(entry.name)
            elif entry.is_dir():
                inside = entry.stat()
                if (inside.st_dev, inside.st_ino) in here:
                    found.special.append(entry.name)
                else:
                    _look(folder / entry.name, suffixes, found, here)
            elif suffix in suffixes and (entry.is_file() or not os.path.exists(entry)):
                found.images.append(folder / entry.name)  # a dead link is a missing image
            elif not entry.is_file():
                found.special.append(entry.name)
            elif not entry.name.lower().endswith(_BESIDE):
                found.others[suffix or entry.name] += 1


def _scan(folder: Path) -> os._ScandirIterator[str]:
    try:
        return os.scandir(folder)
    except OSError as error:
        raise ImageError(
            f"the folder cannot be read: {error.strerror}",
            where=folder,
            remedy="check who may read it, and the disk it lies on",
        ) from error


def find_images(paths: Iterable[Path]) -> tuple[list[Path | ImageError], FoundImages]:
    """The files among ``paths``, and the images in folders below them, sorted.

    Returns:
        Files, and an error for each path that is not there or a folder without images; and
        everything that was found in folders.
    """
    listed: list[Path | ImageError] = []
    below = FoundImages()
    for path in paths:
        if path.is_dir():
            found = look_below(path)
            below += found
            listed += (
                map(_named, sorted(found.images))
                if found.images
                else [
                    ImageError(
                        "there is no image in this folder",
                        where=path,
                        remedy=f"images end in {', '.join(sorted(IMAGE_SUFFIXES))}",
                    )
                ]
            )
        else:
            listed.append(_named(path) if path.exists() else missing(path))
    return listed, below


def _named(path: Path) -> Path | ImageError:
    """``path``, or why its name cannot be written down."""
    if printable(str(path)) == str(path):
        return path
    return ImageError(
        "the name of the image is no UTF-8 text",
        where=path,
        remedy="rename it (convmv changes names to UTF-8)",
    )
