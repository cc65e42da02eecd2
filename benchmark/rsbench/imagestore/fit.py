"""Shrink an image that is too large to be kept as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fit(image: NDArray[Any], short_side: int) -> NDArray[Any]:
    """Shrink a short side longer than ``short_side`` to it; other images stay as they are.

    As torchvision's Resize does with a Pillow image: Pillow's bilinear filter, which averages
    when it shrinks, and the long side cut to whole pixels.

    Args:
        image: uint8 or uint16, shape (height, width, bands).
        short_side: pixels.

    Returns:
        The same type, shape (height', width', bands).
    """
    height, width = image.shape[:2]
    shortest = min(height, width)
    if shortest <= short_side:
        return image
    size = (short_side * width // shortest, short_side * height // shortest)
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    return np.stack([_shrink(image[..., band], size) for band in range(image.shape[2])], axis=-1)


def _shrink(band: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """One band shrunk to (width, height); 16 bits go through floats, which hold them exactly."""
    if band.dtype == np.uint8:
        picture = Image.fromarray(np.ascontiguousarray(band))
        return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
    picture = Image.fromarray(band.astype(np.float32))
    shrunk = np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
    limits = np.iinfo(band.dtype)
    return shrunk.round().clip(limits.min, limits.max).astype(band.dtype)
