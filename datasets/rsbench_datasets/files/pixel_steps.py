"""How the values in an image file become stored pixels, in words: for exports and messages."""

from __future__ import annotations

from collections.abc import Iterator

from rsbench.file_reader import PICTURE_STEPS
from rsbench_datasets.files.pixel_options import DECIBELS, EIGHT_BIT, PixelOptions, imagery

WITHOUT_DATA = "where the file's nodata value, mask or alpha band says that there is no data"


def pixel_steps(options: PixelOptions, without_data: str = WITHOUT_DATA) -> tuple[str, ...]:
    """What :func:`rsbench_datasets.files.pixels.convert` does, in the order in which it does it.

    Args:
        options: what the values are.
        without_data: where pixels have no data, besides the option ``nodata``.
    """
    if options.bands is None:
        return PICTURE_STEPS
    values = _stretched(options) if options.stretch is not None else _kept(options)
    stated = "" if options.nodata is None else f", and values of {options.nodata}"
    return (*_bands(options), *values, f"0 {without_data}{stated}")


def _bands(options: PixelOptions) -> Iterator[str]:
    yield f"the bands of the file are, in this order: {', '.join(options.bands or ())}"
    if isinstance(options.use, dict):
        used = ", ".join(f"{name} (its {band})" for name, band in options.use.items())
        yield f"these are used, in this order: {used}"
    elif options.use is not None:
        yield f"these are used, in this order: {', '.join(options.use)}"


def _stretched(options: PixelOptions) -> Iterator[str]:
    if options.decibel != "no":
        yield f"decibel: {DECIBELS[options.decibel]:g} * log10({options.decibel})"
    limits = options.stretch
    if isinstance(limits, dict):
        bands = dict.fromkeys(options.source_bands)
        ranges = ", ".join(f"{band} {limits[band][0]:g} to {limits[band][1]:g}" for band in bands)
    else:
        low, high = limits or (0.0, EIGHT_BIT)
        ranges = f"{low:g} to {high:g}"
    yield f"stretch: {ranges} become 0 to 255; what lies outside is clipped; rounded to 8 bits"


def _kept(options: PixelOptions) -> Iterator[str]:
    look = imagery(options)
    if options.offset is not None:
        yield f"offset: {options.offset:g} is added; what is below 0 becomes 0"
    stated = options.full_scale or EIGHT_BIT
    if stated != look.full_scale:
        yield f"times {look.full_scale / stated:g}, rounded: {stated:g} becomes {look.full_scale:g}"
    yield f"kept as {look.pixels}, in which {look.full_scale:g} stands for 1.0"
