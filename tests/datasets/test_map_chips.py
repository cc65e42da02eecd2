import logging
import os
import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pydantic import ValidationError
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from rasterio.warp import transform as change

from rsbench.errors import BandError, ImageError, NotPreparedError, TargetError
from rsbench.folders import Folders
from rsbench_datasets.map_chips.footprints import footprints
from rsbench_datasets.map_chips.headers import Scene
from rsbench_datasets.map_chips.split import deal
from rsbench_datasets.map_chips.target import MapChips

UTM = "EPSG:32631"
LEFT, TOP, PIXEL = 500_000.0, 5_600_000.0, 10.0
"""North-west corner of the scenes in UTM 31N (at 3 degrees east), and their pixel in metres."""
SIDE = 128
BY_COLUMN = {"by": "column"}
Opener = Callable[..., MapChips]


def scene_pixels(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """Random pixels without a zero, shape (3, side, side)."""
    return np.random.default_rng(seed).integers(1, 256, (3, side, side), dtype=np.uint8)


def north_up(left: float = LEFT, top: float = TOP, pixel: float = PIXEL) -> Affine:
    return Affine(pixel, 0, left, 0, -pixel, top)


def write_scene(
    path: Path,
    pixels: np.ndarray,
    transform: Affine | None = None,
    crs: str | None = UTM,
    **profile: Any,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = pixels.shape
    given = {} if transform is None else {"transform": transform}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, crs=crs,
            dtype=pixels.dtype, tiled=True, blockxsize=64, blockysize=64, **given, **profile,
        ) as scene:  # fmt: skip
            scene.write(pixels)
    return path


def write_labels(
    path: Path,
    shapes: Sequence[Any],
    columns: dict[str, Sequence[Any]],
    crs: str | None = UTM,
    **options: Any,
) -> Path:
    wkb = np.array([None if s is None else shapely.to_wkb(s) for s in shapes], dtype=object)
    values = [
        np.array(v, dtype=object if any(isinstance(x, str) or x is None for x in v) else None)
        for v in columns.values()
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.raw.write(
            path, wkb, values, list(columns), geometry_type="Unknown", crs=crs, **options
        )
    return path


def at(column: float, row: float) -> tuple[float, float]:
    """Map coordinates of a place in pixels of a :func:`north_up` scene."""
    return LEFT + PIXEL * column, TOP - PIXEL * row


def point(column: float, row: float) -> shapely.Point:
    return shapely.Point(at(column, row))


def box(x1: float, y1: float, x2: float, y2: float) -> shapely.Polygon:
    """A box on the map, given in pixels of a :func:`north_up` scene."""
    return shapely.box(*at(x1, y2), *at(x2, y1))


def to_degrees(shape: Any) -> Any:
    def turn(points: np.ndarray) -> np.ndarray:
        return np.array(change(UTM, "EPSG:4326", *points.T)).T

    return shapely.transform(shape, turn)


@pytest.fixture
def opened(tmp_path: Path, folders: Folders) -> Opener:
    def open_chips(**options: Any) -> MapChips:
        given = {
            "scenes": "scenes",
            "labels": "labels.gpkg",
            "label_column": "crop",
            "split": BY_COLUMN,
        }
        settings = MapChips.Options.model_validate(given | options)
        return MapChips.open("maps", settings, folders)

    return open_chips


@pytest.fixture
def one_scene(tmp_path: Path) -> np.ndarray:
    """Writes ``scenes/a.tif`` and returns its pixels, (height, width, bands)."""
    pixels = scene_pixels()
    write_scene(tmp_path / "scenes" / "a.tif", pixels, north_up())
    return pixels.transpose(1, 2, 0)


def label(
    tmp_path: Path, train: Sequence[Any], test: Sequence[Any] = (), **columns: Sequence[Any]
) -> Path:
    """``labels.gpkg``: all "a", or by column; with a test point far from the others' pixels."""
    shapes = [*train, *(test or [box(110, 110, 120, 120)])]
    split = ["train"] * len(train) + ["test"] * (len(shapes) - len(train))
    given = {"crop": ["a"] * len(shapes), "split": split} | columns
    return write_labels(tmp_path / "labels.gpkg", shapes, given)


def windows(target: MapChips, split: str = "train") -> list[list[int]]:
    """x1, y1, x2, y2 of every chip, from its id."""
    samples = target.train if split == "train" else target.test
    return [[int(edge) for edge in name.rsplit("_", 4)[1:]] for name in samples.ids]


# From the map to pixels


def test_boxes_become_their_pixels(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [box(10, 20, 30, 50), box(40.2, 60.5, 44.1, 61.5)])
    target = opened()
    assert target.train.ids == ("a/a.tif_10_20_30_50", "a/a.tif_40_60_45_62")
    assert np.array_equal(target.read("train", 0), one_scene[20:50, 10:30])
    assert np.array_equal(target.read("train", 1), one_scene[60:62, 40:45])
    assert target.imagery.bands == ("red", "green", "blue")


def test_points_become_squares(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(50, 60), point(20.5, 30.5)], [point(100, 100)])
    assert windows(opened(chip_size=4)) == [[19, 29, 23, 33], [48, 58, 52, 62]]
    target = opened(chip_size=5)
    assert windows(target)[0] == [18, 28, 23, 33]  # pixel 20 is in the middle
    assert np.array_equal(target.read("train", 0), one_scene[28:33, 18:23])


def test_sizes_in_metres(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(50, 60)], [point(100, 100)])
    assert windows(opened(chip_metres=200)) == [[40, 50, 60, 70]]
    label(tmp_path, [box(50, 60, 52, 62)])
    assert windows(opened(margin=1, margin_metres=30)) == [[46, 56, 56, 66]]
    assert windows(opened(cut="middle", chip_size=10)) == [[46, 56, 56, 66]]


