"""Files of every kind become stored pixels, or an error that names the option to state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from rasterio.enums import ColorInterp
from rasters import write_raster

from rsbench.errors import BandError, ImageError
from rsbench.imagery import RGB, Imagery
from rsbench.images import read_rgb
from rsbench_datasets.files.pixels import PixelOptions, convert, imagery, read_pixels

RADAR = ("vv", "vh")
NUMBERS = np.random.default_rng(0).integers(1, 5000, (4, 5, 7))


def options(**given: object) -> PixelOptions:
    return PixelOptions.model_validate(given)


class TestImagery:
    def test_of_pictures(self) -> None:
        assert imagery(options()) == Imagery()
        assert imagery(options(bands=["grey"])) == Imagery(("grey",))

    def test_of_digital_numbers(self) -> None:
        given = options(bands=["B04", "B08"], quantity="reflectance", full_scale=10000)
        assert imagery(given) == Imagery(("B04", "B08"), "reflectance", "uint16", 10000.0)

    def test_of_fractions(self) -> None:
        given = options(bands=["B04"], quantity="reflectance", full_scale=1)
        assert imagery(given) == Imagery(("B04",), "reflectance", "uint16", 10000.0)

    def test_of_stretched_values(self) -> None:
        given = options(bands=RADAR, quantity="decibel", stretch=[-25, 0])
        assert imagery(given) == Imagery(RADAR, "decibel", "uint8", 255.0)

    def test_holds_the_bands_in_use(self) -> None:
        given = options(bands=["blue", "green", "red", "nir"], use=RGB)
        assert imagery(given).bands == RGB

    def test_holds_new_names(self) -> None:
        given = options(bands=RADAR, use={"red": "vv", "green": "vh", "blue": "vv"})
        assert imagery(given).bands == RGB
        assert given.source_bands == ("vv", "vh", "vv")


class TestPictures:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
    def test_read_as_before_without_options(
        self, tmp_path: Path, make_image: Callable[..., Path], suffix: str
    ) -> None:
        path = make_image(tmp_path / f"a{suffix}")
        assert np.array_equal(read_pixels(path, options()), read_rgb(path))

    @pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
    def test_bands_may_be_reordered(
        self, tmp_path: Path, make_image: Callable[..., Path], suffix: str
    ) -> None:
        path = make_image(tmp_path / f"a{suffix}")
        turned = read_pixels(path, options(bands=RGB, use=["blue", "red"]))
        assert np.array_equal(turned, read_rgb(path)[..., [2, 0]])

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_one_grey_band(self, tmp_path: Path, suffix: str) -> None:
        grey = np.arange(30, dtype=np.uint8).reshape(5, 6)
        Image.fromarray(grey).save(tmp_path / f"a{suffix}")
        pixels = read_pixels(tmp_path / f"a{suffix}", options(bands=["grey"]))
        assert pixels.dtype == np.uint8
        assert np.array_equal(pixels, grey[..., None])

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_transparent_pixels_are_no_data(self, tmp_path: Path, suffix: str) -> None:
        picture = np.full((2, 3, 4), 200, dtype=np.uint8)
        picture[0, :, 3] = 0
        Image.fromarray(picture).save(tmp_path / f"a{suffix}")
        pixels = read_pixels(tmp_path / f"a{suffix}", options(bands=RGB))
        assert pixels[:, 0].tolist() == [[0, 0, 0], [200, 200, 200]]

    def test_a_palette_becomes_colours(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (3, 2), (10, 20, 30)).convert("P")
        picture.save(tmp_path / "a.png")
        expected = read_rgb(tmp_path / "a.png")
        assert np.array_equal(read_pixels(tmp_path / "a.png", options(bands=RGB)), expected)

    def test_a_palette_in_a_tiff_is_refused(self, tmp_path: Path) -> None:
        Image.new("RGB", (3, 2), (10, 20, 30)).convert("P").save(tmp_path / "a.tif")
        with pytest.raises(BandError, match="colour palette"):
            read_pixels(tmp_path / "a.tif", options(bands=["grey"]))

    def test_sixteen_bit_png(self, tmp_path: Path) -> None:
        numbers = NUMBERS[:3].astype(np.uint16)
        path = write_raster(tmp_path / "a.png", numbers, driver="PNG")
        pixels = read_pixels(path, options(bands=RGB, full_scale=65535))
        assert np.array_equal(pixels, numbers.transpose(1, 2, 0))


class TestDigitalNumbers:
    @pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int32, np.float32])
    def test_are_kept(self, tmp_path: Path, kind: type) -> None:
        path = write_raster(tmp_path / "a.tif", NUMBERS.astype(kind))
        given = options(bands=["B02", "B03", "B04", "B08"], full_scale=10000, use=["B08", "B02"])
        pixels = read_pixels(path, given)
        assert pixels.dtype == np.uint16
        assert pixels.flags.c_contiguous
        assert np.array_equal(pixels, NUMBERS[[3, 0]].transpose(1, 2, 0))

    def test_fractions_are_kept_to_a_ten_thousandth(self, tmp_path: Path) -> None:
        fractions = (NUMBERS[:2] / 10000).astype(np.float32)
        path = write_raster(tmp_path / "a.tif", fractions)
        given = options(bands=["B04", "B08"], quantity="reflectance", full_scale=1)
        stored = read_pixels(path, given) / imagery(given).full_scale
        assert np.abs(stored - fractions.transpose(1, 2, 0)).max() <= 0.5001e-4

    @pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32])
    def test_need_a_scale(self, tmp_path: Path, kind: type) -> None:
        path = write_raster(tmp_path / "a.tif", NUMBERS[:1].astype(kind))
        with pytest.raises(BandError, match=f"the values are {np.dtype(kind)}, from") as error:
            read_pixels(path, options(bands=["B04"]))
        assert "'full_scale'" in error.value.remedy
        assert "'stretch'" in error.value.remedy
        assert error.value.where == str(path)

    def test_must_fit_the_scale(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", NUMBERS[:1].astype(np.uint16))
        with pytest.raises(BandError, match="values above 255, the largest that can be stored"):
            read_pixels(path, options(bands=["B04"], full_scale=255))
        with pytest.raises(BandError, match=r"values above 6\.5535, the largest"):
            read_pixels(path, options(bands=["B04"], full_scale=1))

    def test_negative_values_are_refused(self, tmp_path: Path) -> None:
        numbers = NUMBERS[:1].astype(np.int16)
        numbers[0, 0, :2] = -9999
        path = write_raster(tmp_path / "a.tif", numbers)
        with pytest.raises(BandError, match="2 of 35 values are wrong: negative") as error:
            read_pixels(path, options(bands=["B04"], full_scale=10000))
        assert "'nodata'" in error.value.remedy

    def test_nan_is_refused(self, tmp_path: Path) -> None:
        numbers = NUMBERS[:1].astype(np.float32)
        numbers[0, 0, 0] = np.nan
        path = write_raster(tmp_path / "a.tif", numbers)
        with pytest.raises(BandError, match="1 of 35 values are wrong: NaN") as error:
            read_pixels(path, options(bands=["B04"], stretch=[0, 5000]))
        assert "'nodata'" in error.value.remedy

    def test_complex_values_are_refused(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", NUMBERS[:1].astype(np.complex64))
        with pytest.raises(BandError, match="complex64"):
            read_pixels(path, options(bands=["vv"], stretch=[0, 1]))


class TestStretch:
    def test_maps_the_two_values_to_0_and_255(self) -> None:
        values = np.array([[[100, 200, 300]]], dtype=np.uint16)
        pixels = convert(values, None, options(bands=["grey"], stretch=[100, 300]))
        assert pixels.dtype == np.uint8
        assert pixels[0, :, 0].tolist() == [0, 128, 255]

    def test_may_differ_by_band(self) -> None:
        values = np.full((2, 1, 1), -10.0)
        given = options(bands=RADAR, stretch={"vv": [-20, 0], "vh": [-30, -10]})
        assert convert(values, None, given)[0, 0].tolist() == [128, 255]

    def test_clips(self) -> None:
        values = np.array([[[-5, 50, 105, 60]]])
        pixels = convert(values, None, options(bands=["grey"], stretch=[0, 100]))
        assert pixels[0, :, 0].tolist() == [0, 128, 255, 153]

    def test_that_clips_most_of_a_band_is_an_error(self) -> None:
        values = np.arange(40.0).reshape(2, 4, 5)
        given: dict[str, Any] = {"bands": RADAR, "stretch": [0, 22]}
        with pytest.raises(BandError, match="85% of band vh lies outside 'stretch' 0 to 22: its "
                           "values run from 20 to 39") as error:  # fmt: skip
            convert(values, None, options(**given), where="a.tif")
        assert error.value.where == "a.tif"
        assert convert(values, None, options(**given, clip_limit=0.9))[3, 4].tolist() == [220, 255]

    def test_counts_no_values_without_data_as_clipped(self) -> None:
        values = np.array([[[-9999.0] * 9 + [-10.0]]])
        given = options(bands=["vv"], stretch=[-20, 0], nodata=-9999)
        assert convert(values, None, given)[0, :, 0].tolist() == [0] * 9 + [128]

    @pytest.mark.parametrize(("unit", "expected"), [("amplitude", -20.0), ("intensity", -10.0)])
    def test_of_linear_backscatter(self, unit: str, expected: float) -> None:
        values = np.array([[[0.1, 1.0, 0.1]]], dtype=np.float32)
        given = options(bands=["vv"], decibel=unit, stretch=[expected, 0])
        assert convert(values, None, given)[0, :, 0].tolist() == [0, 255, 0]

    def test_zero_backscatter_is_the_low_end(self) -> None:
        values = np.array([[[0.0, 1.0, 0.1]]])
        given = options(bands=["vv"], decibel="intensity", stretch=[-20, 0])
        assert convert(values, None, given)[0, :, 0].tolist() == [0, 255, 128]

    def test_decibels_are_no_linear_backscatter(self) -> None:
        given = options(bands=["vv"], decibel="intensity", stretch=[-20, 0])
        with pytest.raises(BandError, match="1 of 2 values are wrong: negative") as error:
            convert(np.array([[[-15.0, 1.0]]]), None, given)
        assert "leave out 'decibel'" in error.value.remedy


class TestNoData:
    NUMBERS = np.array([[[7, 0, 9]], [[7, 8, 0]]], dtype=np.int16)
    GIVEN = options(bands=RADAR, full_scale=1000)

    def test_as_the_file_says(self, tmp_path: Path) -> None:
        numbers = np.where(self.NUMBERS == 0, -1, self.NUMBERS).astype(np.int16)
        path = write_raster(tmp_path / "a.tif", numbers, nodata=-1)
        assert read_pixels(path, self.GIVEN)[0].tolist() == [[7, 7], [0, 8], [9, 0]]

    def test_as_the_option_says(self, tmp_path: Path) -> None:
        numbers = np.where(self.NUMBERS == 0, -1, self.NUMBERS).astype(np.int16)
        path = write_raster(tmp_path / "a.tif", numbers)
        given = self.GIVEN.model_copy(update={"nodata": -1.0})
        assert read_pixels(path, given)[0].tolist() == [[7, 7], [0, 8], [9, 0]]

    def test_as_nan(self, tmp_path: Path) -> None:
        numbers = np.where(self.NUMBERS == 0, np.nan, self.NUMBERS).astype(np.float32)
        path = write_raster(tmp_path / "a.tif", numbers)
        given = options(bands=RADAR, full_scale=1000, nodata="nan")
        assert read_pixels(path, given)[0].tolist() == [[7, 7], [0, 8], [9, 0]]
        declared = write_raster(tmp_path / "b.tif", numbers, nodata=float("nan"))
        assert read_pixels(declared, self.GIVEN)[0].tolist() == [[7, 7], [0, 8], [9, 0]]

    def test_out_of_the_files_range_marks_nothing(self) -> None:
        given = options(bands=RADAR, full_scale=1000, nodata=-9999)
        values = np.full((2, 1, 1), 65536 - 9999, dtype=np.uint16)
        assert convert(values, None, given).tolist() == [[[55537, 55537]]]

    def test_as_the_mask_of_the_file_says(self, tmp_path: Path) -> None:
        mask = np.array([[255, 0, 255]], dtype=np.uint8)
        path = write_raster(tmp_path / "a.tif", self.NUMBERS, mask=mask)
        assert read_pixels(path, self.GIVEN)[0].tolist() == [[7, 7], [0, 0], [9, 0]]

    def test_as_an_alpha_band_says(self, tmp_path: Path) -> None:
        alpha = np.array([[[0, 32767, 32767]]], dtype=np.int16)
        colours = (ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha)
        path = write_raster(
            tmp_path / "a.tif", np.concatenate([self.NUMBERS, alpha]), colours=colours
        )
        assert read_pixels(path, self.GIVEN)[0].tolist() == [[0, 0], [0, 8], [9, 0]]

    def test_a_fourth_band_is_data_where_the_list_says_so(self, tmp_path: Path) -> None:
        """The library labels every fourth 8-bit band as alpha."""
        values = np.full((4, 2, 2), 9, dtype=np.uint8)
        values[3] = 0
        path = write_raster(tmp_path / "a.tif", values)
        pixels = read_pixels(path, options(bands=[*RGB, "nir"]))
        assert pixels[0, 0].tolist() == [9, 9, 9, 0]

    def test_in_a_band_that_is_not_used_does_no_harm(self, tmp_path: Path) -> None:
        path = write_raster(tmp_path / "a.tif", self.NUMBERS, nodata=0)
        given = options(bands=RADAR, full_scale=1000, use=["vv"])
        assert read_pixels(path, given)[0, :, 0].tolist() == [7, 0, 9]

    def test_shared_by_all_bands(self) -> None:
        valid = np.array([[True, False, True]])
        assert convert(self.NUMBERS, valid, self.GIVEN)[0].tolist() == [[7, 7], [0, 0], [9, 0]]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_another_number_of_bands(
    tmp_path: Path, make_image: Callable[..., Path], suffix: str
) -> None:
    path = make_image(tmp_path / f"a{suffix}")
    with pytest.raises(BandError, match=r"has 3 bands, and 'bands' names 1 \(grey\)") as error:
        read_pixels(path, options(bands=["grey"]))
    assert error.value.where == str(path)


def test_convert_without_bands() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert np.array_equal(convert(grey, None, options()), np.stack([grey[0]] * 3, axis=2))
    with pytest.raises(BandError, match="has 4 bands of type uint8") as error:
        convert(np.zeros((4, 2, 2), np.uint8), None, options())
    assert "'pixels'" in error.value.remedy


class TestDamage:
    GIVEN = options(bands=["B02", "B03", "B04", "B08"], full_scale=10000)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        for name in ("a.tif", "a.png"):
            with pytest.raises(ImageError, match="does not exist"):
                read_pixels(tmp_path / name, self.GIVEN)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        for name in ("a.tif", "a.png"):
            (tmp_path / name).touch()
            with pytest.raises(ImageError, match="is empty"):
                read_pixels(tmp_path / name, self.GIVEN)

    @pytest.mark.parametrize("compress", ["none", "deflate", "lzw"])
    @pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
    def test_a_truncated_raster(self, tmp_path: Path, share: float, compress: str) -> None:
        numbers = np.random.default_rng(0).integers(0, 5000, (4, 80, 60)).astype(np.uint16)
        path = write_raster(tmp_path / "a.tif", numbers, compress=compress)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ImageError, match="does not decode") as error:
            read_pixels(path, self.GIVEN)
        assert error.value.where == str(path)

    @pytest.mark.parametrize("share", [0.3, 0.95])
    def test_a_truncated_sixteen_bit_png(self, tmp_path: Path, share: float) -> None:
        numbers = np.random.default_rng(0).integers(0, 5000, (3, 80, 60)).astype(np.uint16)
        path = write_raster(tmp_path / "a.png", numbers, driver="PNG")
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ImageError, match="does not decode"):
            read_pixels(path, options(bands=RGB, full_scale=10000))

    def test_text(self, tmp_path: Path) -> None:
        for name in ("a.tif", "a.png"):
            (tmp_path / name).write_text("no picture")
            with pytest.raises(ImageError, match=r"does not decode|not an image"):
                read_pixels(tmp_path / name, self.GIVEN)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stretch": [0, 1]}, "name the bands of the files"),
        ({"bands": []}, "at least 1 item"),
        ({"bands": ["a", "a"]}, "'bands' names a band twice"),
        ({"bands": ["a", "b"], "use": ["b", "b"]}, "'use' names a band twice"),
        ({"bands": ["a"], "use": ["b"]}, "'use' names bands that 'bands' does not: b"),
        ({"bands": ["a"], "use": {"red": "b"}}, "'use' names bands that 'bands' does not: b"),
        ({"bands": ["a"], "use": {}}, "at least 1 item"),
        (
            {"bands": ["a"], "use": {"red": "a", "blue": "a"}, "stretch": {"red": [0, 1]}},
            r"must name the bands a \[",
        ),
        ({"bands": ["a"], "stretch": [1, 1]}, "from low to high, not from 1 to 1"),
        ({"bands": ["a", "b"], "stretch": {"a": [0, 1]}}, "must name the bands a, b"),
        ({"bands": ["a"], "stretch": [0, 1], "full_scale": 9}, "exclude each other"),
        ({"bands": ["a"], "decibel": "amplitude"}, "'decibel' needs 'stretch'"),
        ({"bands": ["a"], "quantity": "reflectance", "stretch": [0, 1]}, "ends reflectance"),
        ({"bands": ["a"], "full_scale": 0}, "greater than 0"),
        ({"bands": ["a"], "quantity": "height"}, "quantity"),
    ],
)
def test_options_that_contradict_each_other(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**given)


def test_identity_holds_what_is_stated_and_no_more() -> None:
    assert options().identity() == {}
    given = options(bands=RADAR, stretch=[-25, 0], nodata=float("nan"))
    assert given.identity() == {"bands": ["vv", "vh"], "stretch": [-25.0, 0.0], "nodata": "nan"}
    assert PixelOptions.model_validate(given.identity()) == given


def test_new_names_have_an_order_of_their_own() -> None:
    """What is stored must not hang on the order of keys, which JSON and YAML writers change."""
    names = {"sum": "vh", "blue": "vv", "green": "vh", "dark": "vv", "red": "vv"}
    given = options(bands=RADAR, use=names)
    assert given.stored_bands == (*RGB, "dark", "sum")
    assert given.source_bands == ("vv", "vh", "vv", "vv", "vh")
    turned = options(bands=RADAR, use=dict(sorted(names.items())))
    assert turned.stored_bands == given.stored_bands
    assert turned.identity() == given.identity()
    assert PixelOptions.model_validate(given.identity()) == given


def test_identity_holds_new_names() -> None:
    given = options(bands=RADAR, use={"red": "vv", "green": "vh"})
    assert given.identity()["use"] == {"red": "vv", "green": "vh"}
    others = (options(bands=RADAR), options(bands=RADAR, use={"red": "vh", "green": "vv"}))
    assert given.identity() not in [other.identity() for other in others]


def test_bands_are_renamed_and_repeated(tmp_path: Path) -> None:
    radar = NUMBERS[:2].astype(np.float32)
    radar[1, 0, 0] = np.nan
    path = write_raster(tmp_path / "a.tif", radar)
    names = {"red": "vv", "green": "vh", "blue": "vv"}
    radar_options = {"bands": RADAR, "stretch": {"vv": [0, 5000], "vh": [0, 7000]}, "nodata": "nan"}
    pixels = read_pixels(path, options(use=names, **radar_options))
    plain = read_pixels(path, options(**radar_options))
    assert np.array_equal(pixels, plain[..., [0, 1, 0]])
    assert pixels[0, 0].tolist() == [plain[0, 0, 0], 0, plain[0, 0, 0]]
