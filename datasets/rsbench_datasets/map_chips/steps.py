"""How a chip is cut and read, in words, and the options that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.file_reader import PICTURE_STEPS
from rsbench_datasets.files.pixel_steps import pixel_steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rsbench_datasets.map_chips.options import MapChipsOptions

#: Options that decide which pixels a chip is made of, and how their values are read.
READING = frozenset(
    {"chip_size", "chip_metres", "cut", "margin", "margin_metres", "largest", "edges", "nodata",
     "pixels", "coordinates"}
)  # fmt: skip
_EDGES = {
    "shift": "is moved inside",
    "pad": "is padded with 0",
    "skip": "is left out",
}


def chip_steps(options: MapChipsOptions) -> tuple[str, ...]:
    """From a scene to the stored pixels of a chip."""
    value = options.nodata.value
    stated = "" if value is None else f", or every band is {value:g}"
    without_data = (
        "where every band is without data (nodata value, mask, alpha band), a band is NaN"
        f"{stated}, or outside of the scene"
    )
    pixels = pixel_steps(options.pixels, without_data)
    if pixels == PICTURE_STEPS:
        pixels = (*pixels, f"0 {without_data}")
    return (f"windows of a scene: {'; '.join(_windows(options))}", *pixels)


def _windows(options: MapChipsOptions) -> Iterator[str]:
    if options.chip_metres is not None:
        yield f"squares of {options.chip_metres:g} metres around a point"
    elif options.chip_size is not None:
        yield f"squares of {options.chip_size} pixels around a point"
    if options.cut == "bounds":
        margins = f"{options.margin} pixels and {options.margin_metres:g} metres"
        yield f"the bounds of a labelled box or polygon, and {margins} on each side"
    yield f"one that reaches over the edge {_EDGES[options.edges]}"
    yield f"one with more than {options.nodata.most:.0%} without data is left out"
    if options.coordinates == "map":
        yield "north is up where the scene lies along the axes of its map"
