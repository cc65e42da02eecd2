"""How the values in an image file become stored pixels: bands, scale, decibel and stretch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import BandError
from rsbench.images import read_rgb
from rsbench_datasets.files.pixel_options import DECIBELS, EIGHT_BIT, PixelOptions, imagery
from rsbench_datasets.files.rasters import check_band_count, read_values

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["PixelOptions", "convert", "imagery", "read_pixels"]


def read_pixels(path: Path, options: PixelOptions) -> NDArray[Any]:
    """Decode ``path``: ``imagery(options).dtype``, shape (height, width, bands).

    Without ``options.bands`` this is :func:`rsbench.images.read_rgb`. Otherwise plain pictures
    are decoded by Pillow and all other files by rasterio.

    Raises:
        ImageError: the file is missing, empty or does not decode.
        BandError: the file is not what ``options`` say.
    """
    if options.bands is None:
        return read_rgb(path)
    values, valid = read_values(path, options)
    return convert(values, valid, options, where=path)


def convert(
    values: NDArray[Any],
    valid: NDArray[np.bool_] | None,
    options: PixelOptions,
    *,
    where: str | Path | None = None,
) -> NDArray[Any]:
    """Turn the values of a file's bands into stored pixels.

    Args:
        values: all bands of the file, shape (bands, height, width), any real type.
        valid: where there is data, shape (height, width) or that of ``values``; None:
            everywhere. Values without data become 0.
        options: what the values are. Without ``options.bands``, ``values`` must be uint8 in one
            band (replicated) or three.
        where: file to name in messages.

    Returns:
        ``imagery(options).dtype``, shape (height, width, stored bands), contiguous.

    Raises:
        BandError: another number of bands than stated, values that cannot be stored (negative,
            not a number, too large, or not 8-bit without a scale), or a stretch that clips
            more than ``clip_limit`` of a band.
    """
    values = _choose(values, options, where)
    usable = _usable(values, valid, options)
    _refuse(
        ~np.isfinite(values) & usable, "NaN or infinite values", where,
        "mark them as no data with 'nodata' (nan for NaN)",
    )  # fmt: skip
    if options.stretch is None:
        stored = _keep(values, usable, options, where)
    else:
        stored = _stretch(_decibel(values, usable, options, where), usable, options, where)
    if not usable.all():
        stored[~usable] = 0
    return np.ascontiguousarray(stored.transpose(1, 2, 0))


def _choose(values: NDArray[Any], options: PixelOptions, where: str | Path | None) -> NDArray[Any]:
    """The stored bands, shape (stored bands, height, width)."""
    if values.ndim != 3 or values.dtype.kind not in "buif":
        raise _misfit(
            f"values of type {values.dtype} and shape {values.shape} are no bands of an image",
            where,
            "use images of whole or real numbers",
        )
    if options.bands is None:
        if values.dtype != np.uint8 or len(values) not in (1, 3):
            raise _misfit(
                f"the image has {len(values)} bands of type {values.dtype}",
                where,
                "name its bands in the option 'pixels', with 'full_scale' or 'stretch'",
            )
        return values if len(values) == 3 else np.repeat(values, 3, axis=0)
    check_band_count(len(values), options.bands, where)
    return _select(values, options)


def _usable(
    values: NDArray[Any], valid: NDArray[np.bool_] | None, options: PixelOptions
) -> NDArray[np.bool_]:
    """Where the stored bands have data, shape of ``values``."""
    usable = np.ones(values.shape, dtype=np.bool_)
    if valid is not None:
        usable &= valid if valid.ndim == 2 or len(valid) == 1 else _select(valid, options)
    if options.nodata == "nan":
        usable &= ~np.isnan(values)
    elif options.nodata is not None:
        kind = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
        usable &= values != np.array(options.nodata).astype(kind)
    return usable


def _select(bands: NDArray[Any], options: PixelOptions) -> NDArray[Any]:
    names = options.bands or options.source_bands
    return bands[[names.index(band) for band in options.source_bands]]


def _keep(
    values: NDArray[Any], usable: NDArray[np.bool_], options: PixelOptions, where: str | Path | None
) -> NDArray[Any]:
    """The values as they are, or as ten-thousandths of ``full_scale``."""
    if options.full_scale is None and values.dtype != np.uint8:
        raise _misfit(
            f"the values are {values.dtype}, from {values.min():g} to {values.max():g}",
            where,
            "state 'full_scale' (the value that stands for 1.0: 10000 for Sentinel-2, 1 for "
            "fractions), or 'stretch' [low, high] to map them to 8 bits",
        )
    if options.offset is None:
        _refuse(
            (values < 0) & usable, "negative values", where,
            "mark them as no data with 'nodata'; or state 'offset', the number to add to all values"
            " (0 makes 0 of a few negative ones); or state 'stretch' [low, high]",
        )  # fmt: skip
    else:
        values = _shift(values, usable, options, where)
    _refuse_fractions(values, usable, options, where)
    look = imagery(options)
    if values.dtype == look.dtype and look.full_scale == (options.full_scale or EIGHT_BIT):
        return values.copy()
    factor = look.full_scale / (options.full_scale or EIGHT_BIT)
    scaled = np.where(usable, values, 0).astype(np.float64) * factor
    top = np.iinfo(look.dtype).max
    _refuse(
        scaled > top, f"values above {top / factor:g}, the largest that can be stored", where,
        "state the 'full_scale' of these values, or 'stretch' [low, high]",
    )  # fmt: skip
    return np.rint(scaled).astype(look.dtype)


def _shift(
    values: NDArray[Any], usable: NDArray[np.bool_], options: PixelOptions, where: str | Path | None
) -> NDArray[Any]:
    """The values with ``offset`` added, 0 where that is below 0; whole numbers stay whole."""
    offset = options.offset or 0.0
    whole = values.dtype.kind != "f" and offset.is_integer()
    shifted = values.astype(np.int64) + int(offset) if whole else values.astype(np.float64) + offset
    for channel, band in enumerate(options.source_bands):
        kept = shifted[channel][usable[channel]]
        below = np.count_nonzero(kept < 0)
        if below > options.clip_limit * kept.size:
            raise _misfit(
                f"{below / kept.size:.0%} of band {band} is below 0 with an 'offset' of {offset:g}",
                where,
                "state the 'offset' of these files, mark no data with 'nodata', or allow more with "
                "'clip_limit'",
            )
    clipped = np.maximum(shifted, 0)
    stored = imagery(options).dtype
    fits = whole and clipped.max(initial=0) <= np.iinfo(stored).max
    return clipped.astype(stored) if fits else clipped


def _refuse_fractions(
    values: NDArray[Any], usable: NDArray[np.bool_], options: PixelOptions, where: str | Path | None
) -> None:
    """Refuse fractions from 0 to 1 where numbers up to a large full scale were announced."""
    if values.dtype.kind != "f" or options.full_scale is None or options.full_scale < EIGHT_BIT:
        return
    highest = values.max(initial=0.0, where=usable)
    if 0.0 < highest <= 1.0:
        raise _misfit(
            f"the values are fractions up to {highest:g}, and 'full_scale' is "
            f"{options.full_scale:g}: all of them would become 0 or 1",
            where,
            "state 'full_scale: 1'",
        )


def _decibel(
    values: NDArray[Any], usable: NDArray[np.bool_], options: PixelOptions, where: str | Path | None
) -> NDArray[np.float32]:
    """Values as float32, in decibel where asked; zero becomes minus infinity."""
    real = np.where(usable, values, 1).astype(np.float32)
    if options.decibel == "no":
        return real
    _refuse(
        real < 0, "negative values, which linear backscatter has not", where,
        "leave out 'decibel' where the file holds decibels already; mark no data with 'nodata'",
    )  # fmt: skip
    with np.errstate(divide="ignore"):
        decibels: NDArray[np.float32] = np.log10(real) * np.float32(DECIBELS[options.decibel])
    return decibels


def _stretch(
    real: NDArray[np.float32],
    usable: NDArray[np.bool_],
    options: PixelOptions,
    where: str | Path | None,
) -> NDArray[np.uint8]:
    stored = np.empty(real.shape, dtype=np.uint8)
    for channel, band in enumerate(options.source_bands):
        limits = options.stretch
        low, high = limits[band] if isinstance(limits, dict) else limits or (0.0, 1.0)
        kept = real[channel][usable[channel]]
        clipped = np.count_nonzero((kept < low) | (kept > high))
        if clipped > options.clip_limit * kept.size:
            raise _misfit(
                f"{clipped / kept.size:.0%} of band {band} lies outside 'stretch' {low:g} to "
                f"{high:g}: its values run from {kept.min():g} to {kept.max():g}",
                where,
                "choose a 'stretch' that covers the values, mark no data with 'nodata', or allow "
                "more with 'clip_limit'",
            )
        share = (np.clip(real[channel], low, high) - low) / (high - low)
        stored[channel] = np.rint(share * EIGHT_BIT)
    return stored


def _refuse(wrong: NDArray[np.bool_], what: str, where: str | Path | None, remedy: str) -> None:
    count = np.count_nonzero(wrong)
    if count:
        raise _misfit(f"{count} of {wrong.size} values are wrong: {what}", where, remedy)


def _misfit(what: str, where: str | Path | None, remedy: str) -> BandError:
    return BandError(what, where=where, remedy=remedy)
