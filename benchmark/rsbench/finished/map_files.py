"""Write the labels of a scene's windows: polygons in a GeoPackage, or pixels of a GeoTIFF."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rsbench.atomic import write_file
from rsbench.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rsbench.finished.predict_map import LabelledMap

NODATA = -1.0
"""Class and confidence of a pixel without a window."""
_LAYER = "predictions"


def check_map_file(file: Path, scene: Path) -> None:
    """Refuse a file of another kind than the two, or the scene itself, before any work.

    Raises:
        SettingsError: its name ends in neither .gpkg nor .tif, or it is ``scene``.
    """
    if file.exists() and scene.exists() and file.samefile(scene):
        raise SettingsError(
            "the map would replace the scene", where=file, remedy="name another file with --map"
        )
    if file.suffix.lower() not in _FORMATS:
        raise SettingsError(
            f"a map is written to {' or '.join(_FORMATS)}, not to {file.suffix or 'another kind'}",
            where=file,
            remedy="name a GeoPackage (.gpkg) or a GeoTIFF (.tif) with --map",
        )


def write_map(labelled: LabelledMap, class_names: Sequence[str], file: Path) -> None:
    """Write ``labelled`` in the format that the name of ``file`` says.

    A GeoPackage has one polygon for each window, with the columns ``class`` and ``confidence``. A
    GeoTIFF has one pixel for each place of the grid: band 1 is the index of the class, whose names
    are the tags ``class_0``, ``class_1``, ... of the band, band 2 the confidence.

    Raises:
        SettingsError: the file cannot be written.
    """
    content = _FORMATS[file.suffix.lower()](labelled, class_names)
    try:
        write_file(file, content)
    except OSError as error:
        raise SettingsError(
            f"the map cannot be written: {error}", where=file, remedy="name another file with --map"
        ) from error


def _geopackage(labelled: LabelledMap, class_names: Sequence[str]) -> bytes:
    import pyogrio
    import shapely

    names = np.array([class_names[each] for each in labelled.classes], dtype=object)
    stream = io.BytesIO()
    with warnings.catch_warnings():  # there is none where the pixels are the coordinates
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
            stream,
            shapely.to_wkb(shapely.polygons(corners(labelled))),
            [names, labelled.confidences],
            ["class", "confidence"],
            driver="GPKG",
            layer=_LAYER,
            geometry_type="Polygon",
            crs=labelled.grid.crs or None,
        )
    return stream.getvalue()


def corners(labelled: LabelledMap) -> NDArray[np.float64]:
    """The corners of every window on the map, in turn, shape (windows, 4, 2)."""
    a, b, c, d, e, f = labelled.grid.transform
    x, y = (labelled.windows[:, edges].astype(np.float64) for edges in ([0, 2, 2, 0], [1, 1, 3, 3]))
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)


def _geotiff(labelled: LabelledMap, class_names: Sequence[str]) -> bytes:
    from rasterio.crs import CRS
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine

    grid = labelled.grid
    values = np.full((2, *grid.shape), NODATA, dtype=np.float32)
    rows, columns = labelled.places.T
    values[0, rows, columns] = labelled.classes
    values[1, rows, columns] = labelled.confidences
    a, b, c, d, e, f = grid.transform
    (left, top), (across, down) = grid.origin, grid.step
    x, y = a * left + b * top + c, d * left + e * top + f
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=2,
            height=grid.shape[0],
            width=grid.shape[1],
            dtype="float32",
            nodata=NODATA,
            crs=CRS.from_user_input(grid.crs) if grid.crs else None,
            transform=Affine(a * across, b * down, x, d * across, e * down, y),
            compress="deflate",
        ) as raster:
            raster.write(values)
            raster.descriptions = ("class", "confidence")
            raster.update_tags(1, **{f"class_{i}": name for i, name in enumerate(class_names)})
        content: bytes = memory.read()
    return content


_FORMATS = {".gpkg": _geopackage, ".tif": _geotiff, ".tiff": _geotiff}
