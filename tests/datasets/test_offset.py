"""Digital numbers with an offset, and files that state a scale of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pydantic import ValidationError
from rasters import write_raster

from rsbench.errors import BandError
from rsbench.imagery import Imagery
from rsbench_datasets.files.pixels import PixelOptions, convert, imagery, read_pixels

NUMBERS = np.array([[[900, 1000, 1001, 11000]]])


def options(**given: object) -> PixelOptions:
    return PixelOptions.model_validate({"bands": ["B04"], "full_scale": 10000} | given)


def stored(values: np.ndarray, **given: object) -> list[int]:
    pixels: list[int] = convert(values, None, options(**given))[0, :, 0].tolist()
    return pixels


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float32])
def test_it_is_added_and_what_is_below_0_becomes_0(kind: type) -> None:
    assert stored(NUMBERS.astype(kind), offset=-1000) == [0, 0, 1, 10000]


def test_of_fractions() -> None:
    fractions = np.array([[[0.05, 0.1, 0.35, 1.1]]], dtype=np.float32)
    assert stored(fractions, full_scale=1, offset=-0.1) == [0, 0, 2500, 10000]


def test_0_makes_0_of_a_few_negative_values() -> None:
    numbers = np.array([[[-3, 5, 7, 9]]], dtype=np.int16)
    assert stored(numbers, offset=0) == [0, 5, 7, 9]
    with pytest.raises(BandError, match="negative values") as error:
        stored(numbers)
    assert "'offset'" in error.value.remedy


def test_that_leaves_little_is_an_error() -> None:
    with pytest.raises(BandError, match="75% of band B04 is below 0 with an 'offset' of -5000"):
        stored(NUMBERS, offset=-5000)
    assert stored(NUMBERS, offset=-5000, clip_limit=0.8) == [0, 0, 0, 6000]


def test_marks_no_value_without_data_as_too_low() -> None:
    numbers = np.array([[[0, 0, 0, 3000]]], dtype=np.uint16)
    assert stored(numbers, offset=-1000, nodata=0) == [0, 0, 0, 2000]


def test_is_for_full_scale() -> None:
    with pytest.raises(ValidationError, match="'offset' goes with 'full_scale'"):
        PixelOptions.model_validate({"bands": ["a"], "offset": -1000, "stretch": [0, 1]})


def test_is_part_of_the_content_and_of_what_is_said() -> None:
    assert options(offset=0).identity() != options().identity()
    assert "offset" not in options().identity()
    assert imagery(options(offset=0)) == Imagery(
        ("B04",), "display", "uint16", 10000.0, clips_at_zero=True
    )


@pytest.mark.parametrize("full_scale", [255, 1000, 10000])
def test_fractions_under_a_large_full_scale_are_refused(full_scale: float) -> None:
    """They would all be stored as 0: a black image."""
    fractions = np.array([[[0.0, 0.1, 0.3]]], dtype=np.float32)
    with pytest.raises(BandError, match=r"fractions up to 0\.3") as error:
        stored(fractions, full_scale=full_scale)
    assert error.value.remedy == "state 'full_scale: 1'"
    assert stored(fractions * 0) == [0, 0, 0]  # an image without light is one


@pytest.fixture
def tagged(tmp_path: Path) -> Callable[[float, float], Path]:
    def write(scale: float, offset: float) -> Path:
        path = write_raster(tmp_path / "a.tif", NUMBERS.astype(np.uint16))
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = [scale], [offset]
        return path

    return write


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
class TestTags:
    def test_that_agree_are_fine(self, tagged: Callable[[float, float], Path]) -> None:
        pixels = read_pixels(tagged(0.0001, -0.1), options(offset=-1000))
        assert pixels[0, :, 0].tolist() == [0, 0, 1, 10000]
        assert read_pixels(tagged(0.0001, 0.0), options())[0, 0, 0] == 900

    @pytest.mark.parametrize("given", [{}, {"offset": -900}, {"offset": -1000, "full_scale": 9000}])
    def test_that_differ_are_named_with_what_fits(
        self, tagged: Callable[[float, float], Path], given: dict[str, object]
    ) -> None:
        path = tagged(0.0001, -0.1)
        with pytest.raises(BandError, match=r"band B04 holds 0\.0001 times its numbers") as error:
            read_pixels(path, options(**given))
        assert "state full_scale: 10000, offset: -1000" in error.value.remedy
        assert read_pixels(path, options(scale_tags="ignore", **given)).shape == (1, 4, 1)

    def test_of_bands_that_are_not_used_do_no_harm(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", np.repeat(NUMBERS, 2, axis=0).astype(np.uint16))
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = [1.0, 0.5], [0.0, 3.0]
        given = {"bands": ["a", "b"], "use": ["a"]}
        assert read_pixels(path, options(**given))[0, 0, 0] == 900
