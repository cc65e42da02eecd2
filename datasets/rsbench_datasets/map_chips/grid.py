"""Windows on a grid over a whole scene, each cut as the chip of a labelled point is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import BandError, ImageError, TargetError
from rsbench.file_reader import Chip, SceneGrid
from rsbench_datasets.map_chips.headers import Scene, read_header
from rsbench_datasets.map_chips.options import MapChipsOptions
from rsbench_datasets.map_chips.placement import Outcome, reasons, try_windows
from rsbench_datasets.map_chips.reading import Window, read_chips
from rsbench_datasets.map_chips.windows import chip_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_MISFIT = "have a chip whose values are not what the option 'pixels' of the cell says"


@dataclass(frozen=True)
class ChipGrid(SceneGrid):
    """Places of a grid, and the chips that the target would cut around points in their middles.

    Attributes:
        scene: what its header says.
        options: of the target, with a size of chips.
    """

    scene: Scene
    options: MapChipsOptions

    def chips(self) -> Iterator[Chip]:
        """See :meth:`rsbench.file_reader.SceneGrid.chips`; a row of the grid is read at once."""
        why = reasons(self.options)
        for row in range(self.shape[0]):
            outcomes, windows, _ = try_windows(self.scene, self._wanted(row), self.options)
            edges = [_window(each) for each in windows]
            images = self._read([edges[i] for i in np.flatnonzero(outcomes == Outcome.PLACED)])
            for column, outcome in enumerate(outcomes.tolist()):
                image = next(images) if outcome == Outcome.PLACED else why[Outcome(outcome)]
                yield Chip(row, column, edges[column], image)

    def _wanted(self, row: int) -> NDArray[np.int64]:
        """The windows of a row of the grid, wherever the scene ends."""
        x = self.origin[0] + self.step[0] * (np.arange(self.shape[1]) + 0.5)
        y = np.full_like(x, self.origin[1] + self.step[1] * (row + 0.5))
        are_points = np.ones(len(x), dtype=np.bool_)
        return chip_windows(self.scene, np.stack([x, y, x, y], axis=1), are_points, self.options)

    def _read(self, windows: Sequence[Window]) -> Iterator[NDArray[Any] | str]:
        """The chips in order, or why there is none."""
        options = self.options
        try:
            chips = list(read_chips(self.scene, windows, options.pixels, options.nodata.value))
        except BandError:  # the values of one are not what they should be: which one?
            if len(windows) > 1:
                for each in windows:
                    yield from self._read([each])
            else:
                yield _MISFIT
            return
        for chip in chips:
            if not isinstance(chip, ImageError):
                yield chip
            elif options.on_bad_image == "error":
                raise chip
            else:
                yield reasons(options)[Outcome.UNREADABLE]


def chip_grid(
    path: Path, tile: int | None, step: int | None, *, options: MapChipsOptions
) -> ChipGrid:
    """The grid over the scene ``path``.

    Args:
        path: any raster that GDAL reads.
        tile: side of chips in pixels, in place of the one in ``options``.
        step: pixels from one chip to the next; by default their side in the middle of the scene.
        options: of the target.

    Raises:
        ImageError: the file is missing or is no image.
        BandError: it has other bands than the option ``pixels`` says.
        TargetError: it does not say where it lies, or nothing says how large chips are.
    """
    if tile is not None:
        options = options.model_copy(update={"chip_size": tile, "chip_metres": None})
    if options.chip_size is None and options.chip_metres is None:
        raise TargetError(
            "the chips of the cell were the bounds of labelled shapes, of no single size",
            where=path,
            remedy="say with --tile how many pixels a side windows have",
        )
    scene = read_header(path.name, path.absolute(), options)
    width, height = _sides(scene, options)
    across, down = (step, step) if step is not None else (width, height)
    return ChipGrid(
        crs=scene.crs,
        transform=scene.transform,
        origin=((width - across) / 2, (height - down) / 2),
        step=(across, down),
        shape=(_places(scene.height, height, down), _places(scene.width, width, across)),
        scene=scene,
        options=options,
    )


def _sides(scene: Scene, options: MapChipsOptions) -> tuple[int, int]:
    """Width and height, in pixels, of a chip in the middle of the scene."""
    middle = np.array([[scene.width, scene.height, scene.width, scene.height]]) / 2
    x1, y1, x2, y2 = _window(chip_windows(scene, middle, np.ones(1, dtype=np.bool_), options)[0])
    return x2 - x1, y2 - y1


def _places(pixels: int, side: int, step: int) -> int:
    """How many places cover ``pixels``; none begins outside."""
    return max(0, min(-(-(pixels - side) // step), (pixels - 1) // step)) + 1


def _window(edges: NDArray[np.int64]) -> Window:
    x1, y1, x2, y2 = edges.tolist()
    return x1, y1, x2, y2
