import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from maps import (
    LEFT,
    PIXEL,
    SIDE,
    TOP,
    UTM,
    Opener,
    box,
    holed,
    label,
    north_up,
    point,
    scene_pixels,
    to_degrees,
    windows,
    write_labels,
    write_scene,
)
from rasterio.transform import Affine
from rasterio.warp import transform as change

from rsbench.errors import BandError, NotPreparedError, TargetError


def test_boxes_become_their_pixels(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50), box(40.2, 60.5, 44.1, 61.5)])
    target = open_chips()
    assert target.train.ids == ("a/a.tif_10_20_30_50", "a/a.tif_40_60_45_62")
    assert np.array_equal(target.read("train", 0), one_scene[20:50, 10:30])
    assert np.array_equal(target.read("train", 1), one_scene[60:62, 40:45])
    assert target.imagery.bands == ("red", "green", "blue")


def test_points_become_squares(open_chips: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(50, 60), point(20.5, 30.5)], [point(100, 100)])
    assert windows(open_chips(chip_size=4)) == [[19, 29, 23, 33], [48, 58, 52, 62]]
    target = open_chips(chip_size=5)
    assert windows(target)[0] == [18, 28, 23, 33]  # pixel 20 is in the middle
    assert np.array_equal(target.read("train", 0), one_scene[28:33, 18:23])


def test_sizes_in_metres(open_chips: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(50, 60)], [point(100, 100)])
    assert windows(open_chips(chip_metres=200)) == [[40, 50, 60, 70]]
    label(tmp_path, [box(50, 60, 52, 62)])
    assert windows(open_chips(margin=1, margin_metres=30)) == [[46, 56, 56, 66]]
    assert windows(open_chips(cut="middle", chip_size=10)) == [[46, 56, 56, 66]]


def test_boxes_that_keep_their_bounds_in_spite_of_a_size_are_told(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(50, 60, 52, 62), point(20, 20)], [box(100, 100, 109, 109)])
    target = open_chips(chip_metres=200)
    assert windows(target) == [[10, 10, 30, 30], [50, 60, 52, 62]]
    told = (
        "maps: labels.gpkg: 2 boxes and polygons keep their bounds: 'chip_metres' is for points, "
        "unless 'cut: middle' is set"
    )
    assert told in target.remarks
    assert told in open_chips(chip_metres=200).remarks  # as remembered
    assert not any("bounds" in each for each in open_chips(chip_metres=200, cut="middle").remarks)
    label(tmp_path, [point(20, 20)], [point(90, 90)])
    assert not any("bounds" in each for each in open_chips(chip_size=20).remarks)


def test_metres_on_a_grid_of_degrees_and_in_web_mercator(
    open_chips: Opener, tmp_path: Path
) -> None:
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
    x1, y1, x2, y2 = windows(open_chips(chip_metres=2000))[0]
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
    x1, y1, x2, y2 = windows(open_chips(chip_metres=200))[0]
    assert (x2 - x1, y2 - y1) == (40, 40)  # a pixel of 10 is 5 m on the ground


def test_labels_come_in_another_coordinate_system(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    shapes = [to_degrees(each) for each in (box(10, 20, 30, 50), box(100, 100, 110, 110))]
    write_labels(
        tmp_path / "labels.geojson",
        shapes,
        {"crop": ["a", "a"], "split": ["train", "test"]},
        "EPSG:4326",
        layer_options={"COORDINATE_PRECISION": "12"},
    )
    target = open_chips(labels="labels.geojson")
    x1, y1, x2, y2 = windows(target)[0]
    # A box along the grid of UTM is turned a little on the map of degrees, not in its corners.
    assert [x1, y1, x2, y2] == [10, 20, 30, 50]
    assert np.array_equal(target.read("train", 0), one_scene[20:50, 10:30])


def test_scenes_in_several_coordinate_systems(open_chips: Opener, tmp_path: Path) -> None:
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
    target = open_chips()
    assert target.train.ids == ("a/a.tif_10_20_30_50", "b/b.tif_10_10_25_20")
    assert np.array_equal(target.read("train", 1), right[:, 10:20, 10:25].transpose(1, 2, 0))


def test_south_up_scenes_are_turned(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(10, 20, 30, 50)])
    expected = open_chips().read("train", 0)
    south_up = Affine(PIXEL, 0, LEFT, 0, PIXEL, TOP - SIDE * PIXEL)
    stored = one_scene[::-1].transpose(2, 0, 1)
    write_scene(tmp_path / "scenes" / "a.tif", stored, south_up)
    target = open_chips()
    assert windows(target) == [[10, SIDE - 50, 30, SIDE - 20]]
    assert np.array_equal(target.read("train", 0), expected)