def test_metres_on_a_grid_of_degrees_and_in_web_mercator(opened: Opener, tmp_path: Path) -> None:
    """At 60 degrees north a degree of longitude is half as long, and Web Mercator is twofold."""
    degree = 111_412.0 / 2, 111_400.0  # metres per degree there, within 0.5 %
    pixels = scene_pixels()
    grid = Affine(1e-3, 0, 10.0, 0, -1e-3, 60.064)
    write_scene(tmp_path / "scenes" / "a.tif", pixels, grid, "EPSG:4326")
    write_labels(
        tmp_path / "labels.gpkg",
        [shapely.Point(10.064, 60.0), shapely.Point(10.03, 60.03)],
        {"crop": ["a", "a"], "split": ["train", "test"]},
        "EPSG:4326",
    )
    x1, y1, x2, y2 = windows(opened(chip_metres=2000))[0]
    assert (x2 - x1, y2 - y1) == (round(2000 / degree[0] / 1e-3), round(2000 / degree[1] / 1e-3))
    assert (x2 - x1, y2 - y1) == (36, 18)
    x, y = (each[0] for each in change("EPSG:4326", "EPSG:3857", [10.064], [60.0]))
    mercator = north_up(x - 640, y + 640)
    write_scene(tmp_path / "scenes" / "a.tif", pixels, mercator, "EPSG:3857")
    write_labels(
        tmp_path / "labels.gpkg",
        [shapely.Point(10.064, 60.0), shapely.Point(10.0642, 60.0001)],
        {"crop": ["a", "a"], "split": ["train", "test"]},
        "EPSG:4326",
    )
    x1, y1, x2, y2 = windows(opened(chip_metres=200))[0]
    assert (x2 - x1, y2 - y1) == (40, 40)  # a pixel of 10 is 5 m on the ground


def test_labels_come_in_another_coordinate_system(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [to_degrees(each) for each in (box(10, 20, 30, 50), box(100, 100, 110, 110))]
    write_labels(
        tmp_path / "labels.geojson",
        shapes,
        {"crop": ["a", "a"], "split": ["train", "test"]},
        "EPSG:4326",
        layer_options={"COORDINATE_PRECISION": "12"},
    )
    target = opened(labels="labels.geojson")
    x1, y1, x2, y2 = windows(target)[0]
    # A box along the grid of UTM is turned a little on the map of degrees, not in its corners.
    assert [x1, y1, x2, y2] == [10, 20, 30, 50]
    assert np.array_equal(target.read("train", 0), one_scene[20:50, 10:30])


def test_scenes_in_several_coordinate_systems(opened: Opener, tmp_path: Path) -> None:
    left, right = scene_pixels(1), scene_pixels(2)
    write_scene(tmp_path / "scenes" / "a.tif", left, north_up())
    degrees = Affine(1e-4, 0, 10.0, 0, -1e-4, 50.0)
    write_scene(tmp_path / "scenes" / "b.tif", right, degrees, "EPSG:4326")
    inside = shapely.box(10.001, 49.998, 10.0025, 49.999)
    write_labels(
        tmp_path / "labels.gpkg",
        [to_degrees(box(10, 20, 30, 50)), inside, to_degrees(box(60, 60, 70, 70))],
        {"crop": ["a", "b", "a"], "split": ["train", "train", "test"]},
        "EPSG:4326",
    )
    target = opened()
    assert target.train.ids == ("a/a.tif_10_20_30_50", "b/b.tif_10_10_25_20")
    assert np.array_equal(target.read("train", 1), right[:, 10:20, 10:25].transpose(1, 2, 0))


def test_south_up_scenes_are_turned(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [box(10, 20, 30, 50)])
    expected = opened().read("train", 0)
    south_up = Affine(PIXEL, 0, LEFT, 0, PIXEL, TOP - SIDE * PIXEL)
    stored = one_scene[::-1].transpose(2, 0, 1)
    write_scene(tmp_path / "scenes" / "a.tif", stored, south_up)
    target = opened()
    assert windows(target) == [[10, SIDE - 50, 30, SIDE - 20]]
    assert np.array_equal(target.read("train", 0), expected)


def test_rotated_scenes(opened: Opener, tmp_path: Path) -> None:
    """The chip is the rectangle along the scene's own rows around the place."""
    cosine, sine = PIXEL * np.cos(0.5), PIXEL * np.sin(0.5)
    turned = Affine(cosine, sine, LEFT, sine, -cosine, TOP)
    pixels = scene_pixels()
    write_scene(tmp_path / "scenes" / "a.tif", pixels, turned)
    x, y = np.array([(10, 20), (30, 20), (30, 50), (10, 50)]).T
    place = np.stack([LEFT + cosine * x + sine * y, TOP + sine * x - cosine * y], axis=1)
    shape, other = shapely.Polygon(place), shapely.Polygon(place + [[600, 0]])
    label(tmp_path, [shape], [other])
    target = opened()
    assert windows(target) == [[10, 20, 30, 50]]
    assert np.array_equal(target.read("train", 0), pixels[:, 20:50, 10:30].transpose(1, 2, 0))


# Scenes


def test_scenes_without_a_coordinate_system(opened: Opener, tmp_path: Path) -> None:
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(), north_up(), None)
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match="the scene has no coordinate system") as error:
        opened()
    assert "scenes_crs" in str(error.value)
    assert "coordinates: pixels" in str(error.value)
    assert windows(opened(scenes_crs=UTM)) == [[10, 20, 30, 50]]
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels())
    with pytest.raises(TargetError, match="no transform from pixels to the map"):
        opened()


