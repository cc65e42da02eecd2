"""Cut and resize batches of crops from decoded images (paper section 3).

Images come ragged and in 8 or 16 bits from the image store; the cut is made on the CPU, the resize,
flip and normalisation on the training device.
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
from torch.nn import functional

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

    def images(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Images, each of shape (height, width, bands), uint8 or uint16."""
        ...


@dataclass(frozen=True)
class Boxes:
    """Boxes to cut, one per image, in pixels of the stored image; shape (batch,) each.

    Attributes:
        top: first row (may be fractional).
        left: first column.
        height: rows.
        width: columns.
        flip_x: mirror left-right.
        flip_y: mirror top-bottom.
    """

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]
    flip_x: NDArray[np.bool_]
    flip_y: NDArray[np.bool_]

    def at(self, chosen: NDArray[np.int64]) -> Boxes:
        """The boxes at the places ``chosen``."""
        return Boxes(**{name: values[chosen] for name, values in vars(self).items()})


def random_boxes(
    heights: NDArray[np.int32],
    widths: NDArray[np.int32],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Boxes:
    """Random resized crops and flips, the distribution of torchvision's RandomResizedCrop.

    Args:
        heights: image heights, shape (batch,).
        widths: image widths, shape (batch,).
        augmentation: area, aspect ratio and flip probabilities.
        rng: random stream.

    Returns:
        Boxes with whole-number corners inside the images.
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
    top = np.floor(place[0] * (heights - height + 1))
    left = np.floor(place[1] * (widths - width + 1))
    top = np.where(missed, (heights - height) // 2, top)
    left = np.where(missed, (widths - width) // 2, left)
    flips = rng.random((2, batch))
    return Boxes(
        top,
        left,
        height,
        width,
        flips[0] < augmentation.horizontal_flip,
        flips[1] < augmentation.vertical_flip,
    )


def centre_boxes(
    heights: NDArray[np.int32], widths: NDArray[np.int32], *, short_side: int, image_size: int
) -> Boxes:
    """The centre crop of ``image_size`` after the short side is resized to ``short_side``.

    In the stored image's own pixels that is a square of ``short * image_size / short_side``. Where
    that is the network's size itself, so that nothing needs resizing, the square lies on whole
    pixels, rounded as torchvision's CenterCrop does.
    """
    side = np.minimum(heights, widths) * image_size / short_side
    no = np.zeros(len(heights), dtype=np.bool_)
    top, left = (heights - side) / 2, (widths - side) / 2
    as_it_is = side == image_size
    top, left = (np.where(as_it_is, np.round(edge), edge) for edge in (top, left))
    return Boxes(top, left, side, side, no, no)


def need_no_resize(boxes: Boxes, size: int) -> NDArray[np.bool_]:
    """Which boxes are ``size`` whole pixels wide and high already, shape (batch,)."""
    exact = (boxes.height == size) & (boxes.width == size)
    return np.asarray(exact & (boxes.top % 1 == 0) & (boxes.left % 1 == 0))


def cut_exactly(source: ImageSource, indices: Sequence[int], boxes: Boxes, size: int) -> Tensor:
    """Cut boxes that need no resizing, and flip them.

    Returns:
        uint8 or uint16, shape (batch, bands, size, size).
    """
    cuts = []
    for i, image in enumerate(source.images(indices)):
        top, left = int(boxes.top[i]), int(boxes.left[i])
        piece = image[top : top + size, left : left + size]
        piece = piece[::-1] if boxes.flip_y[i] else piece
        cuts.append(piece[:, ::-1] if boxes.flip_x[i] else piece)
    return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2)


def cut(source: ImageSource, indices: Sequence[int], boxes: Boxes) -> tuple[Tensor, Tensor]:
    """Cut the boxes out of the stored images.

    Returns:
        pixels: uint8 or uint16, shape (batch, bands, H, W), padded with zeros to the largest cut.
        frames: float32, shape (batch, 6), pixels: top, left, height and width of each box
            within its cut, then height and width of the cut.
    """
    rows = [_window(boxes.top[i], boxes.height[i]) for i in range(len(indices))]
    columns = [_window(boxes.left[i], boxes.width[i]) for i in range(len(indices))]
    cuts, frames = [], []
    for i, image in enumerate(source.images(indices)):
        (y0, y1), (x0, x1) = rows[i], columns[i]
        y0, x0, y1, x1 = max(y0, 0), max(x0, 0), min(y1, image.shape[0]), min(x1, image.shape[1])
        cuts.append(image[y0:y1, x0:x1])
        corner = (boxes.top[i] - y0, boxes.left[i] - x0)
        frames.append((*corner, boxes.height[i], boxes.width[i], y1 - y0, x1 - x0))
    height, width = max(c.shape[0] for c in cuts), max(c.shape[1] for c in cuts)
    padded = np.zeros((len(cuts), height, width, cuts[0].shape[2]), cuts[0].dtype)
    for slot, piece in zip(padded, cuts, strict=True):
        slot[: piece.shape[0], : piece.shape[1]] = piece
    pixels = torch.from_numpy(padded).permute(0, 3, 1, 2)
    return pixels, torch.tensor(frames, dtype=torch.float32)


def resize(pixels: Tensor, frames: Tensor, boxes: Boxes, size: int) -> Tensor:
    """Resize every cut box to (size, size) with bilinear interpolation, and flip.

    Args:
        pixels: from ``cut``, on any device.
        frames: from ``cut``, on the same device.
        boxes: for the flips.
        size: side of the result.

    Returns:
        float32, in units of the stored values, shape (batch, bands, size, size).
    """
    device = pixels.device
    steps = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size
    flip_x = torch.from_numpy(boxes.flip_x).to(device)
    flip_y = torch.from_numpy(boxes.flip_y).to(device)
    grid_y = _axis(steps, frames[:, 0], frames[:, 2], frames[:, 4], flip_y, pixels.shape[2])
    grid_x = _axis(steps, frames[:, 1], frames[:, 3], frames[:, 5], flip_x, pixels.shape[3])
    shape = (len(pixels), size, size)
    grid = torch.stack([grid_x[:, None, :].expand(shape), grid_y[:, :, None].expand(shape)], -1)
    return functional.grid_sample(
        pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def _axis(
    steps: Tensor, start: Tensor, length: Tensor, extent: Tensor, flip: Tensor, padded: int
) -> Tensor:
    """Sampling positions along one axis in grid_sample's [-1, 1], shape (batch, size)."""
    ordered = torch.where(flip[:, None], 1.0 - steps[None, :], steps[None, :])
    position = start[:, None] + ordered * length[:, None]
    # keep within the image's own pixels: the padding must not bleed in
    position = torch.minimum(position.clamp_min(0.5), extent[:, None] - 0.5)
    return 2.0 * position / padded - 1.0


def _window(start: float, length: float) -> tuple[int, int]:
    """Whole pixels that bilinear sampling of the box may touch."""
    if float(start).is_integer() and float(length).is_integer():
        return int(start), int(start + length)
    return int(np.floor(start)) - 1, int(np.ceil(start + length)) + 1


def _centre_fallback(
    heights: NDArray[np.int32], widths: NDArray[np.int32], ratio: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest centre crop whose aspect ratio is allowed: (heights, widths)."""
    aspect = widths / heights
    width = np.where(aspect > ratio[1], np.round(heights * ratio[1]), widths)
    height = np.where(aspect < ratio[0], np.round(widths / ratio[0]), heights)
    return np.minimum(height, heights).astype(float), np.minimum(width, widths).astype(float)
