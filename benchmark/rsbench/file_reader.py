"""How files that are of no data set become what a target reads: for ``predict`` and ``export``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rsbench.errors import TargetError
from rsbench.imagery import Imagery
from rsbench.images import read_rgb
from rsbench.target import PICTURES

PICTURE_STEPS = ("8-bit RGB; grey is repeated, alpha dropped",)
"""How an 8-bit picture becomes stored pixels."""


@dataclass(frozen=True)
class Chip:
    """One window of a scene.

    Attributes:
        row: of its place in the grid.
        column: of its place in the grid.
        window: x1, y1, x2, y2 in pixels of the scene; x2 and y2 excluded. It may reach outside.
        image: as ``Target.read`` gives it, or why there is none ("have a chip that ...").
    """

    row: int
    column: int
    window: tuple[int, int, int, int]
    image: NDArray[Any] | str


@dataclass(frozen=True)
class SceneGrid(ABC):
    """The places of a regular grid in a scene, and the chip that a target would cut at each.

    Attributes:
        crs: coordinate system of the scene as text, "" where its pixels are the coordinates.
        transform: a, b, c, d, e, f from pixels (column, row) of the scene to it: x = a * column
            + b * row + c and y = d * column + e * row + f.
        origin: column and row of the outer corner of the first place, pixels.
        step: columns and rows from one place to the next, pixels.
        shape: rows and columns of the grid.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    origin: tuple[float, float]
    step: tuple[int, int]
    shape: tuple[int, int]

    @abstractmethod
    def chips(self) -> Iterator[Chip]:
        """The chip of every place, row after row, read as they are asked for.

        Raises:
            ImageError: the scene does not open or decode, and is not to be skipped.
        """


def _no_grid(scene: Path, tile: int | None, step: int | None) -> SceneGrid:
    del tile, step
    raise TargetError(
        "the cell was trained on image files, and cuts no windows of scenes",
        where=scene,
        remedy="cut the scene into files like those it was trained on (gdal_retile), and label "
        "their folder without --map",
    )


@dataclass(frozen=True)
class FileReader:
    """How a file that is of no data set becomes what ``Target.read`` gives; pictures by default.

    Attributes:
        read: decodes a file: ``imagery.dtype``, shape (height, width, bands). Raises TargetError
            for what is no such file.
        imagery: bands and meaning of what ``read`` returns.
        steps: what ``read`` does to the values of a file, step by step, in words.
        options: the options of the target that say so, defaults included, as JSON values.
        grid: (scene, side of windows, step between them, in pixels; None: as the target has it)
            to the windows of a scene. Raises TargetError where the target cuts none.
    """

    read: Callable[[Path], NDArray[Any]] = read_rgb
    imagery: Imagery = PICTURES
    steps: tuple[str, ...] = PICTURE_STEPS
    options: dict[str, Any] = field(default_factory=dict)
    grid: Callable[[Path, int | None, int | None], SceneGrid] = _no_grid