def test_ground_control_points_are_no_grid(opened: Opener, tmp_path: Path) -> None:
    points = [rasterio.control.GroundControlPoint(i, i, 3 + i, 50 + i) for i in range(4)]
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(), crs="EPSG:4326", gcps=points)
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match=r"only 4 ground control points[\s\S]*gdalwarp"):
        opened()


def test_pixel_coordinates(opened: Opener, tmp_path: Path) -> None:
    first, second = scene_pixels(1), scene_pixels(2)
    write_scene(tmp_path / "scenes" / "a.tif", first)
    shapes = [shapely.box(10, 20, 30, 50), shapely.box(1, 2, 3, 4)]
    columns = {"crop": ["a", "a"], "split": ["train", "test"], "image": ["a", "sub/b.tif"]}
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    target = opened(coordinates="pixels")
    assert target.train.ids == ("a/a.tif_10_20_30_50",)
    assert np.array_equal(target.read("train", 0), first[:, 20:50, 10:30].transpose(1, 2, 0))
    write_scene(tmp_path / "scenes" / "sub" / "b.tif", second)
    with pytest.raises(TargetError, match=r"there are 2 scenes[\s\S]*scene_column"):
        opened(coordinates="pixels")
    target = opened(coordinates="pixels", scene_column="image")
    assert target.test.ids == ("a/sub/b.tif_1_2_3_4",)
    assert np.array_equal(target.read("test", 0), second[:, 2:4, 1:3].transpose(1, 2, 0))
    columns["image"][0] = "c"
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    with pytest.raises(TargetError, match="the labels name the scene 'c'"):
        opened(coordinates="pixels", scene_column="image")


def test_of_several_scenes_the_fullest_then_the_first(opened: Opener, tmp_path: Path) -> None:
    holed = scene_pixels(1)
    holed[:, 40:, :] = 0
    whole = scene_pixels(2)
    write_scene(tmp_path / "scenes" / "a2.tif", holed, north_up(), nodata=0)
    write_scene(tmp_path / "scenes" / "a10.tif", whole, north_up(), nodata=0)
    write_scene(tmp_path / "scenes" / "b.tif", whole, north_up(), nodata=0)
    label(tmp_path, [box(10, 20, 30, 30), box(10, 35, 30, 45)])
    assert [each.split("_")[0] for each in opened().train.ids] == ["a/a2.tif", "a/a10.tif"]


def test_a_scene_that_shows_the_whole_chip_goes_before_one_that_cuts_it(
    opened: Opener, tmp_path: Path
) -> None:
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(1), north_up())
    write_scene(tmp_path / "scenes" / "b.tif", scene_pixels(2), north_up(LEFT + 600))
    label(tmp_path, [point(63, 64)], [point(120, 64)])  # three pixels within b
    assert opened(chip_size=20).train.ids == ("a/a.tif_53_54_73_74",)
    (tmp_path / "scenes" / "a.tif").unlink()
    assert opened(chip_size=20).train.ids == ("a/b.tif_0_54_20_74",)


def test_places_outside_are_counted(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    label(tmp_path, [box(10, 20, 30, 50), box(200, 20, 210, 30), box(-9, 5, -1, 9)])
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        target = opened()
    assert len(target.train) == 1
    assert "labels.gpkg: 2 of 4 places lie in no scene; they are left out" in target.remarks
    assert "2 of 4 places lie in no scene" in caplog.text
    label(tmp_path, [box(200, 20, 210, 30)], [box(200, 40, 210, 50)])
    with pytest.raises(TargetError, match=r"no labelled place has a chip: 2 of 2[\s\S]*one region"):
        opened()


def test_scenes_are_found_by_file_folder_pattern_and_list(opened: Opener, tmp_path: Path) -> None:
    for name in ("a.tif", "sub/b.TIFF", "sub/.hidden.tif"):
        write_scene(tmp_path / "scenes" / name, scene_pixels(), north_up())
    (tmp_path / "scenes" / "notes.txt").touch()
    label(tmp_path, [box(10, 20, 30, 50)])
    everywhere = ("scenes", ["scenes/a.tif", "scenes/sub"], "scenes/**/*.[tT]*[fF]*")
    assert {opened(scenes=each).content_hash for each in everywhere} == {opened().content_hash}
    assert opened(scenes="scenes/sub").train.ids == ("a/b.TIFF_10_20_30_50",)
    assert opened(scenes="scenes/*.tif").train.ids == ("a/a.tif_10_20_30_50",)
    with pytest.raises(NotPreparedError, match=r"names 'other/\*', where there is no scene"):
        opened(scenes=["scenes", "other/*"])


# Edges and pixels without data


def test_edges(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(2, 64), point(64, 64)], [point(100, 100)])
    assert windows(opened(chip_size=10)) == [[0, 59, 10, 69], [59, 59, 69, 69]]
    padded = opened(chip_size=10, edges="pad", nodata={"most": 0.3})
    assert windows(padded)[0] == [-3, 59, 7, 69]
    chip = padded.read("train", 0)
    assert not chip[:, :3].any()
    assert np.array_equal(chip[:, 3:], one_scene[59:69, :7])
    strict = opened(chip_size=10, edges="pad", nodata={"most": 0.29})
    assert windows(strict) == [[59, 59, 69, 69]]
    assert any("1 of 3 places have a chip with more than 29% without" in r for r in strict.remarks)
    skipping = opened(chip_size=10, edges="skip")
    assert windows(skipping) == [[59, 59, 69, 69]]
    assert any("1 of 3 places have a chip that reaches over" in r for r in skipping.remarks)


