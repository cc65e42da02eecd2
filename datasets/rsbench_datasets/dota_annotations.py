"""The classes of DOTA-v1.0 and its annotation files (paper, section 4.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (
    "baseball-diamond",
    "basketball-court",
    "bridge",
    "ground-track-field",
    "harbor",
    "helicopter",
    "large-vehicle",
    "plane",
    "roundabout",
    "ship",
    "small-vehicle",
    "soccer-ball-field",
    "storage-tank",
    "swimming-pool",
    "tennis-court",
)
"""In label order, 0 to 14: the alphabet's, not the order of torchgeo, whose 0 is plane."""
HEAD = ("large-vehicle", "ship", "small-vehicle")
MEDIUM = ("bridge", "harbor", "plane", "storage-tank", "swimming-pool", "tennis-court")
TAIL = (
    "baseball-diamond",
    "basketball-court",
    "ground-track-field",
    "helicopter",
    "roundabout",
    "soccer-ball-field",
)

_LABELS = {name: label for label, name in enumerate(CLASSES)}
_HEADERS = ("imagesource:", "gsd:")
_FORMAT = "a line reads: x1 y1 x2 y2 x3 y3 x4 y4 class difficult"


@dataclass(frozen=True)
class ObjectBox:
    """One annotated object.

    Attributes:
        corners: x and y of the four corners in pixels of the scene, in turn.
        label: index into ``CLASSES``.
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


def read_annotations(path: Path) -> list[ObjectBox]:
    """The objects of one scene, in the order of the file.

    Raises:
        TargetError: the file is missing, or a line is not in the format of DOTA-v1.0; the
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
    return [
        _parse(path, number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().lower().startswith(_HEADERS)
    ]


def _parse(path: Path, number: int, line: str) -> ObjectBox:
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
    if name not in _LABELS:
        raise TargetError(
            f"the class {name!r} is not one of DOTA-v1.0",
            where=where,
            remedy="use the annotations of version 1.0; 1.5 and 2.0 have other classes",
        )
    if difficult not in {"0", "1"}:
        raise TargetError(
            f"the difficult flag is {difficult!r}; it must be 0 or 1", where=where, remedy=_FORMAT
        )
    return ObjectBox(corners, _LABELS[name], difficult == "1")
