"""Open raster files through rasterio, and read values with the mask of where there is data."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import BandError, ImageError, MisfitImageError
from rsbench.images import check_regular, empty, is_raster, read_plain
from rsbench.tiff import check_tiff, several

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from rsbench_datasets.files.pixel_options import PixelOptions

#: GDAL's short cut for whole PNG files fills up a truncated one and reports no error. Files
#: beside an image are looked for by these names alone, and not among all that lie there.
_GDAL_OPTIONS = {"GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE"}
#: Drivers that read one file and what :func:`companions` names; others (VRT) lead to any file.
_DRIVERS = ("GTiff", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "PNG", "JPEG", "BMP", "GIF", "WEBP", "PNM")
#: Share of an alpha band that may be half transparent: edges that are smoothed are.
_HALF_OPAQUE = 0.1
_opening = threading.Lock()  # catch_warnings is not safe in threads


@contextmanager
def open_raster(path: Path, *, any_format: bool = False) -> Iterator[Any]:
    """The rasterio dataset ``path``, open for reading; decoding errors inside are ours too.

    Args:
        path: the file.
        any_format: read whatever GDAL reads, mosaics of other files among it; whoever asks for
            that sees to the content hash of all of ``files``.

    Raises:
        ImageError: the file is missing, empty or does not decode.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    check_regular(path)
    check_tiff(path)
    try:
        with rasterio.Env(**_GDAL_OPTIONS):
            with _opening, warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # plain pictures
                raster = rasterio.open(path)
            with raster:
                if not any_format and raster.driver not in _DRIVERS:
                    raise ImageError(
                        f"the file is of a kind that is not read ({raster.driver})",
                        where=path,
                        remedy="convert it to GeoTIFF (gdal_translate)",
                    )
                _check_whole(raster, path)
                yield raster
    except RasterioIOError as error:
        if path.stat().st_size == 0:
            raise empty(path) from error
        raise ImageError(
            f"the image does not decode: {error}",
            where=path,
            remedy="restore the file from its source, or leave it out",
        ) from error


def _check_whole(raster: Any, path: Path) -> None:
    """Refuse what GDAL reads a part of, or otherwise than Pillow.

    Raises:
        ImageError: the file holds several images.
        MisfitImageError: its numbers are no values: they count from white, are no grey, red,
            green or blue, or have fewer than 8 bits.
    """
    if raster.subdatasets:
        raise several(path, f"{len(raster.subdatasets)} subdatasets")
    about = raster.tags(ns="IMAGE_STRUCTURE")
    converted = raster.driver != "GTiff" or about.get("COMPRESSION") == "YCbCr JPEG"
    if about.get("MINISWHITE") == "YES":
        found = "values that count from white (0 is white)"
    elif "SOURCE_COLOR_SPACE" in about and not converted:
        found = f"the colours {about['SOURCE_COLOR_SPACE']}"
    elif int(raster.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8)) < 8:
        found = "fewer than 8 bits a sample"
    else:
        return
    raise MisfitImageError(
        f"the image has {found}, which readers take in different ways",
        where=path,
        remedy="save it as 8-bit grey or RGB",
    )


def companions(path: str) -> list[str]:
    """The files beside the image ``path`` that GDAL reads with it and that change its pixels.

    They hold its mask, its nodata value, its colours, or its scale. Others (overviews, world
    files) say nothing about the pixels.
    """
    whole, stem = os.path.basename(path), os.path.splitext(os.path.basename(path))[0]
    names = (*(whole + end for end in (".msk", ".MSK", ".aux.xml", ".aux")), f"{stem}.aux")
    beside = (os.path.join(os.path.dirname(path), name) for name in names)
    return [each for each in beside if os.path.isfile(each)]


def read_values(path: Path, options: PixelOptions) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """All bands of a file and where there is data, both of shape (bands, height, width).

    Plain 8-bit pictures are decoded by Pillow, TIFF and deeper files by rasterio.

    Raises:
        ImageError: the file is missing, empty or does not decode.
        BandError: the file has other bands.
    """
    bands = options.bands or ()
    plain = None if is_raster(path) else read_plain(path)
    if plain is None:
        with open_raster(path) as raster:
            found = raster_values(raster, bands)
            check_scale(raster, options)
            return found
    values = plain.transpose(2, 0, 1)
    if len(values) not in (2, 4) or len(values) == len(bands):
        check_band_count(len(values), bands, path)
        return values, np.ones(values.shape, dtype=np.bool_)
    check_band_count(len(values) - 1, bands, path)
    valid = _opaque(values[-1], bands, path)
    return values[:-1], np.broadcast_to(valid, values[:-1].shape)