def test_a_chip_larger_than_its_scene_is_padded(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [point(2, 64)], [point(64, 64)])
    target = opened(chip_size=140, nodata={"most": 1})
    assert windows(target) == [[-12, -6, 128, 134]]
    chip = target.read("train", 0)
    assert np.array_equal(chip[6:134, 12:], one_scene)
    assert chip.astype(int).sum() == one_scene.astype(int).sum()


def test_too_large_objects_are_left_out(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(0, 0, 100, 50), box(0, 0, 99, 99)])
    target = opened(largest=99)
    assert windows(target) == [[0, 0, 99, 99]]
    assert any("1 of 3 places would have a chip of more than 99" in r for r in target.remarks)


def holed(path: Path, how: str) -> None:
    """A scene whose left half has no data, said by nodata value, mask or alpha band."""
    pixels = scene_pixels()
    if how == "alpha":
        alpha = np.full((1, SIDE, SIDE), 255, np.uint8)
        alpha[:, :, :64] = 0
        profile = {"photometric": "RGB", "alpha": "yes"}
        write_scene(path, np.concatenate([pixels, alpha]), north_up(), **profile)
        return
    if how != "mask":
        pixels[:, :, :64] = 0
    write_scene(path, pixels, north_up(), **({"nodata": 0} if how == "nodata" else {}))
    if how == "mask":
        mask = np.full((SIDE, SIDE), 255, np.uint8)
        mask[:, :64] = 0
        with rasterio.open(path, "r+") as scene:
            scene.write_mask(mask)


@pytest.mark.parametrize("how", ["nodata", "mask", "alpha", "stated"])
def test_pixels_without_data(opened: Opener, tmp_path: Path, how: str) -> None:
    holed(tmp_path / "scenes" / "a.tif", how)
    label(tmp_path, [box(54, 0, 74, 10), box(62, 20, 72, 30)], [box(100, 100, 110, 110)])
    value = {"value": 0} if how == "stated" else {}
    target = opened(nodata={"most": 0.2, **value})
    assert windows(target) == [[62, 20, 72, 30]]
    assert any("1 of 3 places have a chip with more than 20%" in each for each in target.remarks)
    chip = target.read("train", 0)
    assert not chip[:, :2].any()
    assert np.array_equal(chip[:, 2:], scene_pixels()[:, 20:30, 64:72].transpose(1, 2, 0))
    assert windows(opened(nodata={"most": 0.5, **value}))[0] == [54, 0, 74, 10]


def test_one_dark_band_is_no_hole(opened: Opener, tmp_path: Path) -> None:
    pixels = scene_pixels()
    pixels[0] = 0
    write_scene(tmp_path / "scenes" / "a.tif", pixels, north_up(), nodata=0)
    label(tmp_path, [box(10, 20, 30, 50)])
    expected = pixels[:, 20:50, 10:30].transpose(1, 2, 0)
    assert np.array_equal(opened().read("train", 0), expected)


def test_bands_of_sixteen_bits(opened: Opener, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 9000, (4, SIDE, SIDE), dtype=np.uint16)
    write_scene(tmp_path / "scenes" / "a.tif", values, north_up())
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(BandError, match="4 bands of type uint16"):
        opened()
    pixels = {
        "bands": ["B02", "B03", "B04", "B08"],
        "quantity": "reflectance",
        "full_scale": 10000,
        "use": ["B08", "B04"],
    }
    target = opened(pixels=pixels)
    assert target.imagery.bands == ("B08", "B04")
    assert np.array_equal(target.read("train", 0), values[[3, 2], 20:50, 10:30].transpose(1, 2, 0))
    with pytest.raises(BandError, match="the file has 4 bands, and 'bands' names 2"):
        opened(pixels={"bands": ["vv", "vh"], "full_scale": 10000})


def test_values_that_are_no_numbers_are_no_data(opened: Opener, tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, SIDE, SIDE)).astype(np.float32)
    values[0, :, :15] = np.nan
    write_scene(tmp_path / "scenes" / "a.tif", values, north_up())
    label(tmp_path, [box(5, 20, 20, 30), box(14, 20, 24, 30)])
    target = opened(pixels={"bands": ["vv", "vh"], "quantity": "amplitude", "full_scale": 1})
    assert windows(target) == [[14, 20, 24, 30]]
    chip = target.read("train", 0)
    assert not chip[:, 0].any()
    assert chip[:, 1:].any()


# Rows


