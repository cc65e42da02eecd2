"""What lies beside an image and is read with it is part of the content hash."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from rsbench.errors import ImageError
from rsbench.folders import Folders
from rsbench_datasets.files.rasters import open_raster
from rsbench_datasets.labelled_list import LabelledList

Opener = Callable[..., LabelledList]
NODATA = "<PAMDataset><PAMRasterBand band='1'><NoDataValue>7</NoDataValue></PAMRasterBand>%s"
AUX = NODATA % "</PAMDataset>"
RGB = {"bands": ["red", "green", "blue"]}


def write(path: Path, value: int, bands: int = 3, driver: str = "GTiff") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"count": bands, "height": 4, "width": 5, "dtype": "uint8", "driver": driver}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as raster:
            raster.write(np.full((bands, 4, 5), value, np.uint8))
    return path


def write_mask(path: Path) -> None:
    """Pixels without data everywhere."""
    write(path, 0, bands=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as raster:  # one mask for all bands
            raster.update_tags(**{f"INTERNAL_MASK_FLAGS_{band}": 2 for band in (1, 2, 3)})


@pytest.fixture
def image(tmp_path: Path) -> Path:
    write(tmp_path / "test.tif", 9)
    return write(tmp_path / "train.tif", 7)


@pytest.fixture
def opened(tmp_path: Path, folders: Folders, image: Path) -> Opener:
    rows = ["split,path,label,class", "train,train.tif,0,a", "test,test.tif,0,a"]
    (tmp_path / "list.csv").write_text("\n".join(rows))

    def open_list(**pixels: object) -> LabelledList:
        options = LabelledList.Options.model_validate({"file": "list.csv", "pixels": pixels})
        return LabelledList.open("mine", options, folders)

    return open_list


@pytest.mark.parametrize("end", [".msk", ".MSK", ".aux.xml"])
def test_a_file_beside_an_image_that_changes_its_pixels_changes_the_hash(
    opened: Opener, image: Path, end: str
) -> None:
    before = opened(**RGB)
    assert before.read("train", 0).max() == 7
    beside = image.with_name(image.name + end)
    if end == ".aux.xml":
        beside.write_text(AUX)
    else:
        write_mask(beside)
    after = opened(**RGB)
    assert after.read("train", 0).min() == 0
    assert after.content_hash != before.content_hash
    beside.unlink()
    assert opened(**RGB).content_hash == before.content_hash


def test_its_bytes_count(opened: Opener, image: Path) -> None:
    beside = image.with_name(image.name + ".aux.xml")
    beside.write_text(AUX)
    before = opened(**RGB).content_hash
    beside.write_text(AUX.replace("7", "6"))
    assert opened(**RGB).content_hash != before


@pytest.mark.parametrize("name", ["train.tif.ovr", "train.tfw", "train.tif.txt", "train.aux.xml"])
def test_what_says_nothing_about_the_pixels_does_not_count(
    opened: Opener, image: Path, name: str
) -> None:
    before = opened(**RGB).content_hash
    image.with_name(name).write_text("0.0")
    after = opened(**RGB)
    assert after.read("train", 0).max() == 7
    assert after.content_hash == before


def test_pictures_are_read_without_what_lies_beside_them(opened: Opener, image: Path) -> None:
    before = opened()
    image.with_name(image.name + ".aux.xml").write_text(AUX)
    write_mask(image.with_name(image.name + ".msk"))
    after = opened()
    assert np.array_equal(before.read("train", 0), after.read("train", 0))
    assert after.content_hash == before.content_hash


def test_every_file_that_gdal_reads_for_an_image_is_known(image: Path) -> None:
    """Other spellings, which a search of the folder would find, are not read."""
    write_mask(image.with_name("TRAIN.TIF.msk"))
    image.with_name("train.tif.AUX.XML").write_text(AUX)
    with open_raster(image) as raster:
        assert [Path(each).name for each in raster.files] == [image.name]


def test_a_mosaic_of_other_files_is_no_image(opened: Opener, image: Path) -> None:
    """Its sources are in no hash, whatever it is called."""
    image.rename(image.with_name("source.tif"))
    image.write_text(
        '<VRTDataset rasterXSize="5" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">source.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ImageError, match="not an image of a kind that is read"):
        opened(bands=["grey"]).read("train", 0)
    with (
        pytest.raises(ImageError, match=r"of a kind that is not read \(VRT\)"),
        open_raster(image),
    ):
        pass
