"""Read whole scenes, or windows of them, through rasterio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.images import read_rgb, unsupported
from rsbench_datasets.files.rasters import open_raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Its colours come out otherwise than Pillow's, which reads all other pictures.
_JPEG = "JPEG"

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels; x2 and y2 excluded."""


def scene_size(path: Path) -> tuple[int, int]:
    """Width and height of a scene in pixels, from its header.

    Raises:
        ImageError: the file is missing or is no image.
    """
    with open_raster(path) as scene:
        return int(scene.width), int(scene.height)


def read_scene(path: Path) -> NDArray[np.uint8]:
    """The whole scene: uint8, shape (3, height, width), RGB.

    Raises:
        ImageError: the file is missing, does not decode, or is not 8-bit grey or RGB.
    """
    with open_raster(path) as scene:
        if scene.driver == _JPEG:
            return np.ascontiguousarray(read_rgb(path).transpose(2, 0, 1))
        return _three_bands(scene.read(_bands(scene, path)))


def read_window(path: Path, box: Box) -> NDArray[np.uint8]:
    """One box of the scene: uint8, shape (height, width, 3), RGB.

    Raises:
        ImageError: as for :func:`read_scene`.
    """
    x1, y1, x2, y2 = box
    with open_raster(path) as scene:
        if scene.driver == _JPEG:
            return np.ascontiguousarray(read_rgb(path)[y1:y2, x1:x2])
        window = scene.read(_bands(scene, path), window=((y1, y2), (x1, x2)))
    return np.ascontiguousarray(_three_bands(window).transpose(1, 2, 0))


def crop(scene: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Cut one box out of :func:`read_scene`'s result: uint8, shape (height, width, 3)."""
    x1, y1, x2, y2 = box
    return np.ascontiguousarray(scene[:, y1:y2, x1:x2].transpose(1, 2, 0))


def _bands(scene: Any, path: Path) -> list[int]:
    """Band numbers of red, green and blue, or of the one grey band."""
    from rasterio.enums import ColorInterp

    if set(scene.dtypes) != {"uint8"}:
        raise unsupported(path, f"the pixel type {scene.dtypes[0]}")
    colours = [band for band in scene.colorinterp if band != ColorInterp.alpha]
    if len(colours) not in (1, 3):
        raise unsupported(path, f"{len(colours)} bands")
    if ColorInterp.palette in colours:
        raise unsupported(path, "a colour palette")
    return list(range(1, len(colours) + 1))


def _three_bands(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels if len(pixels) == 3 else np.repeat(pixels, 3, axis=0)
