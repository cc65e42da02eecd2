"""Black images stop a run, and odd values stand under its table; no more is read for that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import Pictures, picture

from rsbench.dataset.describe import describe
from rsbench.errors import BandError
from rsbench.folders import Folders
from rsbench.imagery import Imagery
from rsbench.imagestore import open_store
from rsbench.sources import Activity
from rsbench.value_remarks import value_remarks

DEEP = Imagery(("a",), "display", "uint16", 10000.0)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(cache=tmp_path)


@pytest.mark.parametrize(
    ("highest", "imagery", "remedy"),
    [
        (0, Imagery(), "state the 'full_scale' of the values in the files (1 for fractions)"),
        (2, Imagery(), "state stretch: [0, 2]; where there is a 'stretch', keep its lowest 0.8%"),
        (90, DEEP, "state full_scale: 255 (1 for fractions), or stretch: [0, 90]"),
        (1, Imagery(("vv",), "decibel"), "state stretch: [0, 1]"),
    ],
)
def test_black_images_stop_a_run_with_what_fits(
    highest: int, imagery: Imagery, remedy: str, folders: Folders
) -> None:
    image = np.zeros((4, 4, imagery.channels), dtype=imagery.dtype)
    image[0, 0] = highest
    target = Pictures([image], imagery=imagery)
    with pytest.raises(BandError, match="the images are black") as error:
        open_store(target, "train", 4, folders)
    assert remedy in error.value.remedy


def test_one_bright_image_is_enough(folders: Folders) -> None:
    dark = np.zeros((4, 4, 3), dtype=np.uint8)
    open_store(Pictures([dark, picture(4, 4)]), "train", 4, folders)


def test_bands_of_one_value_and_at_an_end_are_remarks_of_every_record(folders: Folders) -> None:
    image = np.zeros((10, 10, 4), dtype=np.uint8)
    image[..., 0] = np.arange(100).reshape(10, 10)
    image[..., 1] = 7
    image[:3, :, 2] = 200
    image[:8, :, 3] = 255
    imagery = Imagery(("good", "same", "dark", "bright"))
    target = Pictures([image], imagery=imagery)
    assert target.remarks == ()
    for _ in range(2):  # a store that is there says it, too, and each text once
        open_store(target, "train", 10, folders)
    assert target.remarks == (
        "pictures: train: bands with one value everywhere: same (7)",
        "pictures: train: bands that are mostly 0, without data or cut off at the low end: "
        "dark (70%)",
        "pictures: train: bands that are mostly the highest value there is, cut off there: "
        "bright (80%)",
    )


def test_plain_pictures_have_no_remarks(folders: Folders) -> None:
    target = Pictures([picture(20, 20)])
    open_store(target, "train", 20, folders)
    assert target.remarks == ()


def test_what_an_offset_clipped_is_counted() -> None:
    histogram = np.zeros((2, 65536), dtype=np.int64)
    histogram[0, [0, 500]] = 30, 970
    histogram[1, [10, 500]] = 500, 500
    imagery = Imagery(("B02", "B03"), "reflectance", "uint16", 10000.0, clips_at_zero=True)
    assert value_remarks("mine", "test", imagery, histogram) == (
        "mine: test: values that are 0, without data or below 0 after the offset: B02 30 (3.00%)",
    )


def test_describe_says_the_same(activity: Activity) -> None:
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    lines = describe(Pictures([image]), 2048, activity).lines()
    assert any(line.startswith("train WRONG VALUES: pictures: its brightest") for line in lines)
    image[0, 0] = 200
    lines = describe(Pictures([image]), 2048, activity).lines()
    assert any("test: bands that are mostly 0" in line for line in lines)
    assert not any("WRONG" in line for line in lines)


@pytest.fixture
def activity() -> Activity:
    from contextlib import nullcontext

    return lambda text: nullcontext(lambda done, total: None)
