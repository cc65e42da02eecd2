"""Crops equal torchvision's, never bleed padding, and follow its distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tiny import Images, long_tailed_labels
from torchvision.transforms import RandomResizedCrop, v2

from rsbench.backbone import Normalisation
from rsbench.batches import BatchReader
from rsbench.crops import Boxes, centre_boxes, cut, need_no_resize, random_boxes, resize
from rsbench.settings import Augmentation

SOURCE = Images(long_tailed_labels())
INDICES = [0, 5, 20]


def _boxes(top: float, left: float, height: float, width: float, flip: bool = False) -> Boxes:
    n = len(INDICES)
    full = [np.full(n, value, dtype=np.float64) for value in (top, left, height, width)]
    return Boxes(*full, np.full(n, flip), np.zeros(n, dtype=bool))


def _images(boxes: Boxes, size: int) -> torch.Tensor:
    pixels, frames = cut(SOURCE, INDICES, boxes)
    return resize(pixels, frames, boxes, size) / 255


def test_crop_and_flip_equal_torchvision() -> None:
    ours = _images(_boxes(2, 3, 8, 10, flip=True), 16)
    for row, index in zip(ours, INDICES, strict=True):
        image = torch.from_numpy(SOURCE.images([index])[0]).permute(2, 0, 1).float() / 255
        crop = v2.functional.resized_crop(image, 2, 3, 8, 10, [16, 16], antialias=False)
        torch.testing.assert_close(row, v2.functional.horizontal_flip(crop), atol=1e-5, rtol=0)


def test_a_crop_of_the_output_size_copies_pixels() -> None:
    ours = _images(_boxes(1, 2, 8, 8), 8)
    for row, index in zip(ours, INDICES, strict=True):
        piece = SOURCE.images([index])[0][1:9, 2:10]
        expected = torch.from_numpy(piece).permute(2, 0, 1).float() / 255
        torch.testing.assert_close(row, expected, atol=1e-6, rtol=0)


def test_padding_of_smaller_images_never_bleeds_in() -> None:
    white = Images(long_tailed_labels())
    white._images = [np.full((h, w, 3), 255, np.uint8) for h, w in ((14, 20), (21, 14), (16, 16))]
    heights, widths = np.array([14, 21, 16]), np.array([20, 14, 16])
    for boxes in (
        centre_boxes(heights, widths, short_side=18, image_size=16),
        random_boxes(heights, widths, Augmentation(), np.random.default_rng(0)),
    ):
        pixels, frames = cut(white, [0, 1, 2], boxes)
        assert resize(pixels, frames, boxes, 16).min() > 255 - 1e-3


def test_centre_crop_equals_resize_then_crop() -> None:
    heights, widths = SOURCE.heights[INDICES], SOURCE.widths[INDICES]
    ours = _images(centre_boxes(heights, widths, short_side=36, image_size=32), 32)
    for row, index in zip(ours, INDICES, strict=True):
        image = torch.from_numpy(SOURCE.images([index])[0]).permute(2, 0, 1).float() / 255
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


class TestReadingWithoutResizing:
    """Images that have the test's size already are copied, which is many times faster."""

    @staticmethod
    def reader(**arguments: Any) -> BatchReader:
        normalisation = Normalisation(mean=(0.2, 0.4, 0.6), std=(0.5, 0.6, 0.7))
        return BatchReader(
            SOURCE,
            long_tailed_labels(),
            image_size=14,
            normalisation=normalisation,
            augmentation=Augmentation(),
            device=torch.device("cpu"),
            **arguments,
        )

    def test_the_centre_lies_where_torchvision_puts_it(self) -> None:
        short = np.array([14, 15, 16, 17, 18, 21])
        for height, width in zip(short, short[::-1], strict=True):
            sizes = np.array([height]), np.array([width])
            short_side = int(min(height, width))
            boxes = centre_boxes(*sizes, short_side=short_side, image_size=14)
            assert need_no_resize(boxes, 14).all()
            image = torch.arange(height * width).reshape(1, height, width)
            expected = v2.functional.center_crop(image, [14, 14])[0, 0, 0]
            assert boxes.top[0] * width + boxes.left[0] == expected

    def test_gives_the_pixels_that_resizing_gives(self) -> None:
        reader = self.reader()
        indices = np.flatnonzero(np.minimum(SOURCE.heights, SOURCE.widths) == 16)[:4]
        copied, _ = reader.test(indices, short_side=16)
        boxes = centre_boxes(
            SOURCE.heights[indices], SOURCE.widths[indices], short_side=16, image_size=14
        )
        assert need_no_resize(boxes, 14).all()
        resized = reader._normalised(reader._resized(indices.tolist(), boxes))
        torch.testing.assert_close(copied, resized, atol=1e-5, rtol=0)

    def test_an_image_is_the_same_in_every_batch(self) -> None:
        reader = self.reader()
        everything = np.arange(len(SOURCE))
        together, _ = reader.test(everything, short_side=16)
        shortest = np.minimum(SOURCE.heights, SOURCE.widths)
        assert 0 < (shortest == 16).sum() < len(SOURCE)  # some need resizing, some do not
        for index in everything:
            alone, _ = reader.test(np.array([index]), short_side=16)
            torch.testing.assert_close(together[index], alone[0], atol=1e-5, rtol=0)

    def test_channels_are_chosen_and_scaled(self) -> None:
        plain, _ = self.reader().test(np.arange(6), short_side=16)
        turned, _ = self.reader(channels=[2, 0, 0], full_scale=510.0).test(np.arange(6), 16)
        mean, std = (0.2, 0.4, 0.6), (0.5, 0.6, 0.7)
        for channel, stored in enumerate([2, 0, 0]):
            value = plain[:, stored] * std[stored] + mean[stored]
            expected = (value / 2 - mean[channel]) / std[channel]
            torch.testing.assert_close(turned[:, channel], expected, atol=1e-5, rtol=0)