def test_numbers_serve_as_names_in_natural_order(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10 * i, 0, 10 * i + 8, 8) for i in range(6)]
    split = ["train"] * 3 + ["test"] * 3
    label(tmp_path, shapes[:3], shapes[3:], crop=[10, 2, 1, 10, 2, 1], split=split)
    assert opened().class_names == ("1", "2", "10")
    label(tmp_path, shapes[:3], shapes[3:], crop=[10.0, 2.0, 1.5, 10.0, 2.0, 1.5], split=split)
    assert opened().class_names == ("1.5", "2", "10")
    target = opened(classes=["10", "2"], class_names={"10": "ten"})
    assert target.class_names == ("ten", "2")
    assert target.train.ids[0].startswith("10/")
    assert any("2 rows with labels that are not in 'classes'" in each for each in target.remarks)


BOW_TIE = shapely.Polygon([at(0, 0), at(9, 9), at(9, 0), at(0, 9)])
BAD_ROWS = {
    "without a shape": (None, "a"),
    "without a shape, empty": (shapely.Polygon(), "a"),
    "without a value in column 'crop'": (box(0, 0, 9, 9), None),
    "with an invalid polygon": (BOW_TIE, "a"),
    "with a shape of type LineString": (shapely.LineString([at(0, 0), at(9, 9)]), "a"),
    "with a shape of type MultiPoint": (shapely.MultiPoint([at(0, 0), at(9, 9)]), "a"),
    "with a point, without 'chip_size'": (point(5, 5), "a"),
    "with the shape of row 1 and another label": (box(10, 20, 30, 50), "b"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_bad_rows_stop_or_are_counted(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray, what: str
) -> None:
    shape, name = BAD_ROWS[what]
    label(
        tmp_path,
        [box(10, 20, 30, 50), shape],
        crop=["a", name, "a"],
        split=["train", "train", "test"],
    )
    message = what.split(",")[0] if "empty" in what else what
    with pytest.raises(TargetError, match=f"row 2 is one {message}") as error:
        opened()
    assert error.value.where == str(tmp_path / "labels.gpkg")
    target = opened(bad_rows="skip")
    assert windows(target) == [[10, 20, 30, 50]]
    assert any(f"rows left out: 1 {message}" in each for each in target.remarks)


def test_repetitions_are_left_out(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    reordered = shapely.Polygon(np.roll(shapely.get_coordinates(box(10, 20, 30, 50))[:4], 1, 0))
    nearly = box(10.1, 20.1, 30, 50)
    label(tmp_path, [box(10, 20, 30, 50), reordered, nearly])
    target = opened()
    assert windows(target) == [[10, 20, 30, 50]]
    assert "labels.gpkg: 1 rows repeat another one and are left out" in target.remarks
    assert any("1 chips repeat another chip's pixels and label" in each for each in target.remarks)


def test_the_same_row_in_train_and_test(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)], [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match="row 2 is one with the shape of row 1 and another split"):
        opened()


def test_missing_columns_and_layers(opened: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    file = label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match=r"no column 'kind'[\s\S]*one of: crop, split"):
        opened(label_column="kind")
    with pytest.raises(TargetError, match=r"no column 'fold'[\s\S]*'split: \{column"):
        opened(split={"by": "column", "column": "fold"})
    with pytest.raises(TargetError, match="has 'test' in column 'crop'; there are: a"):
        opened(split={"by": "column", "column": "crop", "train": "a"})
    write_labels(file, [box(0, 0, 9, 9)], {"crop": ["b"]}, layer="other", append=False)
    with pytest.raises(TargetError, match=r"the file has 2 layers[\s\S]*labels, other"):
        opened()
    assert opened(layer="labels").class_names == ("a",)
    with pytest.raises(TargetError, match="there is no layer 'third'"):
        opened(layer="third")
    with pytest.raises(NotPreparedError, match="the file of labels does not exist"):
        opened(labels="nothing.gpkg")
    (tmp_path / "text.gpkg").write_text("no GeoPackage")
    with pytest.raises(TargetError, match="the file of labels cannot be read"):
        opened(labels="text.gpkg")


def test_labels_without_a_coordinate_system(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    columns = {"crop": ["a", "a"], "split": ["train", "test"]}
    shapes = [box(10, 20, 30, 50), box(60, 60, 70, 70)]
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    with pytest.raises(TargetError, match=r"the labels have no coordinate system[\s\S]*labels_crs"):
        opened()
    assert windows(opened(labels_crs=UTM)) == [[10, 20, 30, 50]]
    write_labels(tmp_path / "labels.gpkg", shapes, columns, UTM)
    with pytest.raises(TargetError, match="UTM zone 31N by their file, and in EPSG:4326"):
        opened(labels_crs="EPSG:4326")


# Splits


def far_field(tmp_path: Path, places: int = 300, crs: str = UTM) -> None:
    """An 8 km scene, and random points of three classes, 70 %, 25 % and 5 % of them."""
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(0, 512), north_up(pixel=16))
    random = np.random.default_rng(1)
    columns, rows = random.uniform(0, 512 * 1.6, (2, places))
    names = random.choice(["a", "b", "c"], places, p=[0.7, 0.25, 0.05])
    points = [point(x, y) for x, y in zip(columns, rows, strict=True)]
    shapes = points if crs == UTM else [to_degrees(each) for each in points]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": names.tolist()}, crs)


def gaps(target: MapChips) -> np.ndarray:
    """Distance in pixels of each training window to the nearest test window; 0: overlap."""
    train, test = (np.array(windows(target, split)) for split in ("train", "test"))
    apart = np.maximum(
        train[:, None, :2] - test[None, :, 2:], test[None, :, :2] - train[:, None, 2:]
    )
    overlap = (apart < 0).all(axis=2).any(axis=1)
    distance = np.linalg.norm(np.clip(apart, 0, None), axis=2).min(axis=1)
    return np.where(overlap, -1.0, distance)


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326"])
@pytest.mark.parametrize("gap", [0, 160])
def test_blocks_do_not_leak(opened: Opener, tmp_path: Path, crs: str, gap: float) -> None:
    far_field(tmp_path, crs=crs)
    split = {"by": "blocks", "block_metres": 1600, "gap_metres": gap}
    target = opened(chip_size=16, split=split)
    distance = gaps(target)
    assert (distance >= gap / 16).all()
    assert len(target.train) + len(target.test) < 300  # some had to go
    assert any("training chips that" in each and "left out" in each for each in target.remarks)
    for samples in (target.train, target.test):
        assert (samples.counts(3) > 0).all()
    share = len(target.test) / 300
    assert 0.2 < share < 0.4
    again = opened(chip_size=16, split=split)
    assert again.content_hash == target.content_hash
    other = opened(chip_size=16, split=split | {"seed": 1})
    assert other.test.ids != target.test.ids


def test_whole_blocks_go_to_one_side(opened: Opener, tmp_path: Path) -> None:
    far_field(tmp_path)
    target = opened(chip_size=16, split={"by": "blocks", "block_metres": 1600})
    sides: dict[tuple[float, float], set[str]] = {}
    for split in ("train", "test"):
        for x1, y1, x2, y2 in windows(target, split):
            x, y = LEFT + 8 * (x1 + x2), TOP - 8 * (y1 + y2)
            sides.setdefault((x // 1600, y // 1600), set()).add(split)
    assert {len(each) for each in sides.values()} == {1}
    assert 25 <= len(sides) <= 49
    remark = next(each for each in target.remarks if "split by squares of 1600 m" in each)
    assert "UTM zone 31N" in remark


def test_chips_that_share_an_edge_do_not_overlap(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    tiles = [box(x, y, x + 16, y + 16) for x in range(0, 128, 16) for y in range(0, 128, 16)]
    write_labels(tmp_path / "labels.gpkg", tiles, {"crop": ["a"] * 64})
    blocks = {"by": "blocks", "block_metres": 320}
    whole = opened(split=blocks)
    assert len(whole.train) + len(whole.test) == 64
    gap = opened(split=blocks | {"gap_metres": 160})  # the next but one is just far enough
    assert gaps(gap).min() == 16
    assert len(gap.train) > 0


def test_a_class_in_one_block_only_is_for_training(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(x, y, x + 4, y + 4) for x in (5, 55, 105) for y in (5, 55, 105)]
    names = ["a"] * 8 + ["b"]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": names})
    for seed in range(5):
        split = {"by": "blocks", "block_metres": 500, "seed": seed, "test_fraction": 0.9}
        target = opened(split=split)
        assert target.train.counts(2).tolist()[1] == 1
        assert "classes without a test chip: b" in target.remarks
    with pytest.raises(TargetError, match=r"all chips lie in one[\s\S]*'block_metres' smaller"):
        opened(split={"by": "blocks", "block_metres": 1e8})
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": list("abcdefghi")})
    with pytest.raises(TargetError, match=r"each of the 9 squares of 500 m holds a class that"):
        opened(split={"by": "blocks", "block_metres": 500})


def test_a_class_that_the_gap_takes_away(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10, 10, 20, 20), box(60, 10, 70, 20)]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": ["a", "a"]})
    with pytest.raises(TargetError, match=r"classes without a training chip: a[\s\S]*smaller gap"):
        opened(split={"by": "blocks", "block_metres": 500, "gap_metres": 5000})


def test_split_by_scenes(opened: Opener, tmp_path: Path) -> None:
    shapes = []
    for index in range(4):
        shift = index * 64  # scenes overlap by a half
        write_scene(
            tmp_path / "scenes" / f"{index}.tif", scene_pixels(index), north_up(LEFT + 10 * shift)
        )
        shapes += [box(shift + x, 50, shift + x + 10, 60) for x in (2, 20, 40, 58, 80)]
    write_labels(tmp_path / "labels.gpkg", shapes, {"crop": ["a"] * len(shapes)})
    target = opened(split={"by": "scenes"})
    names = [{each.split("_")[0] for each in s.ids} for s in (target.train, target.test)]
    assert not names[0] & names[1]
    assert any("split by scenes" in each for each in target.remarks)


def test_random_and_column_splits_tell_of_overlap(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    crowd = [point(10 + x, 64) for x in range(0, 100, 5)]
    write_labels(tmp_path / "labels.gpkg", crowd, {"crop": ["a"] * 10 + ["b"] * 10})
    target = opened(chip_size=8, split={"by": "random", "seed": 3})
    assert target.test.counts(2).tolist() == [3, 3]
    assert "split at random: neighbours of test chips can be in train" in target.remarks
    leaking = sum(distance < 0 for distance in gaps_of_test(target))
    assert f"LEAK: {leaking} of 6 test chips overlap training chips" in target.remarks
    clean = opened(chip_size=8, split={"by": "random", "seed": 3, "gap_metres": 0})
    assert gaps(clean).min() >= 0
    assert not any("LEAK" in each for each in clean.remarks)
    label(tmp_path, [box(10, 20, 30, 50)], [box(29, 49, 40, 60)])
    assert "LEAK: 1 of 1 test chips overlap training chips" in opened().remarks


def gaps_of_test(target: MapChips) -> list[float]:
    train, test = (np.array(windows(target, split)) for split in ("train", "test"))
    apart = np.maximum(
        train[:, None, :2] - test[None, :, 2:], test[None, :, :2] - train[:, None, 2:]
    )
    return np.where((apart < 0).all(axis=2).any(axis=0), -1.0, 1.0).tolist()


def test_other_values_of_the_split_column(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [box(10 * i, 0, 10 * i + 8, 8) for i in range(4)]
    label(tmp_path, shapes[:2], shapes[2:], split=["1", "val", "2", "2"])
    target = opened(split={"by": "column", "train": "1", "test": "2"})
    assert (len(target.train), len(target.test)) == (1, 2)
    assert "1 chips of other values in column 'split' are left out" in target.remarks


def test_deal_gives_every_class_both_sides_where_it_can() -> None:
    """A closed form: two units hold each class, so that each side must get one of them."""
    counts = np.array([[10, 0, 0], [1, 0, 0], [0, 7, 0], [0, 2, 0], [0, 0, 3], [0, 0, 3]])
    for seed in range(20):
        test = deal(counts, 0.3, np.random.default_rng(seed))
        assert (counts[test].sum(axis=0) > 0).all()
        assert (counts[~test].sum(axis=0) > 0).all()


def test_deal_comes_near_the_share() -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(4, (200, 5))
    test = deal(counts, 0.3, random)
    assert counts[test].sum(axis=0) / counts.sum(axis=0) == pytest.approx(0.3, abs=0.03)


def scene_at(crs: str, transform: Affine, name: str = "a.tif") -> Scene:
    return Scene(name, Path(name), SIDE, SIDE, tuple(transform)[:6], crs, ("grey",), False, "")


def test_metres_of_footprints() -> None:
    """100 pixels of 1/1000 degree: at the equator 11.1 km, and at 60 degrees half as much."""
    window = np.array([[0, 0, 100, 100]])
    for latitude, expected in ((0.0, 11_131.9), (60.0, 5_570.0)):
        scene = scene_at("EPSG:4326", Affine(1e-3, 0, 9, 0, -1e-3, latitude + 0.05))
        ground = footprints([scene], np.array([0]), window)
        assert "UTM zone 32" in ground.system
        width = np.linalg.norm(ground.corners[0, 1] - ground.corners[0, 0])
        assert width == pytest.approx(expected, rel=2e-3)
    mercator = scene_at("EPSG:3857", Affine(10, 0, 1e6, 0, -10, 8.4e6))
    assert "UTM zone 32" in footprints([mercator], np.array([0]), window).system


def test_a_gap_holds_all_over_the_world() -> None:
    """At 70 degrees north EPSG:6933 squeezes 1 km northwards to 0.4, and stretches eastwards."""
    scenes = [
        scene_at("EPSG:4326", Affine(1e-3, 0, longitude, 0, -1e-3, latitude))
        for longitude, latitude in ((0, 70), (90, 0), (-120, -40))
    ]
    east = [0, 0, 10, 10], [10 + 26, 0, 46, 10]  # 26 pixels between them are 0.99 km
    windows = np.array([*east, [0, 0, 10, 10], [0, 0, 10, 10]])
    ground = footprints(scenes, np.array([0, 0, 1, 2]), windows)
    first, second = np.eye(4, dtype=bool)[:2]
    assert "UTM" not in ground.system
    assert ground.stretch > 2
    assert ground.near(first, second, 1000)[0]
    assert not ground.near(first, second, 200)[0]


# Reading, remembering, identity


def test_each_scene_is_opened_once_and_no_whole_scene_is_read(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_field(tmp_path)
    target = opened(chip_size=16, split={"by": "random"})
    opens: list[str] = []
    shapes: set[tuple[int, ...]] = set()
    rasterio_open = rasterio.open

    class Watched:
        def __init__(self, raster: Any) -> None:
            self._raster = raster

        def __getattr__(self, name: str) -> Any:
            return getattr(self._raster, name)

        def __enter__(self) -> Any:
            self._raster.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self._raster.__exit__(*error)

        def read(self, *args: Any, **kwargs: Any) -> Any:
            values = self._raster.read(*args, **kwargs)
            shapes.add(values.shape)
            return values

    def watch(path: Any, *args: Any, **kwargs: Any) -> Any:
        opens.append(str(path))
        return Watched(rasterio_open(path, *args, **kwargs))

    monkeypatch.setattr(rasterio, "open", watch)
    images = list(target.read_many("train", range(len(target.train))))
    assert len(images) == len(target.train) > 100
    assert len(opens) == 1
    assert shapes == {(3, 16, 16)}
    assert np.array_equal(images[7], target.read("train", 7))


def test_a_target_goes_to_other_processes(
    opened: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)])
    target = opened()
    target.read("train", 0)
    copy = pickle.loads(pickle.dumps(target))
    assert np.array_equal(copy.read("train", 0), one_scene[20:50, 10:30])
    assert copy.content_hash == target.content_hash


def test_reopening_reads_neither_labels_nor_pixels(
    opened: Opener, tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    holed(tmp_path / "scenes" / "a.tif", "nodata")
    label(tmp_path, [box(54, 0, 74, 10), box(62, 20, 72, 30)])
    first = opened(nodata={"most": 0.2})

    def never(*args: object, **kwargs: object) -> None:
        raise RuntimeError("must not be called")

    with monkeypatch.context() as patch:
        patch.setattr(pyogrio.raw, "read", never)
        patch.setattr("rsbench_datasets.map_chips.reading.raster_values", never)
        again = opened(nodata={"most": 0.2}, groups={"rule": "thresholds"}, disclaimer="demo")
        with pytest.raises(RuntimeError, match="must not"):
            opened(nodata={"most": 0.5})
    assert again.train.ids == first.train.ids
    assert again.remarks == first.remarks
    for file in (folders.cache / "map_chips").iterdir():
        file.write_bytes(b"damage")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        assert opened(nodata={"most": 0.2}).content_hash == first.content_hash
    assert "is damaged and is made anew" in caplog.text


def test_what_changes_the_content_hash(opened: Opener, tmp_path: Path, folders: Folders) -> None:
    scene = tmp_path / "scenes" / "a.tif"
    write_scene(scene, scene_pixels(), north_up())
    label(tmp_path, [box(10, 20, 30, 50), box(60, 20, 70, 50)])
    before = opened().content_hash
    assert opened(disclaimer="other", bad_rows="skip").content_hash == before
    seen = {before}

    def changed(**options: Any) -> None:
        digest = opened(**options).content_hash
        assert digest not in seen
        seen.add(digest)

    changed(margin=1)
    changed(nodata={"value": 7})
    changed(pixels={"bands": ["red", "green", "blue"]})
    changed(split={"by": "random", "seed": 1})
    changed(class_names=["b"])
    label(tmp_path, [box(10, 20, 30, 50), box(61, 20, 70, 50)])
    changed()
    label(tmp_path, [box(10, 20, 30, 50), box(60, 20, 70, 50)])
    assert opened().content_hash == before
    write_scene(scene, scene_pixels(), north_up(), nodata=0)
    changed()
    pixels = scene_pixels()
    pixels[0, 0, 0] ^= 1
    write_scene(scene, pixels, north_up())
    changed()


def test_the_hash_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "two/deeper"):
        base = tmp_path / place
        write_scene(base / "scenes" / "a.tif", scene_pixels(), north_up())
        label(base, [box(10, 20, 30, 50)])
        options = MapChips.Options.model_validate(
            {"scenes": "scenes", "labels": "labels.gpkg", "label_column": "crop",
             "split": BY_COLUMN}
        )  # fmt: skip
        folders = Folders(data=base, cache=base / "cache", base=base)
        digests.add(MapChips.open(place, options, folders).content_hash)
    assert len(digests) == 1


def test_damaged_scenes(opened: Opener, tmp_path: Path) -> None:
    scene = tmp_path / "scenes" / "a.tif"
    label_shapes = [box(10, 5, 30, 15), box(10, 100, 30, 120)]

    def damage(**profile: Any) -> None:
        write_scene(scene, scene_pixels(0), north_up(), compress="deflate", **profile)
        content = bytearray(scene.read_bytes())
        content[-2000:] = os.urandom(2000)  # the last block in the file is the last of the scene
        scene.write_bytes(bytes(content))

    damage()
    label(tmp_path, label_shapes)
    target = opened()
    images = list(target.read_many("test", range(len(target.test))))
    assert isinstance(images[0], ImageError)
    with pytest.raises(ImageError, match="do not decode") as error:
        target.read("test", 0)
    assert error.value.where == str(scene)
    assert target.read("train", 0).shape == (10, 20, 3)
    damage(nodata=0)
    with pytest.raises(ImageError, match="do not decode"):
        opened()
    label(tmp_path, [*label_shapes, box(100, 100, 105, 105)], [box(80, 5, 90, 15)])
    skipping = opened(on_bad_image="skip")
    assert skipping.on_bad_image == "skip"
    assert any("places have a chip that does not decode" in each for each in skipping.remarks)
    scene.write_bytes(b"")
    with pytest.raises(ImageError, match="empty"):
        opened()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chip_size": 4, "chip_metres": 4}, "not both"),
        ({"cut": "middle"}, "'cut: middle' needs"),
        ({"classes": ["a", "a"]}, "listed twice: a"),
        ({"scene_column": "x"}, "is for 'coordinates: pixels'"),
        ({"coordinates": "pixels", "chip_metres": 5}, "does not go with: chip_metres"),
        (
            {"coordinates": "pixels", "split": {"by": "blocks", "block_metres": 5}},
            "does not go with: split",
        ),
        ({"split": {"by": "magic"}}, "'blocks', 'scenes', 'column', 'random'"),
        ({"split": {"by": "blocks"}}, "block_metres"),
        ({"pixels": {"bands": ["vv"], "nodata": 0}}, "state 'nodata: "),
        ({"nodata": {"most": 2}}, "less than or equal to 1"),
    ],
)
def test_options_that_contradict(opened: Opener, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        opened(**options)