def _opaque(alpha: NDArray[Any], bands: tuple[str, ...], where: str | Path) -> NDArray[np.bool_]:
    """Where an alpha band says that there is data.

    Raises:
        BandError: it says neither yes nor no in much of the image, as near infrared would that a
            program wrote as the fourth band of a picture: such files call it alpha.
    """
    between = np.count_nonzero((alpha != 0) & (alpha != alpha.max()))
    if between > _HALF_OPAQUE * alpha.size:
        raise BandError(
            f"the band after {', '.join(bands)} is declared as alpha, and "
            f"{between / alpha.size:.0%} of it is neither 0 nor {alpha.max():g}: it looks like a "
            "band of data",
            where=where,
            remedy="name it in 'bands', and leave it out with 'use' where you do not want it: "
            f"pixels: {{bands: [{', '.join(bands)}, other], use: [{', '.join(bands)}]}}",
        )
    return alpha > 0


def check_band_count(found: int, bands: tuple[str, ...], where: str | Path | None) -> None:
    """Refuse a file that has not as many bands as ``bands`` names.

    Raises:
        BandError: the numbers differ.
    """
    if found != len(bands):
        raise BandError(
            f"the file has {found} band{'s' * (found != 1)}, and 'bands' names {len(bands)} "
            f"({', '.join(bands)})",
            where=where,
            remedy="name every band of the file, in its order; 'use' then chooses among them",
        )


def check_scale(raster: Any, options: PixelOptions) -> None:
    """Refuse a raster that states another scale and offset than ``options`` do.

    Raises:
        BandError: they differ for a band that is used.
    """
    if options.full_scale is None or options.scale_tags == "ignore":
        return
    for band in dict.fromkeys(options.source_bands):
        index = (options.bands or ()).index(band)
        scale, offset = raster.scales[index], raster.offsets[index]
        if (scale, offset) == (1.0, 0.0):
            continue
        fits = (1.0 / scale, offset / scale)
        if not np.allclose(fits, (options.full_scale, options.offset or 0.0), rtol=1e-5):
            raise BandError(
                f"the file says that band {band} holds {scale:g} times its numbers, plus "
                f"{offset:g}; 'full_scale' {options.full_scale:g} and 'offset' "
                f"{options.offset or 0.0:g} are another scale",
                where=raster.name,
                remedy=f"state full_scale: {fits[0]:g}, offset: {fits[1]:g}, as the file does, or "
                "scale_tags: ignore where it is wrong",
            )


def nodata_sources(path: Path, bands: tuple[str, ...]) -> tuple[str, ...]:
    """What says in the image ``path`` where there is no data; () for nothing.

    Raises:
        ImageError: the file does not decode.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    if not is_raster(path):
        return ()
    with open_raster(path) as raster:
        flags = {flag for each in raster.mask_flag_enums[: len(bands)] for flag in each}
        nodata = sorted({f"{value:g}" for value in raster.nodatavals if value is not None})
        alpha = raster.count > len(bands) and raster.colorinterp[-1] == ColorInterp.alpha
        mask = MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags
    found = (
        f"the nodata value {', '.join(nodata)}" if nodata else "",
        "a mask" if mask else "",
        "an alpha band" if alpha else "",
    )
    return tuple(each for each in found if each)


def raster_values(
    raster: Any, bands: tuple[str, ...], window: Any = None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read the ``bands`` data bands of an open raster.

    An alpha band beyond them is no data band: it says where there is data, as do the nodata
    value and the mask of the file.

    Args:
        raster: an open rasterio dataset.
        bands: names of the data bands that the file should have.
        window: a rasterio window inside the raster; None for all of it.

    Returns:
        Values, shape (bands, height, width), and where there is data, bool, same shape.

    Raises:
        BandError: the file has another number of bands, or a colour palette.
    """
    from rasterio.enums import ColorInterp, MaskFlags

    colours = list(raster.colorinterp)
    if ColorInterp.palette in colours:
        raise BandError(
            "the image has a colour palette, whose numbers are no values",
            where=raster.name,
            remedy="convert it to grey or RGB",
        )
    has_alpha = raster.count == len(bands) + 1 and colours[-1] == ColorInterp.alpha
    check_band_count(raster.count - has_alpha, bands, raster.name)
    indexes = list(range(1, len(bands) + 1))
    values = raster.read(indexes, window=window)
    flags = raster.mask_flag_enums[: len(bands)]
    valid = np.ones(values.shape, dtype=np.bool_)
    if not all(MaskFlags.all_valid in each or MaskFlags.alpha in each for each in flags):
        valid = raster.read_masks(indexes, window=window) > 0
    if has_alpha:  # read by ourselves: GDAL minds 8-bit and unsigned 16-bit alpha only, and
        # calls a fourth 8-bit band alpha whatever it is
        valid &= _opaque(raster.read(raster.count, window=window), bands, raster.name)
    return values, valid
