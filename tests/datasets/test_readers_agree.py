"""Pillow and GDAL give the same values for a file, or it is refused; and one image is one file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from rsbench.errors import ImageError, MisfitImageError, RsbenchError
from rsbench.folders import Folders
from rsbench.images import read_rgb
from rsbench_datasets.files.pixels import PixelOptions, read_pixels
from rsbench_datasets.files.rasters import open_raster
from rsbench_datasets.files.scenes import read_scene, read_window
from rsbench_datasets.labelled_list import LabelledList

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)
Write = Callable[[Path], None]


def raster(values: Any, **profile: Any) -> Write:
    """Writes bands through GDAL."""
    bands = np.asarray(values)
    bands = bands[None] if bands.ndim == 2 else bands.transpose(2, 0, 1)
    shape = dict(zip(("count", "height", "width"), bands.shape, strict=True))

    def write(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            profile.setdefault("driver", "GTiff")
            with rasterio.open(path, "w", dtype=bands.dtype, **shape, **profile) as file:
                file.write(bands)

    return write


def picture(values: Any, mode: str = "", **how: Any) -> Write:
    """Writes a picture through Pillow."""

    def write(path: Path) -> None:
        image = Image.fromarray(values)
        (image.convert(mode) if mode else image).save(path, **how)

    return write


def turned(path: Path) -> None:
    image = Image.fromarray(COLOUR)
    exif = image.getexif()
    exif[274] = 6
    image.save(path, exif=exif, subsampling=0)


def frames(**how: Any) -> Write:
    """Writes red, green and blue as three images in one file."""

    def write(path: Path) -> None:
        first, *others = [Image.fromarray(COLOUR[..., band]) for band in range(3)]
        first.save(path, save_all=True, append_images=others, **how)

    return write


ALIKE: dict[str, Write] = {
    "rgb.tif": picture(COLOUR),
    "grey.tif": picture(GREY),
    "planar.tif": raster(COLOUR, photometric="RGB", interleave="band"),
    "nodata.tif": raster(COLOUR, photometric="RGB", nodata=7),
    "rgb.png": picture(COLOUR),
    "grey.png": picture(GREY),
    "colour_key.png": picture(COLOUR, transparency=tuple(COLOUR[0, 0].tolist())),
    "rgba.png": picture(np.dstack([COLOUR, GREY])),
    "rgb.jpg": picture(COLOUR, subsampling=0),
    "cmyk.jpg": picture(COLOUR, "CMYK"),
    "turned.jpg": turned,
    "preview.jpg": frames(format="MPO"),
    "rgb.bmp": picture(COLOUR),
    "rgb.webp": picture(COLOUR, lossless=True),
    "rgb.jp2": picture(COLOUR),
    "rgb.ppm": picture(COLOUR),
}
"""Both give the same; of JPEG without subsampled colours, which each fills up in its own way."""

PILLOW: dict[str, Write] = {
    "from_white.tif": raster(GREY, photometric="MINISWHITE"),
    "four_bits.tif": raster(GREY >> 4, nbits=4),
    "one_bit.tif": picture(GREY, "1"),
    "one_bit.png": picture(GREY, "1"),
    "palette.png": picture(COLOUR, "P"),
    "palette.tif": picture(COLOUR, "P"),
    "still.gif": picture(COLOUR, "P"),
}
"""Pillow makes the picture that every viewer shows, and GDAL other numbers."""

NEITHER: dict[str, Write] = {
    "lab.tif": picture(COLOUR, "LAB"),
    "cmyk.tif": picture(COLOUR, "CMYK"),
    "ycbcr.tif": picture(COLOUR, "YCbCr"),
    "from_white_16.tif": raster(GREY.astype(np.uint16), photometric="MINISWHITE"),
    "turned.tif": picture(COLOUR, tiffinfo={274: 6}),
    "mirrored.tif": picture(GREY, tiffinfo={274: 2}),
}
"""They differ, or nobody can tell which is right."""


@pytest.mark.parametrize("name", ALIKE)
def test_both_readers_give_the_same(tmp_path: Path, name: str) -> None:
    ALIKE[name](tmp_path / name)
    with open_raster(tmp_path / name) as file:
        bands = file.read()
    bands = np.repeat(bands, 3, axis=0) if len(bands) == 1 else bands[:3]
    assert np.array_equal(read_rgb(tmp_path / name), bands.transpose(1, 2, 0))


def test_jpeg_scenes_are_decoded_as_jpeg_pictures_are(tmp_path: Path) -> None:
    """Most JPEG files keep colours at half the size."""
    picture(COLOUR, subsampling=2)(tmp_path / "a.jpg")
    expected = read_rgb(tmp_path / "a.jpg")
    assert np.array_equal(read_scene(tmp_path / "a.jpg").transpose(1, 2, 0), expected)
    assert np.array_equal(read_window(tmp_path / "a.jpg", (1, 2, 5, 6)), expected[2:6, 1:5])


@pytest.mark.parametrize("name", PILLOW)
def test_gdal_refuses_what_it_reads_otherwise(tmp_path: Path, name: str) -> None:
    PILLOW[name](tmp_path / name)
    assert read_rgb(tmp_path / name).shape == (6, 8, 3)
    with pytest.raises(MisfitImageError):
        read_scene(tmp_path / name)


@pytest.mark.parametrize("name", [name for name in PILLOW if name.endswith("tif")])
def test_named_bands_are_never_such_numbers(tmp_path: Path, name: str) -> None:
    PILLOW[name](tmp_path / name)
    with pytest.raises(RsbenchError, match=r"which readers take in different ways|palette"):
        read_pixels(tmp_path / name, PixelOptions(bands=("grey",)))


@pytest.mark.parametrize("name", NEITHER)
def test_what_is_ambiguous_is_refused_by_both(tmp_path: Path, name: str) -> None:
    NEITHER[name](tmp_path / name)
    with pytest.raises(ImageError):
        read_rgb(tmp_path / name)
    for bands in (("grey",), ("red", "green", "blue"), ("a", "b", "c", "d")):
        with pytest.raises(ImageError):
            read_pixels(tmp_path / name, PixelOptions(bands=bands))


def test_white_first_shows_as_every_viewer_shows_it(tmp_path: Path) -> None:
    PILLOW["from_white.tif"](tmp_path / "a.tif")
    assert np.array_equal(read_rgb(tmp_path / "a.tif")[..., 0], 255 - GREY)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("signed.tif", raster(GREY.view(np.int8))),
        ("deep.jp2", raster(COLOUR.astype(np.uint16), driver="JP2OpenJPEG")),
        ("four.jp2", raster(np.dstack([COLOUR, GREY]), driver="JP2OpenJPEG")),
        (
            "deep.ppm",
            lambda path: path.write_bytes(b"P6 2 2 65535\n" + np.arange(12, dtype=">u2").tobytes()),
        ),
    ],
)
def test_what_is_no_eight_bit_picture_is_refused(tmp_path: Path, name: str, write: Write) -> None:
    """Pillow opens each of them as one."""
    write(tmp_path / name)
    with pytest.raises(MisfitImageError, match="images are 8-bit grey or RGB"):
        read_rgb(tmp_path / name)


def test_jpeg_2000_keeps_its_depth(tmp_path: Path) -> None:
    numbers = np.arange(192, dtype=np.uint16).reshape(8, 8, 3) * 20
    raster(numbers, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES")(tmp_path / "a.jp2")
    options = PixelOptions(bands=("a", "b", "c"), full_scale=10000)
    assert np.array_equal(read_pixels(tmp_path / "a.jp2", options), numbers)


def several_pages(path: Path) -> None:
    """Of 16 bits and several bands, which Pillow does not know."""
    raster(np.dstack([GREY] * 4).astype(np.uint16))(path)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            raster(np.dstack([GREY] * 4).astype(np.uint16), APPEND_SUBDATASET="YES")(path)


SEVERAL: dict[str, tuple[Write, str]] = {
    "pages.tif": (frames(), "3 pages"),
    "packed.tif": (frames(compression="tiff_lzw"), "3 pages"),
    "big.tif": (frames(big_tiff=True), "3 pages"),
    "deep.tif": (several_pages, "3 pages"),
    "moving.gif": (frames(), "3 frames"),
    "moving.webp": (frames(lossless=True), "3 frames"),
    "moving.png": (frames(), "3 frames"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_a_file_of_several_images_is_no_image(tmp_path: Path, name: str) -> None:
    """The first of three pages is the red of a picture, and not the picture."""
    write, found = SEVERAL[name]
    write(tmp_path / name)
    for options in (
        PixelOptions(),
        PixelOptions(bands=("grey",)),
        PixelOptions(bands=("a", "b", "c", "d"), full_scale=255.5),
    ):
        with pytest.raises(ImageError, match=f"the file has {found}, and only one") as error:
            read_pixels(tmp_path / name, options)
        assert not isinstance(error.value, MisfitImageError)  # it is skipped where that is asked
        assert "of shape (height, width, bands)" in error.value.remedy


def test_pages_of_a_scene_are_refused_too(tmp_path: Path) -> None:
    SEVERAL["pages.tif"][0](tmp_path / "a.tif")
    with pytest.raises(ImageError, match="3 pages"):
        read_scene(tmp_path / "a.tif")


def test_overviews_and_masks_are_no_pages(tmp_path: Path) -> None:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        raster(COLOUR, photometric="RGB")(tmp_path / "a.tif")
        with rasterio.open(tmp_path / "a.tif", "r+") as file:
            file.build_overviews([2, 4])
            file.write_mask(GREY > 100)
    assert np.array_equal(read_rgb(tmp_path / "a.tif"), COLOUR)
    named = read_pixels(tmp_path / "a.tif", PixelOptions(bands=("red", "green", "blue")))
    assert np.array_equal(named, COLOUR * (GREY > 100)[..., None])


@pytest.mark.parametrize("cut", [4, 400, 600])
def test_a_torn_tiff_is_damaged_and_nothing_else(tmp_path: Path, cut: int) -> None:
    SEVERAL["pages.tif"][0](tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:cut])
    for options in (PixelOptions(), PixelOptions(bands=("grey",))):
        with pytest.raises(ImageError, match=r"restore the file|leave it out|only one would"):
            read_pixels(tmp_path / "a.tif", options)


def test_such_files_can_be_skipped(
    tmp_path: Path, folders: Folders, make_image: Callable[..., Path]
) -> None:
    make_image(tmp_path / "x.png")
    SEVERAL["pages.tif"][0](tmp_path / "y.tif")
    rows = ["split,path,label,class", "train,x.png,0,a", "train,y.tif,0,a", "test,x2.png,0,a"]
    make_image(tmp_path / "x2.png", seed=1)
    (tmp_path / "list.csv").write_text("\n".join(rows))
    options = LabelledList.Options(file="list.csv", on_bad_image="skip")
    target = LabelledList.open("mine", options, folders)
    good, bad = target.read_many("train", [0, 1])
    assert isinstance(good, np.ndarray)
    assert isinstance(bad, ImageError)
