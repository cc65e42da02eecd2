"""Find scenes and read their headers: size, place on the map, and what identifies them."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.errors import BandError, NotPreparedError, TargetError
from rsbench.image_files import FoundImages, look_below, passed_over
from rsbench.imagery import RGB
from rsbench_datasets.class_folders import natural_order
from rsbench_datasets.files.digests import FileDigests
from rsbench_datasets.files.rasters import check_band_count, check_scale, open_raster

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rsbench.folders import Folders
    from rsbench_datasets.map_chips.options import MapChipsOptions

#: Suffixes of the scenes in a folder; any file that GDAL reads can be named by itself.
SCENE_SUFFIXES = frozenset({".tif", ".tiff", ".vrt", ".jp2"})

#: Files beside a scene that say nothing about its pixels. Where they say where the scene lies,
#: or what is nodata, the header has it.
_BESIDE = (".aux.xml", ".ovr", ".prj", ".tfw", ".tifw", ".wld", ".j2w", ".tab")

Transform = tuple[float, float, float, float, float, float]
"""a, b, c, d, e, f: x = a * column + b * row + c and y = d * column + e * row + f."""


@dataclass(frozen=True)
class Scene:
    """What the header of a scene says.

    Attributes:
        name: path below the folder that all scenes share; part of sample ids.
        path: the file.
        width: columns.
        height: rows.
        transform: from pixels to the coordinate system; (0, 0) is the outer corner of the
            first pixel.
        crs: coordinate system as text that pyproj reads, or "" in pixel coordinates.
        bands: names of its bands of data, without an alpha band.
        may_lack_data: whether pixels can be without data.
        digest: SHA-256 over the pixels as stored and how their header says to read them; ""
            where it is of no data set.
    """

    name: str
    path: Path
    width: int
    height: int
    transform: Transform
    crs: str
    bands: tuple[str, ...]
    may_lack_data: bool
    digest: str


def find_scenes(listed: str | Sequence[str], folders: Folders) -> tuple[list[Path], str]:
    """The scene files that the option ``scenes`` names, each once, and what was passed over.

    Returns:
        The files, and in words what else there was in folders ("" for nothing).

    Raises:
        NotPreparedError: a file, folder or pattern leads to nothing.
    """
    found = FoundImages()
    for entry in [listed] if isinstance(listed, str) else listed:
        path = folders.resolve(entry)
        below = _below(path)
        if not below.images:
            raise NotPreparedError(
                f"the option 'scenes' names {entry!r}, where there is no scene",
                where=path,
                remedy="relative paths start from the matrix file's folder; in folders, scenes "
                f"end in {', '.join(sorted(SCENE_SUFFIXES))}",
            )
        found += below
    return list(dict.fromkeys(found.images)), found.left_out


def _below(path: Path) -> FoundImages:
    if path.is_file():
        return FoundImages([path])
    if path.is_dir():
        found = look_below(path, SCENE_SUFFIXES)
        dead = [each for each in found.images if not each.is_file()]
        found.special += [each.name for each in dead]
        found.images = [each for each in found.images if each not in dead]
        return found
    stated = set(path.parts)  # a hidden folder that is named is meant
    files = [each for each in map(Path, glob.glob(str(path), recursive=True)) if each.is_file()]
    hidden = [each for each in files if any(map(passed_over, set(each.parts) - stated))]
    return FoundImages(
        [each for each in files if each not in hidden], [each.name for each in hidden]
    )


def read_headers(
    paths: Iterable[Path], options: MapChipsOptions, digests: FileDigests
) -> tuple[Scene, ...]:
    """The headers of ``paths``, in natural order of their names.

    Raises:
        ImageError: a file is missing or is no image.
        BandError: a scene has other bands than the option ``pixels`` says.
        TargetError: a scene has no coordinate system or does not say where it lies.
    """
    files = [Path(os.path.abspath(path)) for path in paths]
    digests.of(files)  # all at once, so that they are remembered in one go
    base = Path(os.path.commonpath([file.parent for file in files]))
    named = {file.relative_to(base).as_posix(): file for file in files}
    order = sorted(named, key=natural_order)
    return tuple(read_header(name, named[name], options, digests) for name in order)


def read_header(
    name: str, path: Path, options: MapChipsOptions, digests: FileDigests | None = None
) -> Scene:
    """The header of one scene, without a digest where ``digests`` are not given.

    Raises:
        ImageError: the file is missing or is no image.
        BandError: it has other bands than the option ``pixels`` says.
        TargetError: it has no coordinate system or does not say where it lies.
    """
    with open_raster(path, any_format=True) as raster:
        bands = _data_bands(raster, options, path)
        check_scale(raster, options.pixels)
        transform, crs = _place(raster, options, path)
        return Scene(
            name=name,
            path=path,
            width=int(raster.width),
            height=int(raster.height),
            transform=transform,
            crs=crs,
            bands=bands,
            may_lack_data=_may_lack_data(raster, bands, options),
            digest="" if digests is None else _digest(raster, path, digests),
        )


def _data_bands(raster: Any, options: MapChipsOptions, path: Path) -> tuple[str, ...]:
    from rasterio.enums import ColorInterp

    count, has_alpha = int(raster.count), raster.colorinterp[-1] == ColorInterp.alpha
    named = options.pixels.bands
    if named is not None:  # GDAL calls a fourth 8-bit band alpha, whatever it is
        check_band_count(count - (has_alpha and count > len(named)), named, path)
        return named
    count -= has_alpha
    if count not in (1, 3) or set(raster.dtypes) != {"uint8"}:
        raise BandError(
            f"the scene has {count} band{'s' * (count != 1)} of type {raster.dtypes[0]}, "
            "and is no 8-bit grey or RGB picture",
            where=path,
            remedy="name its bands in the option 'pixels', with 'full_scale' or 'stretch'",
        )
    return RGB if count == 3 else ("grey",)


def _place(raster: Any, options: MapChipsOptions, path: Path) -> tuple[Transform, str]:
    a, b, c, d, e, f = (float(number) for number in tuple(raster.transform)[:6])
    if options.coordinates == "pixels":
        return (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), ""
    crs = raster.crs.to_wkt() if raster.crs else options.scenes_crs or ""
    if not crs or raster.transform.is_identity:
        points = raster.gcps[0]
        lacks = "coordinate system" if not crs else "transform from pixels to the map"
        raise TargetError(
            f"the scene has no {lacks}"
            + (f", only {len(points)} ground control points" if points else ""),
            where=path,
            remedy="warp it to a map grid (gdalwarp)" if points
            else "write it into the file (gdal_edit), or state 'scenes_crs' where only the "
            "coordinate system is missing, or 'coordinates: pixels' where the labels are in "
            "pixels of their scene",
        )  # fmt: skip
    if a * e == b * d:
        raise TargetError(
            f"the transform from pixels to the map has no inverse: {(a, b, c, d, e, f)}",
            where=path,
            remedy="mend it (gdal_edit)",
        )
    return (a, b, c, d, e, f), crs


def _may_lack_data(raster: Any, bands: tuple[str, ...], options: MapChipsOptions) -> bool:
    from rasterio.enums import MaskFlags

    flags = raster.mask_flag_enums[: len(bands)]
    stated = options.nodata.value is not None
    real = any(dtype.startswith("float") for dtype in raster.dtypes)  # they can be NaN
    return stated or real or any(MaskFlags.all_valid not in each for each in flags)


def _digest(raster: Any, path: Path, digests: FileDigests) -> str:
    others = sorted(Path(file) for file in raster.files if not file.lower().endswith(_BESIDE))
    files = [path, *(file for file in others if file.is_file() and file != path)]
    made_of = [
        digests.of(files),
        list(raster.dtypes),
        [repr(value) for value in raster.nodatavals],
        [colour.name for colour in raster.colorinterp],
    ]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()
