"""Views equal torchvision's of the full image, and boxes follow its distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pictures import Pictures
from PIL import Image
from tiny import Images, long_tailed_labels
from torch import Tensor
from torchvision.transforms import RandomResizedCrop, v2

from rsbench.backbone import Normalisation
from rsbench.batches import BatchReader
from rsbench.crops import Box, centre_view, flip_views, random_boxes, training_view
from rsbench.folders import Folders
from rsbench.imagestore import open_store
from rsbench.settings import Augmentation, Recipe

SIZE, SHORT = 224, 256
#: Height and width: from smaller than the input to eight times as large, square and long.
SHAPES = [(64, 64), (64, 90), (150, 150), (256, 256), (427, 640), (803, 600), (1500, 300)]
SHAPES += [(2000, 1792), (60, 700)]


def texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Noise with the spectrum of natural images, 1 / f: fine detail and large shapes alike."""
    rng = np.random.default_rng(seed)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    distance = np.hypot(down, across)
    distance[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(3, height, width))) / distance
    waves[:, 0, 0] = 0
    pixels = np.fft.ifft2(waves).real
    pixels = 120 + 45 * pixels / pixels.std(axis=(1, 2), keepdims=True)
    return pixels.clip(0, 255).round().astype(np.uint8).transpose(1, 2, 0)


def cropped(image: Image.Image, box: Box, size: int) -> NDArray[np.uint8]:
    """Torchvision's training view of a picture."""
    corner = (box.top, box.left, box.height, box.width)
    view = v2.functional.resized_crop(image, *corner, [size, size], antialias=True)
    view = v2.functional.horizontal_flip(view) if box.flip_x else view
    return np.asarray(v2.functional.vertical_flip(view) if box.flip_y else view)


def flipped(view: Tensor, box: Box) -> Tensor:
    flip_views(view[None], [box])
    return view


def centred(image: Image.Image, short_side: int, size: int) -> NDArray[np.uint8]:
    """Torchvision's test view of a picture."""
    resized = v2.functional.resize(image, [short_side], antialias=True)
    return np.asarray(v2.functional.center_crop(resized, [size, size]))


def difference(view: Tensor, expected: NDArray[np.uint8]) -> float:
    """Mean over pixels and bands, in grey levels."""
    return float((view.permute(1, 2, 0).double() - torch.from_numpy(expected.copy())).abs().mean())


def boxes_of(height: int, width: int) -> list[Box]:
    """Random ones of the recipe, and squares that shrink by 1 to 8 on their way to the input."""
    sizes = np.full(6, height), np.full(6, width)
    augmentation = Augmentation(vertical_flip=0.5)
    boxes = random_boxes(*sizes, augmentation, np.random.default_rng(height))
    rng = np.random.default_rng(width)
    for factor in (1, 1.5, 2, 4, 8):
        side = round(SIZE * factor)
        if side <= min(height, width):
            top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
            boxes.append(Box(top, left, side, side))
    return boxes


class TestViewsOfTheFullImage:
    """Through the image store, as training and testing read them."""

    @pytest.fixture
    def pictures(self) -> list[NDArray[np.uint8]]:
        return [texture(*shape, seed) for seed, shape in enumerate(SHAPES)]

    def store(self, pictures: list[NDArray[np.uint8]], tmp_path: Path) -> Any:
        folders = Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)
        side = Recipe().stored_short_side(SIZE)
        return open_store(Pictures(list(pictures)), "train", side, folders)

    def test_of_training(self, pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
        for stored, picture in zip(
            self.store(pictures, tmp_path).images(range(len(pictures))), pictures, strict=True
        ):
            for box in boxes_of(*picture.shape[:2]):
                view = flipped(training_view(stored, box, SIZE), box)
                assert difference(view, cropped(Image.fromarray(picture), box, SIZE)) < 0.5, box

    def test_of_the_test(self, pictures: list[NDArray[np.uint8]], tmp_path: Path) -> None:
        for stored, picture in zip(
            self.store(pictures, tmp_path).images(range(len(pictures))), pictures, strict=True
        ):
            expected = centred(Image.fromarray(picture), SHORT, SIZE)
            view = centre_view(stored, SHORT, SIZE).permute(1, 2, 0)
            # pixel by pixel, the border included: its neighbours outside are seen
            assert np.abs(view.numpy().astype(int) - expected).max() <= 1, picture.shape

    def test_of_real_images(self, shared_data: Path) -> None:
        """AID at 150 pixels, at the sizes that are trained with."""
        for number, file in enumerate(sorted((shared_data / "aid").glob("*/*.jpg"))[::400]):
            picture = Image.open(file).convert("RGB")
            pixels = np.asarray(picture)
            for size, short_side in ((SIZE, SHORT), (98, 112), (70, 80), (48, 54)):
                sides = np.array([pixels.shape[0]]), np.array([pixels.shape[1]])
                (box,) = random_boxes(*sides, Augmentation(), np.random.default_rng(number))
                assert (
                    difference(
                        flipped(training_view(pixels, box, size), box), cropped(picture, box, size)
                    )
                    < 0.5
                )
                expected = centred(picture, short_side, size)
                assert difference(centre_view(pixels, short_side, size), expected) < 0.1

    def test_a_stored_side_that_is_asked_for_is_kept_to(self, tmp_path: Path) -> None:
        recipe = Recipe(stored_side=300)
        folders = Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)
        target = Pictures([texture(427, 640), texture(90, 900)])
        images = open_store(target, "train", recipe.stored_short_side(SIZE), folders)
        assert images.heights.tolist() == [300, 90]
        assert images.widths.tolist() == [449, 900]
        assert images.shrunk == 1
        assert recipe.stored_short_side(384) == 438  # never below the test's short side


