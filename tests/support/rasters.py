"""Write raster files of a few pixels."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning


def write_raster(
    path: Path,
    values: np.ndarray,
    *,
    colours: tuple[ColorInterp, ...] | None = None,
    mask: np.ndarray | None = None,
    **profile: object,
) -> Path:
    bands, height, width = values.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver=profile.pop("driver", "GTiff"), count=bands, height=height,
            width=width, dtype=values.dtype, **profile,
        ) as raster:  # fmt: skip
            if colours is not None:
                raster.colorinterp = colours
            raster.write(values)
            if mask is not None:
                raster.write_mask(mask)
    return path
