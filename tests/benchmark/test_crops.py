"""Crops equal torchvision's, never bleed padding, and follow its distribution."""

from __future__ import annotations

import numpy as np
import torch
from tiny import Images, long_tailed_labels
from torchvision.transforms import RandomResizedCrop, v2

from rsbench.crops import Boxes, centre_boxes, cut, random_boxes, resize
from rsbench.settings import Augmentation

SOURCE = Images(long_tailed_labels())
INDICES = [0, 5, 20]


def _boxes(top: float, left: float, height: float, width: float, flip: bool = False) -> Boxes:
    n = len(INDICES)
    full = [np.full(n, value, dtype=np.float64) for value in (top, left, height, width)]
    return Boxes(*full, np.full(n, flip), np.zeros(n, dtype=bool))


def _images(boxes: Boxes, size: int) -> torch.Tensor:
    pixels, frames = cut(SOURCE, INDICES, boxes)
    return resize(pixels, frames, boxes, size)


def test_crop_and_flip_equal_torchvision() -> None:
    ours = _images(_boxes(2, 3, 8, 10, flip=True), 16)
    for row, index in zip(ours, INDICES, strict=True):
        image = torch.from_numpy(SOURCE.image(index)).permute(2, 0, 1).float() / 255
        crop = v2.functional.resized_crop(image, 2, 3, 8, 10, [16, 16], antialias=False)
        torch.testing.assert_close(row, v2.functional.horizontal_flip(crop), atol=1e-5, rtol=0)


def test_a_crop_of_the_output_size_copies_pixels() -> None:
    ours = _images(_boxes(1, 2, 8, 8), 8)
    for row, index in zip(ours, INDICES, strict=True):
        expected = torch.from_numpy(SOURCE.image(index)[1:9, 2:10]).permute(2, 0, 1).float() / 255
        torch.testing.assert_close(row, expected, atol=1e-6, rtol=0)


def test_padding_of_smaller_images_never_bleeds_in() -> None:
    white = Images(long_tailed_labels())
    white.images = [np.full((h, w, 3), 255, np.uint8) for h, w in ((14, 20), (21, 14), (16, 16))]
    heights, widths = np.array([14, 21, 16]), np.array([20, 14, 16])
    for boxes in (
        centre_boxes(heights, widths, short_side=18, image_size=16),
        random_boxes(heights, widths, Augmentation(), np.random.default_rng(0)),
    ):
        pixels, frames = cut(white, [0, 1, 2], boxes)
        assert resize(pixels, frames, boxes, 16).min() > 1 - 1e-5


def test_centre_crop_equals_resize_then_crop() -> None:
    heights, widths = SOURCE.heights[INDICES], SOURCE.widths[INDICES]
    ours = _images(centre_boxes(heights, widths, short_side=36, image_size=32), 32)
    for row, index in zip(ours, INDICES, strict=True):
        image = torch.from_numpy(SOURCE.image(index)).permute(2, 0, 1).float() / 255
        resized = v2.functional.resize(image, [36], antialias=False)
        expected = v2.functional.center_crop(resized, [32, 32])
        # torchvision rounds the long side and the crop's corner to whole pixels
        assert (row - expected).abs().mean() < 0.05


def test_random_boxes_follow_torchvisions_distribution() -> None:
    heights, widths = np.full(4000, 40), np.full(4000, 60)
    boxes = random_boxes(heights, widths, Augmentation(), np.random.default_rng(0))
    torch.manual_seed(0)
    image = torch.zeros(3, 40, 60)
    theirs = np.array(
        [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    )
    ours = np.stack([boxes.top, boxes.left, boxes.height, boxes.width], axis=1)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), rtol=0.06)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.06)
    assert (boxes.top + boxes.height <= 40).all()
    assert (boxes.left + boxes.width <= 60).all()
    assert 0.45 < boxes.flip_x.mean() < 0.55
    assert not boxes.flip_y.any()


def test_extreme_aspect_ratios_fall_back_to_the_centre() -> None:
    boxes = random_boxes(
        np.array([4]), np.array([400]), Augmentation(crop_scale=(0.9, 1.0)),
        np.random.default_rng(0),
    )  # fmt: skip
    assert (boxes.height[0], boxes.width[0]) == (4, 5)
    assert boxes.left[0] == (400 - 5) // 2