def test_rotated_scenes(open_chips: Opener, tmp_path: Path) -> None:
    """The chip is the rectangle along the scene's own rows around the place."""
    cosine, sine = PIXEL * np.cos(0.5), PIXEL * np.sin(0.5)
    turned = Affine(cosine, sine, LEFT, sine, -cosine, TOP)
    pixels = scene_pixels()
    write_scene(tmp_path / "scenes" / "a.tif", pixels, turned)
    x, y = np.array([(10, 20), (30, 20), (30, 50), (10, 50)]).T
    place = np.stack([LEFT + cosine * x + sine * y, TOP + sine * x - cosine * y], axis=1)
    shape, other = shapely.Polygon(place), shapely.Polygon(np.add(place, (600, 0)))
    label(tmp_path, [shape], [other])
    target = open_chips()
    assert windows(target) == [[10, 20, 30, 50]]
    assert np.array_equal(target.read("train", 0), pixels[:, 20:50, 10:30].transpose(1, 2, 0))


# Scenes


def test_scenes_without_a_coordinate_system(open_chips: Opener, tmp_path: Path) -> None:
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(), north_up(), None)
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match="the scene has no coordinate system") as error:
        open_chips()
    assert "scenes_crs" in str(error.value)
    assert "coordinates: pixels" in str(error.value)
    assert windows(open_chips(scenes_crs=UTM)) == [[10, 20, 30, 50]]
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels())
    with pytest.raises(TargetError, match="no transform from pixels to the map"):
        open_chips()


def test_ground_control_points_are_no_grid(open_chips: Opener, tmp_path: Path) -> None:
    points = [rasterio.control.GroundControlPoint(i, i, 3 + i, 50 + i) for i in range(4)]
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(), crs="EPSG:4326", gcps=points)
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(TargetError, match=r"only 4 ground control points[\s\S]*gdalwarp"):
        open_chips()


def test_pixel_coordinates(open_chips: Opener, tmp_path: Path) -> None:
    first, second = scene_pixels(1), scene_pixels(2)
    write_scene(tmp_path / "scenes" / "a.tif", first)
    shapes = [shapely.box(10, 20, 30, 50), shapely.box(1, 2, 3, 4)]
    columns = {"crop": ["a", "a"], "split": ["train", "test"], "image": ["a", "sub/b.tif"]}
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    target = open_chips(coordinates="pixels")
    assert target.train.ids == ("a/a.tif_10_20_30_50",)
    assert np.array_equal(target.read("train", 0), first[:, 20:50, 10:30].transpose(1, 2, 0))
    write_scene(tmp_path / "scenes" / "sub" / "b.tif", second)
    with pytest.raises(TargetError, match=r"there are 2 scenes[\s\S]*scene_column"):
        open_chips(coordinates="pixels")
    target = open_chips(coordinates="pixels", scene_column="image")
    assert target.test.ids == ("a/sub/b.tif_1_2_3_4",)
    assert np.array_equal(target.read("test", 0), second[:, 2:4, 1:3].transpose(1, 2, 0))
    columns["image"][0] = "c"
    write_labels(tmp_path / "labels.gpkg", shapes, columns, None)
    with pytest.raises(TargetError, match="the labels name the scene 'c'"):
        open_chips(coordinates="pixels", scene_column="image")


def test_of_several_scenes_the_fullest_then_the_first(open_chips: Opener, tmp_path: Path) -> None:
    holed = scene_pixels(1)
    holed[:, 40:, :] = 0
    whole = scene_pixels(2)
    write_scene(tmp_path / "scenes" / "a2.tif", holed, north_up(), nodata=0)
    write_scene(tmp_path / "scenes" / "a10.tif", whole, north_up(), nodata=0)
    write_scene(tmp_path / "scenes" / "b.tif", whole, north_up(), nodata=0)
    label(tmp_path, [box(10, 20, 30, 30), box(10, 35, 30, 45)])
    assert [each.split("_")[0] for each in open_chips().train.ids] == ["a/a2.tif", "a/a10.tif"]


