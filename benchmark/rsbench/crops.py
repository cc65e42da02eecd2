"""Views of an image: what training and testing see of it (paper section 3).

They are torchvision's, pixel for pixel: ``RandomResizedCrop(antialias=True)`` with flips, and
``Resize`` with ``CenterCrop``, of the image as the store holds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional

from rsbench.settings import Augmentation

#: Tries of the random resized crop before it falls back to the centre, as in torchvision.
CROP_TRIES = 10


class ImageSource(Protocol):
    """Decoded images of one split: what ``rsbench.imagestore`` offers."""

    @property
    def heights(self) -> NDArray[np.int32]:
        """Image heights, pixels, shape (samples,)."""
        ...

    @property
    def widths(self) -> NDArray[np.int32]:
        """Image widths, pixels, shape (samples,)."""
        ...

    @property
    def decoded(self) -> bool:
        """Whether images are at hand, without a file to decode."""
        ...

    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Images, each of shape (height, width, bands), uint8 or uint16."""
        ...


@dataclass(frozen=True)
class Box:
    """What a training view shows of an image: whole pixels inside it, and mirrored or not.

    Attributes:
        top: first row.
        left: first column.
        height: rows.
        width: columns.
        flip_x: mirror left-right.
        flip_y: mirror top-bottom.
    """

    top: int
    left: int
    height: int
    width: int
    flip_x: bool = False
    flip_y: bool = False


def random_boxes(
    heights: NDArray[np.int32],
    widths: NDArray[np.int32],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> list[Box]:
    """Boxes and flips with the distribution of torchvision's RandomResizedCrop, one per image.

    Args:
        heights: image heights, shape (batch,).
        widths: image widths, shape (batch,).
        augmentation: area, aspect ratio and flip probabilities.
        rng: random stream.
    """
    batch = len(heights)
    area: NDArray[np.float64] = heights.astype(np.float64) * widths
    scale: NDArray[np.float64] = rng.uniform(*augmentation.crop_scale, size=(CROP_TRIES, batch))
    low, high = (math.log(bound) for bound in augmentation.crop_ratio)
    ratio: NDArray[np.float64] = np.exp(rng.uniform(low, high, size=(CROP_TRIES, batch)))
    width: NDArray[np.float64] = np.sqrt(area * scale * ratio).round()
    height: NDArray[np.float64] = np.sqrt(area * scale / ratio).round()
    fits = (width >= 1) & (width <= widths) & (height >= 1) & (height <= heights)
    first = fits.argmax(axis=0)
    column = np.arange(batch)
    width, height = width[first, column], height[first, column]
    missed = ~fits.any(axis=0)
    if missed.any():
        inner_height, inner_width = _centre_fallback(heights, widths, augmentation.crop_ratio)
        height = np.where(missed, inner_height, height)
        width = np.where(missed, inner_width, width)
    place = rng.random((2, batch))
    top = np.where(missed, (heights - height) // 2, np.floor(place[0] * (heights - height + 1)))
    left = np.where(missed, (widths - width) // 2, np.floor(place[1] * (widths - width + 1)))
    corners = np.stack([top, left, height, width], axis=1).astype(int).tolist()
    flips = rng.random((2, batch))
    mirrored = np.stack(
        [flips[0] < augmentation.horizontal_flip, flips[1] < augmentation.vertical_flip], axis=1
    ).tolist()
    return [Box(*corner, *flip) for corner, flip in zip(corners, mirrored, strict=True)]


def training_view(
    image: NDArray[Any], box: Box, size: int, channels: Sequence[int] | None = None
) -> Tensor:
    """The box resized to a square, as torchvision's ``resized_crop`` does; not flipped yet.

    Args:
        image: uint8 or uint16, shape (height, width, bands).
        box: inside the image.
        size: side of the result, pixels.
        channels: the bands to take, in order; None: all.

    Returns:
        Shape (channels, size, size): uint8, or float32 for 16 bits.
    """
    piece = image[box.top : box.top + box.height, box.left : box.left + box.width]
    view: Tensor = functional.resize(_planes(piece, channels), [size, size], antialias=True)
    return view


def flip_views(views: Tensor, boxes: Sequence[Box]) -> None:
    """Flip the views whose boxes say so, in place; shape (batch, channels, size, size)."""
    for axis, flips in ((-1, [b.flip_x for b in boxes]), (-2, [b.flip_y for b in boxes])):
        chosen = torch.tensor(flips, device=views.device).nonzero().flatten()
        if len(chosen):
            views[chosen] = views[chosen].flip(axis)


def centre_view(
    image: NDArray[Any], short_side: int, size: int, channels: Sequence[int] | None = None
) -> Tensor:
    """The test view: the centre square after the short side is resized to ``short_side``.

    Args:
        image: uint8 or uint16, shape (height, width, bands).
        short_side: pixels, at least ``size``.
        size: side of the result, pixels.
        channels: the bands to take, in order; None: all.

    Returns:
        Shape (channels, size, size): uint8, or float32 for 16 bits.
    """
    resized = functional.resize(_planes(image, channels), [short_side], antialias=True)
    view: Tensor = functional.center_crop(resized, [size, size])
    return view


def _planes(piece: NDArray[Any], channels: Sequence[int] | None) -> Tensor:
    every = channels is None or list(channels) == list(range(piece.shape[2]))
    # copied either way: torch takes no read-only memory, which views of a store are
    chosen = piece.copy() if every else piece[..., channels]
    planes = torch.from_numpy(chosen).permute(2, 0, 1)
    return planes if planes.dtype == torch.uint8 else planes.float()  # 16 bits: not rounded again


def _centre_fallback(
    heights: NDArray[np.int32], widths: NDArray[np.int32], ratio: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest centre crop whose aspect ratio is allowed: (heights, widths)."""
    aspect = widths / heights
    width = np.where(aspect > ratio[1], np.round(heights * ratio[1]), widths)
    height = np.where(aspect < ratio[0], np.round(widths / ratio[0]), heights)
    return np.minimum(height, heights).astype(float), np.minimum(width, widths).astype(float)
