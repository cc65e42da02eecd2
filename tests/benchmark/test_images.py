from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from rsbench.errors import ImageError
from rsbench.image_files import IMAGE_SUFFIXES
from rsbench.images import read_plain, read_rgb


def write_raster(path: Path, pixels: np.ndarray, **options: object) -> Path:
    bands, height, width = pixels.shape
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(
            path, "w", driver="GTiff", count=bands, height=height, width=width,
            dtype=pixels.dtype, **options,
        ) as raster,
    ):  # fmt: skip
        raster.write(pixels)
    return path


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_format_reads_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (7, 5), (200, 30, 90)).save(path)
    image = read_rgb(path)
    assert image.dtype == np.uint8
    assert image.shape == (5, 7, 3)
    assert np.abs(image.astype(int) - [200, 30, 90]).max() <= 3  # JPEG is lossy


def test_grey_is_replicated_and_alpha_dropped(tmp_path: Path) -> None:
    grey = np.arange(30, dtype=np.uint8).reshape(5, 6)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(read_rgb(tmp_path / "grey.png"), np.stack([grey] * 3, axis=2))
    Image.new("RGBA", (2, 2), (1, 2, 3, 4)).save(tmp_path / "alpha.png")
    assert read_rgb(tmp_path / "alpha.png")[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("mode", "suffix", "bands"),
    [("1", ".png", 1), ("L", ".png", 1), ("LA", ".png", 2), ("RGB", ".jpg", 3), ("P", ".png", 3),
     ("RGBA", ".png", 4), ("CMYK", ".jpg", 3)],
)  # fmt: skip
def test_a_plain_picture_keeps_its_bands(
    tmp_path: Path, mode: str, suffix: str, bands: int
) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (3, 2)).convert(mode).save(path)
    pixels = read_plain(path)
    assert pixels is not None
    assert pixels.shape == (2, 3, bands)
    assert pixels.dtype == np.uint8


def test_a_deep_picture_is_not_plain(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "grey.png")
    assert read_plain(tmp_path / "grey.png") is None


def test_the_remedy_names_the_options(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((3, 4, 4), np.uint16))
    with pytest.raises(ImageError) as error:
        read_rgb(path)
    for option in ("'pixels'", "'bands'", "'full_scale'", "'stretch'"):
        assert option in error.value.remedy


def test_the_array_is_writable(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png").flags.writeable


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: the image does not exist"):
        read_rgb(tmp_path / "gone.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.touch()
    with pytest.raises(ImageError, match="the image file is empty") as error:
        read_rgb(path)
    assert error.value.where == str(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_file(
    tmp_path: Path, make_image: Callable[..., Path], suffix: str, share: float
) -> None:
    path = make_image(tmp_path / f"a{suffix}", (64, 48))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ImageError, match="restore the file") as error:
        read_rgb(path)
    assert error.value.where == str(path)


def test_text_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(ImageError, match="not an image of a kind that is read"):
        read_rgb(tmp_path / "a.png")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageError, match="is a folder"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("bands", [1, 3])
def test_sixteen_bit_tiff_is_refused(tmp_path: Path, bands: int) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((bands, 4, 4), np.uint16))
    with pytest.raises(ImageError, match="without more being said"):
        read_rgb(path)


def test_sixteen_bit_png_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "grey.png")
    with pytest.raises(ImageError, match="without more being said"):
        read_rgb(tmp_path / "grey.png")


def test_sixteen_bit_colour_png_is_refused(tmp_path: Path) -> None:
    """Pillow would keep the high bytes and say nothing."""
    profile = {"driver": "PNG", "count": 3, "height": 4, "width": 4, "dtype": "uint16"}
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(tmp_path / "a.png", "w", **profile) as raster,
    ):
        raster.write(np.zeros((3, 4, 4), np.uint16))
    with pytest.raises(ImageError, match="without more being said"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("bands", "kind"), [(2, "uint8"), (4, "uint8"), (5, "uint8"), (13, "uint16"), (3, "float32")]
)
def test_multi_band_and_float_tiff_are_refused(tmp_path: Path, bands: int, kind: str) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((bands, 4, 4), kind))
    with pytest.raises(ImageError, match="without more being said"):
        read_rgb(path)


def test_float_image_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="without more being said"):
        read_rgb(tmp_path / "a.tif")
