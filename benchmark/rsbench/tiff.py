"""Tags of a TIFF that readers pass over or take in different ways."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, BinaryIO

from rsbench.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins: of either byte order, classic or Big."""

_SUBFILE, _OLD_SUBFILE, _ORIENTATION = 254, 255, 274
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_MOST = 100_000  # pages that are counted
_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # field types of whole numbers

Tags = dict[int, int]
"""Tags that hold one whole number."""


def check_tiff(path: Path) -> None:
    """Refuse a TIFF of which a reader would show a part, or in a way of its own.

    Overviews and masks are no pages. What is no TIFF passes, as does what cannot be read: that is
    for the decoder to report.

    Raises:
        ImageError: it has several pages, or is to be turned for display.
    """
    with path.open("rb") as file:
        tags = _directories(file)
    pages = [each for each in tags if not _belongs_to_another(each)]
    if len(pages) > 1:
        raise several(path, f"{len(pages)} pages")
    orientation = pages[0].get(_ORIENTATION, 1) if pages else 1
    if orientation != 1:
        raise ImageError(
            f"the TIFF is to be turned or mirrored for display (orientation {orientation}), "
            "which some readers do and others do not",
            where=path,
            remedy="save it upright, with orientation 1",
        )


def several(path: str | Path, found: str) -> ImageError:
    """The error for a file that holds more than one image; ``found`` says how many."""
    return ImageError(
        f"the file has {found}, and only one would be read",
        where=path,
        remedy="save each as an image of its own; bands belong into one image, of shape (height, "
        "width, bands), and not into pages",
    )


def _belongs_to_another(tags: Tags) -> bool:
    """Whether a directory is an overview or a mask."""
    return (
        bool(tags.get(_SUBFILE, 0) & (_REDUCED | _MASK)) or tags.get(_OLD_SUBFILE) == _OLD_REDUCED
    )


def _directories(file: BinaryIO) -> list[Tags]:
    """The tags of each directory, as far as they can be read."""
    head = file.read(16)
    if head[:4] not in MAGIC:
        return []
    order = "<" if head[:2] == b"II" else ">"
    big = 43 in head[2:4]
    found: list[Tags] = []
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + "Q" if big else order + "I", head, 8 if big else 4)
        while offset and offset not in seen and len(found) < _MOST:
            seen.add(offset)
            file.seek(offset)
            tags, offset = _directory(file, order, big)
            found.append(tags)
    except (struct.error, OSError, OverflowError):
        pass
    return found


def _directory(file: BinaryIO, order: str, big: bool) -> tuple[Tags, int]:
    """Tags of the directory that ``file`` stands at, and where the next one begins."""
    count_format, entry_format, next_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    size = struct.calcsize(order + entry_format)
    (count,) = struct.unpack(order + count_format, file.read(struct.calcsize(order + count_format)))
    table = file.read(min(count, os.fstat(file.fileno()).st_size // size) * size)
    tags: Tags = {}
    for start in range(0, count * size, size):
        tag, kind, length, value = struct.unpack_from(order + entry_format, table, start)
        if length == 1 and kind in _SIZES and struct.calcsize(_SIZES[kind]) <= len(value):
            (tags[tag],) = struct.unpack_from(order + _SIZES[kind], value)
    (following,) = struct.unpack(order + next_format, file.read(struct.calcsize(next_format)))
    return tags, int(following)
