"""What the values of image files are, as a matrix states it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, field_validator, model_validator

from rsbench.imagery import RGB, Imagery, Pixels, Quantity
from rsbench.settings import Fraction, Settings
from rsbench.target import PICTURES

Use = (
    Annotated[tuple[str, ...], Field(min_length=1)] | Annotated[dict[str, str], Field(min_length=1)]
)
"""Names of bands to keep, or new names of bands with the names they have in the file."""

Stretch = tuple[float, float]
"""The values that become 0 and 255."""

FRACTION_SCALE = 10_000.0
"""Stored value that stands for 1.0 where a file holds fractions (reflectance from 0 to 1)."""

EIGHT_BIT = 255.0
DECIBELS = {"amplitude": 20.0, "intensity": 10.0}
"""What the logarithm of linear backscatter is multiplied by."""
_DEEPEST = 65535.0


def _nan_by_name(value: object) -> object:
    return "nan" if isinstance(value, float) and np.isnan(value) else value


class PixelOptions(Settings):
    """What the values of image files are, as a matrix states it.

    Without ``bands``, files are 8-bit grey or RGB pictures. With ``bands``, values are kept as
    they are, 8-bit or (with ``full_scale``) 16-bit, or mapped to 8 bits by ``stretch``.
    """

    bands: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Names of the file's bands, in the file's order; by default an 8-bit grey or RGB picture."""
    quantity: Quantity = "display"
    """What the values are after conversion: display, reflectance, decibel or amplitude."""
    full_scale: Annotated[float, Field(gt=0.0, le=_DEEPEST)] | None = None
    """Value in the file that stands for 1.0: 10000 for Sentinel-2, 1 for reflectance from 0 to 1;
    by default 255, for 8-bit files. Fractions (below 255) are kept to a ten-thousandth."""
    offset: float | None = None
    """What is added to the values of the file before ``full_scale`` divides them: -1000 for
    Sentinel-2 since processing baseline 04.00. Values below 0 then become 0, and the share of
    zeros is told; 0 says so of files with a few negative values. Without it, they are an error."""
    scale_tags: Literal["check", "ignore"] = "check"
    """What to do about scale and offset that a file states of its own (GDAL's tags): they must
    agree with ``full_scale`` and ``offset``, or are ignored."""
    decibel: Literal["no", "amplitude", "intensity"] = "no"
    """Turn linear radar backscatter into decibel before ``stretch``."""
    stretch: Stretch | dict[str, Stretch] | None = None
    """The two values (in decibel after that conversion) that become 0 and 255, for all bands or
    by the file's name of each band in use; what lies outside is clipped."""
    clip_limit: Fraction = 0.5
    """Largest share of a band of one image that ``stretch`` or ``offset`` may clip; more is an
    error."""
    nodata: Annotated[float | Literal["nan"] | None, BeforeValidator(_nan_by_name)] = None
    """Value of pixels without data, where the file itself does not say so."""
    use: Use | None = None
    """Bands to keep, in this order; by default all. Or new name to band of the file, to rename
    and repeat bands: ``{red: vv, green: vh, blue: vv}`` feeds dual-polarised radar to a network
    for red, green and blue. Red, green and blue are stored first, then the others by name."""

    @field_validator("use")
    @classmethod
    def _ordered(cls, use: Use | None) -> Use | None:
        """New names in an order of their own: that of a mapping's keys is easily lost."""
        if not isinstance(use, dict):
            return use
        colours = {name: use[name] for name in RGB if name in use}
        return colours | dict(sorted(use.items()))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bands is None:
            if self.model_dump(exclude_defaults=True):
                raise ValueError("name the bands of the files in 'bands'; the rest needs them")
            return self
        for names, option in ((self.bands, "bands"), (self.stored_bands, "use")):
            if len(set(names)) != len(names):
                raise ValueError(f"'{option}' names a band twice")
        sources = dict.fromkeys(self.source_bands)
        unknown = [band for band in sources if band not in self.bands]
        if unknown:
            raise ValueError(f"'use' names bands that 'bands' does not: {', '.join(unknown)}")
        self._check_stretch()
        return self

    def _check_stretch(self) -> None:
        if self.offset is not None and self.full_scale is None:
            raise ValueError(
                "'offset' goes with 'full_scale'; 'stretch' is in values of the file as they are"
            )
        if self.stretch is None:
            if self.decibel != "no":
                raise ValueError("'decibel' needs 'stretch', such as [-25, 0]")
            return
        if self.full_scale is not None:
            raise ValueError("'stretch' and 'full_scale' exclude each other")
        if self.quantity == "reflectance":
            raise ValueError(
                "'stretch' ends reflectance: state 'full_scale' in its place, or quantity display"
            )
        ranges = self.stretch if isinstance(self.stretch, dict) else {"": self.stretch}
        used = dict.fromkeys(self.source_bands)
        if isinstance(self.stretch, dict) and ranges.keys() != used.keys():
            raise ValueError(f"'stretch' must name the bands {', '.join(used)}")
        for low, high in ranges.values():
            if low >= high:
                raise ValueError(f"'stretch' runs from low to high, not from {low:g} to {high:g}")

    @property
    def stored_bands(self) -> tuple[str, ...]:
        """Names of the stored channels in order."""
        return tuple(self.use or self.bands or PICTURES.bands)

    @property
    def source_bands(self) -> tuple[str, ...]:
        """The file's name of the band in each stored channel."""
        return tuple(self.use.values()) if isinstance(self.use, dict) else self.stored_bands

    def identity(self) -> dict[str, Any]:
        """What of these options differs from the defaults, for a content hash."""
        return self.model_dump(mode="json", exclude_defaults=True)


def imagery(options: PixelOptions) -> Imagery:
    """How pixels that :func:`convert` made are to be read."""
    bands, quantity = options.stored_bands, options.quantity
    scale = options.full_scale
    if options.stretch is not None or scale is None or scale == EIGHT_BIT:
        pixels: Pixels = "uint8"
        scale = EIGHT_BIT
    else:
        pixels = "uint16"
        scale = FRACTION_SCALE if scale < EIGHT_BIT else scale
    return Imagery(bands, quantity, pixels, scale, clips_at_zero=options.offset is not None)