def test_a_scene_that_shows_the_whole_chip_goes_before_one_that_cuts_it(
    open_chips: Opener, tmp_path: Path
) -> None:
    write_scene(tmp_path / "scenes" / "a.tif", scene_pixels(1), north_up(LEFT + 600))
    write_scene(tmp_path / "scenes" / "b.tif", scene_pixels(2), north_up())
    label(tmp_path, [point(63, 64)], [point(120, 64)])  # three pixels within a
    assert open_chips(chip_size=20).train.ids == ("a/b.tif_53_54_73_74",)
    (tmp_path / "scenes" / "b.tif").unlink()
    assert open_chips(chip_size=20).train.ids == ("a/a.tif_0_54_20_74",)


def test_places_outside_are_counted(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    label(tmp_path, [box(10, 20, 30, 50), box(200, 20, 210, 30), box(-9, 5, -1, 9)])
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        target = open_chips()
    assert len(target.train) == 1
    assert "maps: labels.gpkg: 2 of 4 places lie in no scene; they are left out" in target.remarks
    assert "2 of 4 places lie in no scene" in caplog.text
    shapes = [to_degrees(box(10, 20, 30, 50)), shapely.Point(95, 0), shapely.Point(-120, 89)]
    columns = {"crop": ["a"] * 4, "split": ["train"] * 3 + ["test"]}
    shapes.append(to_degrees(box(60, 60, 70, 70)))
    write_labels(tmp_path / "labels.gpkg", shapes, columns, "EPSG:4326")
    assert len(open_chips(chip_size=4).train) == 1  # UTM has no coordinates there
    label(tmp_path, [box(200, 20, 210, 30)], [box(200, 40, 210, 50)])
    with pytest.raises(TargetError, match=r"no labelled place has a chip: 2 of 2[\s\S]*one region"):
        open_chips()


def test_scenes_are_found_by_file_folder_pattern_and_list(
    open_chips: Opener, tmp_path: Path
) -> None:
    for name in ("a.tif", "sub/b.TIFF", "sub/.hidden.tif", "@eaDir/a.tif"):
        write_scene(tmp_path / "scenes" / name, scene_pixels(), north_up())
    for name in ("notes.txt", "sketch.png", "old.bak", "a.prj"):
        (tmp_path / "scenes" / name).touch()
    (tmp_path / "scenes" / "gone.tif").symlink_to(tmp_path / "nowhere.tif")
    label(tmp_path, [box(10, 20, 30, 50)])
    everywhere = ("scenes", ["scenes/a.tif", "scenes/sub"], "scenes/**/*.[tT]*[fF]*")
    assert {open_chips(scenes=each).content_hash for each in everywhere} == {
        open_chips().content_hash
    }
    assert (
        "maps: scenes: left out: 2 hidden or system files and folders (.hidden.tif, @eaDir); "
        "1 pipes, devices or links that lead back or nowhere (gone.tif); 1 .png: images of a kind "
        "that is not read; 1 .bak, 1 .txt: no images"
    ) in open_chips().remarks
    assert not any("left out" in each for each in open_chips(scenes="scenes/a.tif").remarks)
    assert open_chips(scenes="scenes/sub").train.ids == ("a/b.TIFF_10_20_30_50",)
    assert open_chips(scenes="scenes/*.tif").train.ids == ("a/a.tif_10_20_30_50",)
    with pytest.raises(NotPreparedError, match=r"names 'other/\*', where there is no scene"):
        open_chips(scenes=["scenes", "other/*"])


# Edges and pixels without data


def test_edges(open_chips: Opener, tmp_path: Path, one_scene: np.ndarray) -> None:
    label(tmp_path, [point(2, 64), point(64, 64)], [point(100, 100)])
    assert windows(open_chips(chip_size=10)) == [[0, 59, 10, 69], [59, 59, 69, 69]]
    padded = open_chips(chip_size=10, edges="pad", nodata={"most": 0.3})
    assert windows(padded)[0] == [-3, 59, 7, 69]
    chip = padded.read("train", 0)
    assert not chip[:, :3].any()
    assert np.array_equal(chip[:, 3:], one_scene[59:69, :7])
    strict = open_chips(chip_size=10, edges="pad", nodata={"most": 0.29})
    assert windows(strict) == [[59, 59, 69, 69]]
    assert any("1 of 3 places have a chip with more than 29% without" in r for r in strict.remarks)
    skipping = open_chips(chip_size=10, edges="skip")
    assert windows(skipping) == [[59, 59, 69, 69]]
    assert any("1 of 3 places have a chip that reaches over" in r for r in skipping.remarks)


def test_a_chip_larger_than_its_scene_is_padded(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [point(2, 64)], [point(64, 64)])
    target = open_chips(chip_size=140, nodata={"most": 1})
    assert windows(target) == [[-12, -6, 128, 134]]
    chip = target.read("train", 0)
    assert np.array_equal(chip[6:134, 12:], one_scene)
    assert chip.astype(int).sum() == one_scene.astype(int).sum()


def test_too_large_objects_are_left_out(
    open_chips: Opener, tmp_path: Path, one_scene: np.ndarray
) -> None:
    label(tmp_path, [box(0, 0, 100, 50), box(0, 0, 99, 99)])
    target = open_chips(largest=99)
    assert windows(target) == [[0, 0, 99, 99]]
    assert any("1 of 3 places would have a chip of more than 99" in r for r in target.remarks)


@pytest.mark.parametrize("how", ["nodata", "mask", "alpha", "stated"])
def test_pixels_without_data(open_chips: Opener, tmp_path: Path, how: str) -> None:
    holed(tmp_path / "scenes" / "a.tif", how)
    label(tmp_path, [box(54, 0, 74, 10), box(62, 20, 72, 30)], [box(100, 100, 110, 110)])
    value = {"value": 0} if how == "stated" else {}
    target = open_chips(nodata={"most": 0.2, **value})
    assert windows(target) == [[62, 20, 72, 30]]
    assert any("1 of 3 places have a chip with more than 20%" in each for each in target.remarks)
    chip = target.read("train", 0)
    assert not chip[:, :2].any()
    assert np.array_equal(chip[:, 2:], scene_pixels()[:, 20:30, 64:72].transpose(1, 2, 0))
    assert windows(open_chips(nodata={"most": 0.5, **value}))[0] == [54, 0, 74, 10]


def test_one_dark_band_is_no_hole(open_chips: Opener, tmp_path: Path) -> None:
    pixels = scene_pixels()
    pixels[0] = 0
    write_scene(tmp_path / "scenes" / "a.tif", pixels, north_up(), nodata=0)
    write_scene(tmp_path / "plain.tif", pixels, north_up())
    label(tmp_path, [box(10, 20, 30, 50)])
    expected = pixels[:, 20:50, 10:30].transpose(1, 2, 0)
    assert np.array_equal(open_chips().read("train", 0), expected)
    stated = open_chips(scenes="plain.tif", nodata={"value": 0})
    assert np.array_equal(stated.read("train", 0), expected)


def test_bands_of_sixteen_bits(open_chips: Opener, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 9000, (4, SIDE, SIDE), dtype=np.uint16)
    write_scene(tmp_path / "scenes" / "a.tif", values, north_up())
    label(tmp_path, [box(10, 20, 30, 50)])
    with pytest.raises(BandError, match="4 bands of type uint16"):
        open_chips()
    pixels = {
        "bands": ["B02", "B03", "B04", "B08"],
        "quantity": "reflectance",
        "full_scale": 10000,
        "use": ["B08", "B04"],
    }
    target = open_chips(pixels=pixels)
    assert target.imagery.bands == ("B08", "B04")
    assert np.array_equal(target.read("train", 0), values[[3, 2], 20:50, 10:30].transpose(1, 2, 0))
    with pytest.raises(BandError, match="the file has 4 bands, and 'bands' names 2"):
        open_chips(pixels={"bands": ["vv", "vh"], "full_scale": 10000})


def test_values_that_are_no_numbers_are_no_data(open_chips: Opener, tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, SIDE, SIDE)).astype(np.float32)
    values[0, :, :15] = np.nan
    write_scene(tmp_path / "scenes" / "a.tif", values, north_up())
    label(tmp_path, [box(5, 20, 20, 30), box(14, 20, 24, 30)])
    target = open_chips(pixels={"bands": ["vv", "vh"], "quantity": "amplitude", "full_scale": 1})
    assert windows(target) == [[14, 20, 24, 30]]
    chip = target.read("train", 0)
    assert not chip[:, 0].any()
    assert chip[:, 1:].any()