def test_views_of_16_bits_and_many_bands_are_those_of_each_band() -> None:
    bands = np.stack([texture(90, 120, seed)[..., 0] for seed in range(5)], axis=-1)
    image = bands.astype(np.uint16) * 200
    box = Box(3, 7, 60, 80, flip_x=True)
    view = flipped(training_view(image, box, 32), box)
    for number in range(5):
        band = torch.from_numpy(image[..., number].astype(np.float32))[None]
        expected = v2.functional.resized_crop(band, 3, 7, 60, 80, [32, 32], antialias=True)
        torch.testing.assert_close(
            view[number], v2.functional.horizontal_flip(expected)[0], atol=0.01, rtol=0
        )


def test_random_boxes_follow_torchvisions_distribution() -> None:
    heights, widths = np.full(4000, 40), np.full(4000, 60)
    boxes = random_boxes(heights, widths, Augmentation(), np.random.default_rng(0))
    torch.manual_seed(0)
    image = torch.zeros(3, 40, 60)
    theirs = np.array(
        [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    )
    ours = np.array([(box.top, box.left, box.height, box.width) for box in boxes])
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=0), rtol=0.06)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.06)
    assert (ours[:, 0] + ours[:, 2] <= 40).all()
    assert (ours[:, 1] + ours[:, 3] <= 60).all()
    assert 0.45 < np.mean([box.flip_x for box in boxes]) < 0.55
    assert not any(box.flip_y for box in boxes)


@pytest.mark.parametrize("shape", [(60, 480), (480, 60)])
def test_strips_are_seen_from_end_to_end(shape: tuple[int, int]) -> None:
    """As by torchvision: eight times as long as wide is no reason to train on the middle only."""
    boxes = random_boxes(
        *(np.full(400, side) for side in shape), Augmentation(), np.random.default_rng(0)
    )
    starts = [box.left if shape[1] > shape[0] else box.top for box in boxes]
    ends = [start + max(box.height, box.width) for start, box in zip(starts, boxes, strict=True)]
    assert min(starts) < 20
    assert max(ends) > 460


def test_extreme_aspect_ratios_fall_back_to_the_centre() -> None:
    (box,) = random_boxes(
        np.array([4]), np.array([400]), Augmentation(crop_scale=(0.9, 1.0)),
        np.random.default_rng(0),
    )  # fmt: skip
    assert (box.height, box.width) == (4, 5)
    assert box.left == (400 - 5) // 2


class TestBatches:
    @staticmethod
    def reader(**arguments: Any) -> BatchReader:
        labels = long_tailed_labels()
        normalisation = Normalisation(mean=(0.2, 0.4, 0.6), std=(0.5, 0.6, 0.7))
        return BatchReader(
            Images(labels),
            labels,
            image_size=14,
            normalisation=normalisation,
            augmentation=Augmentation(),
            device=torch.device("cpu"),
            **arguments,
        )

    def test_an_image_is_the_same_in_every_batch(self) -> None:
        reader = self.reader()
        everything = np.arange(len(reader.labels))
        together, _ = reader.test(everything, short_side=16)
        for index in everything:
            alone, _ = reader.test(np.array([index]), short_side=16)
            torch.testing.assert_close(together[index], alone[0], rtol=0, atol=0)

    def test_several_readers_give_what_one_gives(self) -> None:
        indices = np.arange(12)
        one, labels = self.reader().train(indices, np.random.default_rng(1))
        several, same = self.reader(readers=3).train(indices, np.random.default_rng(1))
        assert torch.equal(one, several)
        assert torch.equal(labels, same)

    def test_values_are_scaled_and_normalised(self) -> None:
        reader = self.reader()
        batch, _ = reader.test(np.array([4]), short_side=16)
        pixels = centre_view(reader.source.images([4])[0], 16, 14).double() / 255
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.2, 0.4, 0.6), (0.5, 0.6, 0.7)))
        torch.testing.assert_close(batch[0].double(), (pixels - mean) / std, atol=1e-6, rtol=0)

    def test_channels_are_chosen_and_scaled(self) -> None:
        plain, _ = self.reader().test(np.arange(6), short_side=16)
        turned, _ = self.reader(channels=[2, 0, 0], full_scale=510.0).test(np.arange(6), 16)
        mean, std = (0.2, 0.4, 0.6), (0.5, 0.6, 0.7)
        for channel, stored in enumerate([2, 0, 0]):
            value = plain[:, stored] * std[stored] + mean[stored]
            expected = (value / 2 - mean[channel]) / std[channel]
            torch.testing.assert_close(turned[:, channel], expected, atol=1e-5, rtol=0)
