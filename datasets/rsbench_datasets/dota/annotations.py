"""The annotation files of DOTA: one line per object, in all versions alike (section 4.1).

Versions 1.0 and 1.5 begin with the lines ``imagesource:...`` and ``gsd:...``; 2.0 keeps those
facts in files of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.errors import TargetError
from rsbench_datasets.dota.versions import V1_0, DotaVersion

if TYPE_CHECKING:
    from pathlib import Path

_HEADERS = ("imagesource:", "gsd:")
_FORMAT = "a line reads: x1 y1 x2 y2 x3 y3 x4 y4 class difficult"


@dataclass(frozen=True)
class ObjectBox:
    """One annotated object.

    Attributes:
        corners: x and y of the four corners in pixels of the scene, in turn.
        label: index into the classes of the version.
        difficult: whether the annotator marked it as difficult.
    """

    corners: tuple[float, ...]
    label: int
    difficult: bool

    def rectangle(self) -> tuple[int, int, int, int]:
        """The upright pixel rectangle around the corners: x1, y1, x2, y2; x2 and y2 excluded.

        Left and top are rounded down, right and bottom up: no corner is cut off, and whole
        numbers stay as they are. There is no margin.
        """
        x, y = self.corners[::2], self.corners[1::2]
        return math.floor(min(x)), math.floor(min(y)), math.ceil(max(x)), math.ceil(max(y))


def read_annotations(path: Path, version: DotaVersion = V1_0) -> list[ObjectBox]:
    """The objects of one scene, in the order of the file.

    Args:
        path: annotation file.
        version: whose classes count.

    Raises:
        TargetError: the file is missing, or a line is not in the format of DOTA; the
            message names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise TargetError(
            f"the annotation file cannot be read: {error}",
            where=path,
            remedy="restore it from the data set's archive",
        ) from error
    labels = {name: label for label, name in enumerate(version.classes)}
    return [
        _parse(path, number, line, version, labels)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().lower().startswith(_HEADERS)
    ]


def _parse(
    path: Path, number: int, line: str, version: DotaVersion, labels: dict[str, int]
) -> ObjectBox:
    fields = line.split()
    where = f"{path}:{number}"
    if len(fields) != 10:
        raise TargetError(
            f"{len(fields)} fields in place of 10: {line.strip()[:80]!r}",
            where=where,
            remedy=_FORMAT,
        )
    try:
        corners = tuple(float(field) for field in fields[:8])
    except ValueError as error:
        raise TargetError(f"a coordinate is no number: {error}", where=where, remedy=_FORMAT) from (
            error
        )
    if not all(math.isfinite(corner) for corner in corners):
        raise TargetError("a coordinate is not finite", where=where, remedy=_FORMAT)
    name, difficult = fields[8:]
    if name not in labels:
        raise TargetError(
            f"the class {name!r} is not one of {version.name}",
            where=where,
            remedy=f"use the annotations of version {version.number}; others have other classes",
        )
    if difficult not in {"0", "1"}:
        raise TargetError(
            f"the difficult flag is {difficult!r}; it must be 0 or 1", where=where, remedy=_FORMAT
        )
    return ObjectBox(corners, labels[name], difficult == "1")
