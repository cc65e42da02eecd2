"""Shrink an image to what training needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST = 4
"""The long side is at most this many times the short side."""


def fit(image: NDArray[Any], short_side: int) -> NDArray[Any]:
    """Shrink ``image`` to what training needs of it; small images stay as they are.

    A strip longer than ``LONGEST`` times its short side keeps its middle only. The cut is
    symmetric to the pixel, so the centre square that the test looks at (no longer than the
    short side) is the same with and without it. Then a short side longer than ``short_side`` is
    shrunk to it (Pillow's bilinear filter, which averages when it shrinks), aspect kept.

    Args:
        image: uint8 or uint16, shape (height, width, bands).
        short_side: pixels.

    Returns:
        The same type, shape (height', width', bands).
    """
    image = _middle(_middle(image, axis=0), axis=1)
    height, width = image.shape[:2]
    shortest = min(height, width)
    if shortest <= short_side:
        return image
    size = (round(width * short_side / shortest), round(height * short_side / shortest))
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


def _middle(image: NDArray[Any], axis: int) -> NDArray[Any]:
    """The middle of ``axis`` where it is a strip's long side, else the whole."""
    length, other = image.shape[axis], image.shape[1 - axis]
    keep = LONGEST * other
    keep += (length - keep) % 2  # as many pixels go on either side: the centre stays put
    if length <= keep:
        return image
    start = (length - keep) // 2
    return image.take(range(start, start + keep), axis=axis)
