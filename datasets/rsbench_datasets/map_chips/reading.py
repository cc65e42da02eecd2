"""Read windows of scenes: their pixels, and how much of them has no data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import ImageError
from rsbench_datasets.files.pixels import convert
from rsbench_datasets.files.rasters import open_raster, raster_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rsbench_datasets.files.pixels import PixelOptions
    from rsbench_datasets.map_chips.headers import Scene

Window = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels of the scene; x2 and y2 excluded. It may reach outside."""

#: Chips are read from an open scene in portions of this many pixels, to bound the memory.
_PORTION = 1 << 24


def read_chips(
    scene: Scene, windows: Sequence[Window], pixels: PixelOptions, nodata: float | None
) -> Iterator[NDArray[Any] | ImageError]:
    """The chips in order, each (height, width, bands) in the type that ``pixels`` store.

    North is up and east is right where the scene lies along the axes of its map, whichever
    way its rows and columns run. Pixels without data, and outside the scene, are 0.

    Args:
        scene: opened once, or once per portion where the chips are many.
        windows: what to read.
        pixels: what the values are.
        nodata: value of pixels without data, besides what the scene says.

    Yields:
        A chip, or why it does not decode.

    Raises:
        BandError: the scene's bands or values are not what ``pixels`` say.
    """
    for portion in _portions(windows):
        try:
            chips = _read_portion(scene, portion, pixels, nodata)
        except ImageError as error:  # the scene does not open
            yield from [error] * len(portion)
        else:
            yield from chips


def _portions(windows: Sequence[Window]) -> Iterator[list[Window]]:
    portion: list[Window] = []
    total = 0
    for x1, y1, x2, y2 in windows:
        area = (x2 - x1) * (y2 - y1)
        if portion and total + area > _PORTION:
            yield portion
            portion, total = [], 0
        portion.append((x1, y1, x2, y2))
        total += area
    if portion:
        yield portion


def _read_portion(
    scene: Scene, windows: Sequence[Window], pixels: PixelOptions, nodata: float | None
) -> list[NDArray[Any] | ImageError]:
    chips: list[NDArray[Any] | ImageError] = []
    with open_raster(scene.path, any_format=True) as raster:
        for window in windows:
            values = _values(raster, scene, window, nodata)
            if isinstance(values, ImageError):
                chips.append(values)
            else:
                chips.append(_north_up(convert(*values, pixels, where=scene.path), scene))
    return chips


def nodata_shares(
    scene: Scene, windows: NDArray[np.int64], nodata: float | None
) -> tuple[NDArray[np.float64], list[ImageError]]:
    """Share of pixels without data in each window; pixels outside the scene are such pixels.

    Args:
        scene: opened once.
        windows: x1, y1, x2, y2 per row, shape (windows, 4).
        nodata: value of pixels without data, besides what the scene says.

    Returns:
        The shares, shape (windows,), NaN where a window does not decode, and why those do not.

    Raises:
        ImageError: the scene does not open.
        BandError: the scene has other bands than it should.
    """
    shares = np.full(len(windows), np.nan)
    errors = []
    with open_raster(scene.path, any_format=True) as raster:
        for index, (x1, y1, x2, y2) in enumerate(windows.tolist()):
            values = _values(raster, scene, (x1, y1, x2, y2), nodata)
            if isinstance(values, ImageError):
                errors.append(values)
            else:
                shares[index] = np.count_nonzero(~values[1]) / values[1].size
    return shares, errors


def _values(
    raster: Any, scene: Scene, window: Window, nodata: float | None
) -> tuple[NDArray[Any], NDArray[np.bool_]] | ImageError:
    """Values (bands, height, width) and where there is data (height, width), padded to size."""
    from rasterio.errors import RasterioIOError

    x1, y1, x2, y2 = window
    left, top = max(x1, 0), max(y1, 0)
    right, bottom = min(x2, scene.width), min(y2, scene.height)
    try:
        inside, has_data = raster_values(raster, scene.bands, ((top, bottom), (left, right)))
    except RasterioIOError as error:
        return ImageError(
            f"columns {left} to {right} of rows {top} to {bottom} do not decode: {error}",
            where=scene.path,
            remedy="restore the scene from its source, or leave such chips out with "
            "'on_bad_image: skip'",
        )
    # Without data: nodata in every band (one dark band is no hole), or no number in any.
    usable: NDArray[np.bool_] = np.any(has_data, axis=0)
    if inside.dtype.kind == "f":
        usable = usable & ~np.isnan(inside).any(axis=0)
    if nodata is not None:
        usable = usable & (inside != nodata).any(axis=0)
    if (left, top, right, bottom) == window:
        return inside, usable
    values = np.zeros((len(scene.bands), y2 - y1, x2 - x1), dtype=inside.dtype)
    valid = np.zeros(values.shape[1:], dtype=np.bool_)
    rows, columns = slice(top - y1, bottom - y1), slice(left - x1, right - x1)
    values[:, rows, columns] = inside
    valid[rows, columns] = usable
    return values, valid


def _north_up(chip: NDArray[Any], scene: Scene) -> NDArray[Any]:
    a, b, _, d, e, _ = scene.transform
    if (b, d) != (0.0, 0.0) or not scene.crs:
        return chip
    turned = chip[:: -1 if e > 0 else 1, :: -1 if a < 0 else 1]
    return np.ascontiguousarray(turned)
