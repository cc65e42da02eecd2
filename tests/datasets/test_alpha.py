"""A fourth band is no mask unless it is one, and it is said what marks pixels without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rasterio.enums import ColorInterp
from rasters import write_raster

from rsbench.errors import BandError
from rsbench.folders import Folders
from rsbench.imagery import RGB
from rsbench_datasets.files.pixels import PixelOptions, read_pixels
from rsbench_datasets.labelled_list import LabelledList

COLOURS = np.full((3, 10, 10), 90, dtype=np.uint8)
INFRARED = np.random.default_rng(0).integers(0, 200, (1, 10, 10), dtype=np.uint8)
INFRARED[0, :3] = 0  # water
HOLE = np.full((1, 10, 10), 255, dtype=np.uint8)
HOLE[0, :3] = 0
NAMED = PixelOptions(bands=RGB)


def write(path: Path, fourth: np.ndarray) -> Path:
    values = np.concatenate([COLOURS, fourth])
    if path.suffix == ".png":
        Image.fromarray(values.transpose(1, 2, 0)).save(path)
        return path
    return write_raster(path, values)


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_a_band_of_data_that_a_file_calls_alpha_is_refused(tmp_path: Path, name: str) -> None:
    """Programs write the fourth 8-bit band as alpha; as a mask it would blacken the water."""
    path = write(tmp_path / name, INFRARED)
    with pytest.raises(BandError, match=r"declared as alpha, and .*looks like a band of") as error:
        read_pixels(path, NAMED)
    assert "bands: [red, green, blue, other], use: [red, green, blue]" in error.value.remedy


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_the_remedy_is_one(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, INFRARED)
    options = PixelOptions(bands=(*RGB, "other"), use=RGB)
    assert np.array_equal(read_pixels(path, options), COLOURS.transpose(1, 2, 0))


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_an_alpha_band_that_says_yes_or_no_is_one(tmp_path: Path, name: str) -> None:
    soft = HOLE.copy()
    soft[0, 3, :5] = 128  # a smoothed edge
    for fourth in (HOLE, soft):
        pixels = read_pixels(write(tmp_path / name, fourth), NAMED)
        assert not pixels[:3].any()
        assert (pixels[3:] == 90).all()


def test_a_fourth_band_that_nobody_calls_alpha_is_a_band(tmp_path: Path) -> None:
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
    path = write_raster(tmp_path / "a.tif", np.concatenate([COLOURS, HOLE]), colours=colours)
    with pytest.raises(BandError, match="has 4 bands, and 'bands' names 3"):
        read_pixels(path, NAMED)


@pytest.fixture
def remarks(tmp_path: Path, folders: Folders) -> Callable[..., tuple[str, ...]]:
    def of(path: Path, **pixels: object) -> tuple[str, ...]:
        Image.fromarray(COLOURS.transpose(1, 2, 0)).save(tmp_path / "test.png")
        rows = ["split,path,label,class", f"train,{path.name},0,a", "test,test.png,0,a"]
        (tmp_path / "list.csv").write_text("\n".join(rows))
        given = {"file": "list.csv", "pixels": {"bands": RGB, **pixels}}
        options = LabelledList.Options.model_validate(given)
        return LabelledList.open("mine", options, folders).remarks

    return of


def test_it_is_said_what_marks_pixels_without_data(
    tmp_path: Path, remarks: Callable[..., tuple[str, ...]]
) -> None:
    says = "mine: pixels are without data, and 0, where {} says so".format
    assert says("an alpha band") in remarks(write(tmp_path / "alpha.tif", HOLE))
    marked = write_raster(tmp_path / "nodata.tif", COLOURS, nodata=7)
    assert says("the nodata value 7") in remarks(marked)
    both = says("the option nodata: 3.0 or the nodata value 7")
    assert both in remarks(marked, nodata=3)
    masked = write_raster(tmp_path / "masked.tif", COLOURS, mask=HOLE[0])
    assert says("a mask") in remarks(masked)
    plain = write_raster(tmp_path / "plain.tif", COLOURS)
    assert not any("without data" in each for each in remarks(plain))


def test_what_marks_them_is_looked_for_all_over_the_list(tmp_path: Path, folders: Folders) -> None:
    """One of the last files has a nodata value, and the first has none."""
    names = [f"{number:02}.tif" for number in range(40)]
    for number, name in enumerate(names):
        nodata = {"nodata": 7} if number >= 36 else {}
        write_raster(tmp_path / name, COLOURS + np.uint8(number), **nodata)
    rows = [f"train,{name},0,a" for name in names[:-1]] + [f"test,{names[-1]},0,a"]
    (tmp_path / "list.csv").write_text("\n".join(["split,path,label,class", *rows]))
    options = LabelledList.Options(file="list.csv", pixels={"bands": RGB})
    assert (
        "mine: pixels are without data, and 0, where the nodata value 7 says so (16 of 39 training "
        "images looked at)"
    ) in LabelledList.open("mine", options, folders).remarks
